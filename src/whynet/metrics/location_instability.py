"""Location instability: how far a filter wanders from the object's landmarks.

Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935, section 5.2.2:

    d_I(f, k) = ||p_k - p_f|| / sqrt(height^2 + width^2)
    D(f, k)   = standard deviation of d_I(f, k) over the images I;   instability of f = mean over k of D(f, k)

p_f is the centre of the receptive field of the unit where filter f fires most on image I, p_k is landmark k. For each
filter and landmark only the 100 images count on which the filter fires most among those that show the landmark; the
deviation has n - 1 below. With several categories, a filter takes the one for which its instability is lowest.

That minimum flatters; the authors' released code takes the category with the highest score instead. Give such an
assignment as `assigned` and its figure stands beside the other. Where objects sit still, any point that stays put is
stable: `constant_centre` is the same figure on the same images with the centre of the image in place of p_f. A filter
is of use where it is below.

Differs from the paper: where a map has no value above 0 the filter points nowhere, so the image is left out for it and
counted. A deviation needs `min_images` images, by default the 2 without which there is none: few images of a category
that a filter hardly knows can lie close together by chance, and the minimum over categories finds them.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.metrics.filter_maps import FilterMaps, best, check_labels, check_maps, check_numbers, checked_assignment
from whynet.metrics.record_metric import RecordMetric

PAPER_TOP = 100
_EVEN, _ODD = 0x9E3779B1, 0x85EBCA77  # two odd numbers without a pattern in their bits


@dataclass(frozen=True, kw_only=True, eq=False)
class LocationInstabilityFigures:
    """How far the filters wander, as shares of the image's diagonal; lower is better, NaN stands for no figure.

    Args:
        location_instability: Mean of the scores.
        constant_centre: Mean over the same filters of what the centre of the image has on the same images.
        left_out: How many filters have no score.
        score: Of each filter in the category where it is lowest.
        category: That category, the first of equals; -1 where there is none.
        per_category: Mean of the deviations from the landmarks that have one.
        centre_per_category: The same for the centre of the image.
        per_landmark: D(f, k).
        images: How many images each D is over.
        blank: On how many images a filter's map had no value above 0.
        assigned_instability: Mean over the filters of what they have in the category they are assigned to; None without
            an assignment.
        assigned_constant_centre: The same for the centre of the image.
        assigned_left_out: How many filters have no figure in that category, or no category.
    """

    location_instability: float
    constant_centre: float
    left_out: int
    score: Float[Tensor, " filters"]
    category: Int[Tensor, " filters"]
    per_category: Float[Tensor, "filters categories"]
    centre_per_category: Float[Tensor, "filters categories"]
    per_landmark: Float[Tensor, "filters categories landmarks"]
    images: Int[Tensor, "filters categories landmarks"]
    blank: Int[Tensor, " filters"]
    assigned_instability: float | None
    assigned_constant_centre: float | None
    assigned_left_out: int | None


class LocationInstability(RecordMetric):
    """Deviation of the distance between where a filter fires and the landmarks.

    A torchmetrics `Metric`: feed it batch by batch with `update`. Its state holds three numbers in single precision for
    each of the strongest images of each filter, category and landmark, so filters * categories * landmarks * top * 12
    bytes, and is merged over devices. Which images are the strongest, ties included, depends on neither batches nor
    devices.

    Args:
        num_filters: How many maps each image has.
        num_landmarks: How many landmarks there are.
        num_categories: How many categories of images; 1 if all are of one.
        size: Height and width of the images, in pixels.
        top: How many images count at most for each filter, category and landmark, at least 2.
        min_images: How many are needed, from 2 to `top`.
        assigned: A category for each filter, -1 for none; from elsewhere, such as `FilterActivity`.

    Raises:
        SettingError: A number is out of its range, or the assignment does not fit.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    strongest: Tensor
    blank: Tensor
    total: Tensor
    assigned: Tensor | None

    def __init__(
        self,
        num_filters: int,
        num_landmarks: int,
        num_categories: int = 1,
        *,
        size: tuple[int, int],
        top: int = PAPER_TOP,
        min_images: int = 2,
        assigned: Int[Tensor, " assigned"] | None = None,
    ) -> None:
        super().__init__()
        check_numbers(num_filters=num_filters, num_landmarks=num_landmarks, num_categories=num_categories)
        check_numbers(height=size[0], width=size[1])
        if not 2 <= min_images <= top:
            raise SettingError(f"2 <= min_images <= top was expected, not min_images = {min_images} and top = {top}")
        self.num_filters, self.num_landmarks, self.num_categories = num_filters, num_landmarks, num_categories
        self.size, self.min_images = size, min_images
        assigned = checked_assignment(assigned, num_filters, num_categories)
        self.register_buffer("assigned", assigned, persistent=False)
        places = torch.zeros(num_filters, num_categories, num_landmarks, top, 3)  # all 0 where there is no image yet
        self.add_state("strongest", places, dist_reduce_fx=merged)
        self.add_state("blank", torch.zeros(num_filters, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(
        self,
        maps: FilterMaps,
        centres: Float[Tensor, "unit_rows unit_columns 2"],
        landmarks: Float[Tensor, "images landmarks 3"],
        labels: Int[Tensor, " labels"] | None = None,
    ) -> None:
        """Count some images.

        Args:
            maps: After rectifier or mask. Of equally strong units the first one, row by row, is the strongest.
            centres: Row and column of the centre of each unit's receptive field, in pixels of the image, whose first
                pixel has its centre at 0.5.
            landmarks: Row, column and whether it is visible (above 0), in the same pixels; of those that are not
                nothing else is read.
            labels: The category of each image; may be left out if there is but one.

        Raises:
            DataError: The numbers of images, filters, units, landmarks or labels do not fit each other, a label is out
                of range, or a map, a centre or a visible landmark has NaN or infinity.
        """
        check_maps(maps, self.num_filters)
        if centres.shape[:2] != maps.shape[2:] or not bool(centres.isfinite().all()):
            raise DataError(
                f"finite centres of {maps.shape[2]} x {maps.shape[3]} units, as the maps have them, were expected, but "
                f"{centres.shape[0]} x {centres.shape[1]} came or one is NaN or infinite; take those of the same layer"
            )
        score, unit = maps.detach().flatten(2).max(2)  # (B, F)
        self._count(score, centres.detach().flatten(0, 1)[unit], landmarks, labels)

    def update_places(
        self,
        scores: Float[Tensor, "batch filters"],
        places: Float[Tensor, "placed filters_placed 2"],
        landmarks: Float[Tensor, "images landmarks 3"],
        labels: Int[Tensor, " labels"] | None = None,
    ) -> None:
        """Count some images where it is known already where each filter, or whatever stands in its place, is.

        Args:
            scores: How strongly it fires there; of those at most 0 the place does not count.
            places: Row and column in pixels of the image, whose first pixel has its centre at 0.5.
            landmarks: As of `update`.
            labels: As of `update`.

        Raises:
            DataError: As of `update`.
        """
        self._computed, self._update_count = None, self._update_count + 1  # what torchmetrics does around `update`
        if scores.shape[1] != self.num_filters or places.shape[:2] != scores.shape:
            raise DataError(
                f"scores and places of {self.num_filters} filters in the same images were expected, but "
                f"{tuple(scores.shape)} and {tuple(places.shape[:2])} came; give those of this metric's filters"
            )
        if not bool(scores.isfinite().all()) or not bool(places[scores > 0].isfinite().all()):
            raise DataError("finite scores and places were expected, but one is NaN or infinite; score it 0")
        self._count(scores.detach(), places.detach(), landmarks, labels)

    def _count(self, scores: Tensor, places: Tensor, landmarks: Tensor, labels: Tensor | None) -> None:
        if labels is None and self.num_categories == 1:
            labels = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
        if labels is None:
            raise DataError(f"labels of {self.num_categories} categories were expected, but there are none; give them")
        check_labels(labels, len(scores), self.num_categories)
        self._check_landmarks(len(scores), landmarks)
        score = scores.float().clamp(min=0)
        places = places.where((score > 0)[..., None], 0)
        distance, centre_distance, visible = self._distances(places, landmarks.detach())
        records = torch.stack([own.expand_as(distance) for own in (score[..., None], distance, centre_distance)], -1)
        chosen = visible[:, None] & (score > 0)[..., None]  # (B, F, K)
        records = records.where(chosen[..., None], 0).permute(1, 2, 0, 3)  # (B, F, K, 3) -> (F, K, B, 3)
        for category in sorted(set(labels.tolist())):
            own = torch.cat([self.strongest[:, category], records[:, :, labels == category]], 2)
            self.strongest[:, category] = _strongest(own, self.strongest.shape[3])
        self.blank += (score == 0).sum(0)
        self.total += len(scores)

    def compute(self) -> LocationInstabilityFigures:
        """The figures of all images so far.

        Raises:
            DataError: There was no image.
        """
        if not int(self.total):
            raise DataError("location instability needs at least 1 image, but there are 0; call update first")
        images = (self.strongest[..., 0] > 0).sum(3)  # (F, C, K)
        deviations = [_deviation(own, self.min_images) for own in self.strongest.unbind(1)]  # one category at a time
        per_landmark, centre_per_landmark = torch.stack(deviations, 1).unbind(-1)  # (F, C, K)
        per_category, centre_per_category = per_landmark.nanmean(2), centre_per_landmark.nanmean(2)
        lowest, category = best(-per_category)
        score, centre = -lowest, _at(centre_per_category, category)
        assigned = {}
        if self.assigned is not None:
            own = _at(per_category, self.assigned)
            assigned = {"own": own, "centre": _at(centre_per_category, self.assigned)}
        return LocationInstabilityFigures(
            location_instability=float(score.nanmean()),
            constant_centre=float(centre.nanmean()),
            left_out=int(score.isnan().sum()),
            score=score,
            category=category,
            per_category=per_category,
            centre_per_category=centre_per_category,
            per_landmark=per_landmark,
            images=images,
            blank=self.blank.clone(),
            assigned_instability=float(assigned["own"].nanmean()) if assigned else None,
            assigned_constant_centre=float(assigned["centre"].nanmean()) if assigned else None,
            assigned_left_out=int(assigned["own"].isnan().sum()) if assigned else None,
        )

    def _check_landmarks(self, num_images: int, landmarks: Tensor) -> None:
        if landmarks.shape[:2] != (num_images, self.num_landmarks):
            raise DataError(
                f"{self.num_landmarks} landmarks of {num_images} images were expected, but {landmarks.shape[1]} of "
                f"{landmarks.shape[0]} came; give a row for each, also for those that cannot be seen"
            )
        visible = landmarks[..., 2]
        if bool(visible.isnan().any()) or not bool(landmarks[visible > 0].isfinite().all()):
            raise DataError(
                "finite rows and columns of visible landmarks were expected, but one is NaN or infinite; mark it as "
                "not visible"
            )

    def _distances(self, positions: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From landmarks to filters (B, F, K) and to the middle (B, 1, K); they count where visible (B, K)."""
        visible = landmarks[..., 2] > 0
        points = landmarks[..., :2].double().where(visible[..., None], 0)
        diagonal = math.hypot(*self.size)
        middle = torch.tensor(self.size, device=points.device).double() / 2
        distance = (positions.double()[:, :, None] - points[:, None]).norm(dim=-1) / diagonal
        return distance.float(), ((points - middle).norm(dim=-1) / diagonal).float()[:, None], visible


def merged(states: Float[Tensor, "devices filters categories landmarks top 3"]) -> Tensor:
    """The strongest images of all devices, in the order that one device has them in."""
    places = states.movedim(0, 3).flatten(3, 4)  # (F, C, K, D * top, 3)
    return torch.stack([_strongest(own, states.shape[4]) for own in places.unbind(1)], 1)


def _strongest(
    records: Float[Tensor, "filters landmarks images 3"], top: int
) -> Float[Tensor, "filters landmarks top 3"]:
    """The records (score, distance, distance of the centre) with the highest score, in descending order.

    Images that are equally strong, as they often are in half precision, come in the order of a hash of their distances:
    it is the same whatever the batches and devices, and prefers neither near nor far ones.
    """
    # Bits of single precision as integers rise with the number, from 0 on.
    score, distance, centre = records.contiguous().view(torch.int32).long().unbind(-1)
    key = (score << 32) | ((distance * _EVEN + centre * _ODD) & 0xFFFFFFFF)
    index = key.topk(top, sorted=True).indices
    return records.gather(2, index[..., None].expand(-1, -1, -1, 3))


def _deviation(
    records: Float[Tensor, "filters landmarks top 3"], min_images: int
) -> Float[Tensor, "filters landmarks 2"]:
    """Standard deviation of both distances; NaN where there are too few images."""
    given = records[..., :1] > 0
    count = given.sum(2)  # (F, K, 1)
    distances = records[..., 1:].double()  # all 0 where nothing is given
    mean = distances.sum(2, keepdim=True) / count[:, :, None].clamp(min=1)
    squares = (distances - mean).where(given, 0).square().sum(2)
    return (squares / (count - 1).clamp(min=1)).sqrt().where(count >= min_images, torch.nan)


def _at(values: Float[Tensor, "filters categories"], category: Int[Tensor, " filters"]) -> Float[Tensor, " filters"]:
    """Each filter's value in its category; NaN for -1."""
    return values.gather(1, category.clamp(min=0)[:, None])[:, 0].where(category >= 0, torch.nan)
