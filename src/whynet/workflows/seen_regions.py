"""Where the object is in what the network sees: boxes and part masks, taken through the network's preprocessing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from whynet.base.types import Images, Picture
from whynet.data.example import Example
from whynet.metrics.pointing_game import box_regions


@dataclass(frozen=True, kw_only=True, eq=False)
class Regions:
    """The regions of one kind.

    Args:
        rows: The examples that show one, by their place.
        masks: Where it is in the network's input.
    """

    rows: list[int]
    masks: Bool[Tensor, "batch height width"]


def seen_regions(preprocess: Callable[[Sequence[Picture]], Images], examples: Sequence[Example]) -> dict[str, Regions]:
    """The regions "box" and "part" (any of the parts), as far as the examples have them.

    Each is painted white on black and goes the way of the picture, whatever that does to size and cut. A region of
    which the network sees no pixel, or nothing but such pixels, is left out.

    Args:
        preprocess: Of the network.
        examples: Any.
    """
    found = {}
    for kind, region in (("box", _box), ("part", _parts)):
        masks = {row: mask for row, example in enumerate(examples) if (mask := region(example)) is not None}
        seen = {row: _seen(preprocess, mask) for row, mask in masks.items()}
        rows = [row for row, mask in seen.items() if mask.any() and not mask.all()]
        if rows:
            found[kind] = Regions(rows=rows, masks=torch.stack([seen[row] for row in rows]))
    return found


def _box(example: Example) -> Bool[np.ndarray, "rows columns"] | None:
    if example.box is None:
        return None
    height, width = example.image.shape[:2]
    return np.asarray(box_regions(torch.tensor([example.box], dtype=torch.float), height, width)[0])


def _parts(example: Example) -> Bool[np.ndarray, "rows columns"] | None:
    return None if example.part_map is None else example.part_map > 0


def _seen(
    preprocess: Callable[[Sequence[Picture]], Images], mask: Bool[np.ndarray, "rows columns"]
) -> Bool[Tensor, "height width"]:
    white = np.full((*mask.shape, 3), 255, np.uint8)
    painted, full, empty = preprocess([white * mask[..., None], white, white * np.uint8(0)]).float().cpu()
    seen: Tensor = ((painted - empty) / (full - empty)).mean(0) >= 0.5
    return seen
