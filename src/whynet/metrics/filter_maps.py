"""The maps of filters and the parts they are held against: what the metrics of filters take and refuse, said once."""

from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from whynet.base.errors import DataError, SettingError

FilterMaps: TypeAlias = Float[Tensor, "batch filters rows columns"]
"""One map a filter, after rectifier or mask, of any resolution; 1 x 1 is one, too."""

PartMasks: TypeAlias = Bool[Tensor, "images parts height width"] | Float[Tensor, "images parts height width"]
"""How much of each cell of a grid over the image belongs to each part, in [0, 1]."""

MOST_ENTRIES = 1 << 22
"""How many entries an array in between may have at most: 16 MiB in single, 32 MiB in double precision."""


def check_numbers(**numbers: int) -> None:
    """Refuse to measure nothing.

    Raises:
        SettingError: One of the numbers is below 1.
    """
    if min(numbers.values()) < 1:
        given = ", ".join(f"{name} = {number}" for name, number in numbers.items())
        raise SettingError(f"at least 1 of each was expected, but {given} came; count what you measure")


def check_maps(maps: FilterMaps, num_filters: int) -> None:
    """Refuse maps that cannot be measured.

    Raises:
        DataError: They are of another number of filters, have no position, or a value is NaN or infinite.
    """
    if maps.shape[1] != num_filters:
        raise DataError(
            f"maps of {num_filters} filters were expected, but {maps.shape[1]} came; say how many there are when you "
            "make the metric"
        )
    if not maps.shape[2] or not maps.shape[3]:
        raise DataError(
            f"maps of at least 1 x 1 position were expected, but {maps.shape[2]} x {maps.shape[3]} came; take a layer "
            "that has some"
        )
    if not bool(maps.isfinite().all()):
        raise DataError("maps without NaN or infinity were expected, but one has some; check where it was computed")


def check_labels(labels: Int[Tensor, " labels"], num_images: int, num_classes: int) -> None:
    """Refuse labels that name no class.

    Raises:
        DataError: There are more or fewer than images, or one is out of range.
    """
    if len(labels) != num_images:
        raise DataError(f"one label an image was expected, but {len(labels)} came for {num_images}; give one each")
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if len(outside):
        raise DataError(
            f"labels from 0 to {num_classes - 1} were expected, but {int(outside[0])} came; check the labels or the "
            "number of classes"
        )


def checked_thresholds(thresholds: Float[Tensor, " thresholds"], num_filters: int) -> Float[Tensor, " thresholds"]:
    """A copy in double precision.

    Raises:
        SettingError: There are more or fewer than filters, or one is NaN, infinite or negative.
    """
    if len(thresholds) != num_filters:
        raise SettingError(
            f"one threshold a filter, so {num_filters}, was expected, but {len(thresholds)} came; compute them of "
            "the same layer"
        )
    if not bool(((thresholds >= 0) & thresholds.isfinite()).all()):
        raise SettingError("finite thresholds of at least 0 were expected, but one is not; check where it was computed")
    return thresholds.detach().double().clone()


def checked_assignment(
    assigned: Int[Tensor, " assigned"] | None, num_filters: int, num_classes: int
) -> Int[Tensor, " assigned"] | None:
    """A copy, or None if there is none.

    Raises:
        SettingError: There are more or fewer than filters, or one is neither a class nor -1.
    """
    if assigned is None:
        return None
    if len(assigned) != num_filters:
        raise SettingError(f"one class a filter, so {num_filters}, was expected, but {len(assigned)} came; assign each")
    outside = assigned[(assigned < -1) | (assigned >= num_classes)]
    if len(outside):
        raise SettingError(
            f"classes from 0 to {num_classes - 1}, or -1 for a filter without, were expected, but {int(outside[0])} "
            "came; check the assignment"
        )
    return assigned.detach().long().clone()


def parts_to_see(
    masks: PartMasks, present: Bool[Tensor, "present_images present_parts"], num_images: int, num_parts: int
) -> tuple[Bool[Tensor, "images parts"], Int[Tensor, " parts"]]:
    """Which parts of which images have anything that a filter could overlap with.

    Args:
        masks: Of the parts.
        present: Whether the part is there and annotated; the mask of one that is not is not read.
        num_images: As many as there are maps.
        num_parts: As many as were said.

    Returns:
        The parts that are present and have a mask, and how many images show each but with a mask that is 0
        everywhere: such a part has no area, so it counts as absent.

    Raises:
        DataError: The numbers differ, or a mask has a value outside [0, 1] or NaN.
    """
    wanted = (num_images, num_parts)
    if tuple(masks.shape[:2]) != wanted or tuple(present.shape) != wanted or not masks.shape[2] * masks.shape[3]:
        raise DataError(
            f"masks of {num_images} images x {num_parts} parts with at least 1 cell were expected, and as many entries "
            f"of which are present, but {tuple(masks.shape)} and {tuple(present.shape)} came; give one for each part "
            "of each image"
        )
    if masks.is_floating_point() and not bool(((masks >= 0) & (masks <= 1)).all()):
        raise DataError("masks from 0 to 1 were expected, but one has another value; give shares of each cell")
    filled = masks.flatten(2).any(2)
    return present & filled, (present & ~filled).sum(0)


def best(values: Float[Tensor, "filters choices"]) -> tuple[Float[Tensor, " filters"], Int[Tensor, " filters"]]:
    """The largest value of each filter and where it is: the first of equals; NaN and -1 where all are NaN."""
    known = ~values.isnan()
    highest, index = values.where(known, -torch.inf).max(1)
    some = known.any(1)
    return highest.where(some, torch.nan), index.where(some, -1)
