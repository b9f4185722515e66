"""Filter activity: for which class does each filter fire most, which filters never do, and which classes have some?

Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935, section 5.2.1. For filter
f with map x on image I, and the images I_c of class c

    category of f = argmax_c mean over I in I_c of sum_ij x_ij

The authors' released code takes the maximum of the map in place of its sum, and so both means are here. A category by
arg-max says little where many filters have the same: `classes_with_filters` tells how many classes own any.

Differs from the paper: a filter without a value above 0 on any image is dead and has no category. A class without
images has no mean and owns no filter by arg-max.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from whynet.base.errors import DataError
from whynet.metrics.filter_maps import FilterMaps, best, check_labels, check_maps, check_numbers, checked_assignment
from whynet.metrics.record_metric import RecordMetric


@dataclass(frozen=True, kw_only=True, eq=False)
class FilterActivityFigures:
    """What the filters fire for.

    Args:
        category: Of each filter, by the sum of its map, the first of equals; -1 for a dead one.
        category_by_maximum: The same by the maximum of its map.
        mean_sums: Mean over the images of a class of the sum of the map; NaN for a class without images.
        mean_maxima: The same of its maximum.
        images: How many images each class has.
        dead: Which filters are not above 0 anywhere.
        num_dead: How many are dead.
        classes_with_filters: How many classes are the category of some filter.
        classes_with_filters_share: The same as a share of all classes, in [0, 1].
        assigned_classes_with_filters: How many classes some filter is assigned to, dead ones included; None without an
            assignment.
        assigned_classes_with_filters_share: The same as a share of all classes.
    """

    category: Int[Tensor, " filters"]
    category_by_maximum: Int[Tensor, " filters"]
    mean_sums: Float[Tensor, "filters classes"]
    mean_maxima: Float[Tensor, "filters classes"]
    images: Int[Tensor, " classes"]
    dead: Bool[Tensor, " filters"]
    num_dead: int
    classes_with_filters: int
    classes_with_filters_share: float
    assigned_classes_with_filters: int | None
    assigned_classes_with_filters_share: float | None


class FilterActivity(RecordMetric):
    """Mean activity of each filter on the images of each class.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is sums, added over devices.

    Args:
        num_filters: How many maps each image has.
        num_classes: How many classes there are; 1 is one, too.
        assigned: A class for each filter, -1 for none, whose owners are to be counted as well: such as the categories
            that training gave them.

    Raises:
        SettingError: There is no filter or class, or the assignment does not fit.
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False

    sums: Tensor
    maxima: Tensor
    images: Tensor
    fired: Tensor
    assigned: Tensor | None

    def __init__(self, num_filters: int, num_classes: int, *, assigned: Int[Tensor, " assigned"] | None = None) -> None:
        super().__init__()
        check_numbers(num_filters=num_filters, num_classes=num_classes)
        self.num_filters, self.num_classes = num_filters, num_classes
        assigned = checked_assignment(assigned, num_filters, num_classes)
        self.register_buffer("assigned", assigned, persistent=False)
        for name in ("sums", "maxima"):
            self.add_state(name, torch.zeros(num_filters, num_classes, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros(num_classes, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("fired", torch.zeros(num_filters, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, maps: FilterMaps, labels: Int[Tensor, " labels"]) -> None:
        """Count some images.

        Args:
            maps: After rectifier or mask.
            labels: The class of each image.

        Raises:
            DataError: The numbers of images or filters do not fit, a label is out of range, or a map has NaN or
                infinity.
        """
        check_maps(maps, self.num_filters)
        check_labels(labels, len(maps), self.num_classes)
        flat = maps.detach().double().flatten(2)
        maxima = flat.amax(2)
        self.sums.index_add_(1, labels.long(), flat.sum(2).T)
        self.maxima.index_add_(1, labels.long(), maxima.T)
        self.images += labels.long().bincount(minlength=self.num_classes)
        self.fired += (maxima > 0).sum(0)

    def compute(self) -> FilterActivityFigures:
        """The figures of all images so far.

        Raises:
            DataError: There was no image.
        """
        if not int(self.images.sum()):
            raise DataError("the activity of filters needs at least 1 image, but there are 0; call update first")
        dead = self.fired == 0
        mean_sums, mean_maxima = self.sums / self.images, self.maxima / self.images  # 0 / 0 is NaN
        category, by_maximum = (best(means)[1].where(~dead, -1) for means in (mean_sums, mean_maxima))
        owners, assigned = _num_owners(category), None if self.assigned is None else _num_owners(self.assigned)
        return FilterActivityFigures(
            category=category,
            category_by_maximum=by_maximum,
            mean_sums=mean_sums,
            mean_maxima=mean_maxima,
            images=self.images.clone(),
            dead=dead,
            num_dead=int(dead.sum()),
            classes_with_filters=owners,
            classes_with_filters_share=owners / self.num_classes,
            assigned_classes_with_filters=assigned,
            assigned_classes_with_filters_share=None if assigned is None else assigned / self.num_classes,
        )


def _num_owners(category: Int[Tensor, " filters"]) -> int:
    return len(set(category.tolist()) - {-1})
