"""Part hits: in which share of the images does a point lie on a part of the object?

    h(v, k) = share, among the images that show part k, of those in which point v is found on the mask of k

A point is whatever is somewhere in an image: a node of an explanatory graph, the peak of a filter, a place that never
moves. It goes with a part if it hits that one in more than half of the images. Where objects sit still, or parts are
large, a place that never moves does, too: let one stand beside.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whynet.base.errors import DataError
from whynet.metrics.filter_maps import PartMasks, check_numbers

HIT_SHARE = 0.5
"""A point goes with a part that it hits in a larger share of the images."""


def part_hits(
    positions: Float[Tensor, "batch points 2"],
    scores: Float[Tensor, "scored points_scored"],
    masks: PartMasks,
    present: Bool[Tensor, "shown parts_shown"],
    *,
    size: tuple[int, int],
    min_images: int = 1,
) -> Float[Tensor, "points parts_shown"]:
    """h, in [0, 1], higher is better; NaN for a part that fewer images show.

    Args:
        positions: Row and column of each point, in pixels of the image; beside the image nothing is hit.
        scores: A point counts as found where its score is above 0.
        masks: Of the parts, on any grid over the image.
        present: Which parts each image is known to show.
        size: Height and width of the images, in pixels.
        min_images: How many images must show a part.

    Raises:
        SettingError: A number is below 1.
        DataError: Shapes do not fit.
    """
    check_numbers(height=size[0], width=size[1], min_images=min_images)
    if positions.shape[:2] != scores.shape or masks.shape[:2] != present.shape or len(masks) != len(scores):
        raise DataError(
            f"positions, scores, masks and presence of the same images were expected, but {tuple(positions.shape)}, "
            f"{tuple(scores.shape)}, {tuple(masks.shape)} and {tuple(present.shape)} came; give one row an image"
        )
    rows, columns = masks.shape[2:]
    cells = (positions * positions.new_tensor([rows / size[0], columns / size[1]])).floor().long()
    row, column = cells.unbind(-1)  # (B, V)
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns) & (scores > 0)
    flat = (row * columns + column).where(inside, 0)
    hits = torch.zeros(positions.shape[1], present.shape[1], dtype=torch.long, device=masks.device)
    for own, cell, counts, shown in zip(masks.flatten(2) > 0, flat, inside, present, strict=True):
        hits += (own[:, cell] & counts & shown[:, None]).T
    images = present.sum(0)
    shares: Tensor = (hits / images.clamp(min=1)).where(images >= min_images, torch.nan)
    return shares.float()
