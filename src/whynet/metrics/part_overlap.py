"""What the metrics that lay filters over parts have in common: thresholds, the IoU that decides, and what is counted.

A filter's region is where its map is above its threshold; a part is a mask. `Dissection` adds their overlaps up over
all images, `PartInterpretability` looks at each image by itself.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.metrics.filter_maps import check_numbers, checked_thresholds
from whynet.metrics.record_metric import RecordMetric


class PartOverlapMetric(RecordMetric):
    """A metric of the IoU between filters and parts.

    Args:
        num_filters: How many maps each image has.
        num_parts: How many parts there are.
        thresholds: Above which a filter's map is its region, at least 0.
        iou: Above which filter and part go together, in [0, 1).

    Attributes:
        empty_masks: On how many images each part is said to be present, but has an empty mask (a state).
        total: How many images there were (a state).

    Raises:
        SettingError: There is no filter or part, or a threshold or the IoU is out of its range.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    empty_masks: Tensor
    total: Tensor
    thresholds: Tensor

    def __init__(
        self, num_filters: int, num_parts: int, thresholds: Float[Tensor, " thresholds"], *, iou: float
    ) -> None:
        super().__init__()
        check_numbers(num_filters=num_filters, num_parts=num_parts)
        if not 0 <= iou < 1:
            raise SettingError(f"an IoU of at least 0 and below 1 was expected, not {iou}")
        self.num_filters, self.num_parts, self.iou = num_filters, num_parts, iou
        self.register_buffer("thresholds", checked_thresholds(thresholds, num_filters), persistent=False)
        self.add_state("empty_masks", torch.zeros(num_parts, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def _check_some(self, name: str) -> None:
        """Raises `DataError` where there was no image yet; `name` is what is measured."""
        if not int(self.total):
            raise DataError(f"{name} needs at least 1 image, but there are 0; call update first")
