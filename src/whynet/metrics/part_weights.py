"""How much does a pixel belong to each part? P(part | pixel) from part points, boxes or exact masks.

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", submitted to ICLR 2018, arXiv:1709.05360, section
4.1 and algorithm 1:

    P(part p | pixel ij) = 1 - d_ij^p,   d_ij^p = 1 outside the Voronoi cell of part p

Inside the cell, the pixels of the object's box to which no other visible part's point is nearer, d_ij^p is the distance
to the point of p, normalised to [0, 1]. What lies outside the box is one more region, called context, with weight 1.
Here the regions are the parts in their order and, last, the context; `locality` weighs heat maps with them.

Pixels lie at their centres, half a pixel from their edges: the first at x = 0.5.

Differs from the paper: it does not say what normalises a distance; here it is the largest one in the same cell, so
that the weights of every cell fall from 1 at its point to 0 at its farthest pixel. Where all pixels of a cell are
equally far from the point, as the single pixel of a tiny cell is, they have weight 1, not 0. A pixel as near to two
points belongs to the part that comes first. Boxes and masks of parts, which the paper does not use, weigh 0 or 1.

`pulled_back` makes weights cheap: enlargement A is linear, so the weighted sum <w, A m> over the pixels of an enlarged
map is <A^T w, m> over the positions of the small one, and for hundreds of maps of one picture nothing is enlarged.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.base.types import Box, Landmarks, PartMap

_ROUNDING = 1e-9
"""Distances within this share of each other are equal but for rounding."""


def point_weights(
    landmarks: Landmarks, box: Box | None, height: int, width: int
) -> Float[Tensor, "regions height width"]:
    """The weights of algorithm 1, from one point a part.

    Args:
        landmarks: The parts' points; of parts that cannot be seen nothing else is read.
        box: The object's; may overhang the picture. None for the whole picture.
        height: Of the picture.
        width: Of the picture.

    Returns:
        In [0, 1], one region a part and the context. A part that cannot be seen is 0 everywhere, and so is one to whose
        point another's is as near from everywhere.

    Raises:
        DataError: No part is visible, a visible point is not finite, or the box holds no pixel of the picture.
    """
    visible = np.flatnonzero(landmarks[:, 2] > 0)
    if not len(visible):
        raise DataError(
            f"at least 1 visible part was expected, but none of the {len(landmarks)} is; leave the picture out"
        )
    points = landmarks[visible, :2].astype(np.float64)
    if not np.isfinite(points).all():
        raise DataError(f"finite points of visible parts were expected, but {points.tolist()} came; correct them")
    whole = (0.0, 0.0, float(width), float(height))
    rows, columns = _pixels(whole if box is None else box, height, width)
    y, x = (np.arange(pixels.start, pixels.stop) + 0.5 for pixels in (rows, columns))
    distances = np.hypot(x - points[:, 0, None, None], y[:, None] - points[:, 1, None, None])  # (V, h, w)
    nearest = distances.argmin(0)
    weights = np.zeros((len(landmarks) + 1, height, width), np.float32)
    weights[-1] = 1
    weights[-1, rows, columns] = 0
    for index, part in enumerate(visible):
        cell = nearest == index
        weights[part, rows, columns][cell] = _nearness(distances[index][cell])
    return torch.from_numpy(weights)


def box_weights(boxes: Float[np.ndarray, "parts 4"], height: int, width: int) -> Float[Tensor, "regions height width"]:
    """Weights from one box a part: 1 for the part whose box holds the pixel, else 1 for the context.

    A pixel in several boxes belongs to the smallest of them, as an eye belongs to the eye and not to the head around
    it; of equally large ones to the first.

    Args:
        boxes: Left, top, right and bottom in pixels, which may overhang the picture; a row of NaN for a part without.
        height: Of the picture.
        width: Of the picture.

    Returns:
        0 or 1, one region a part and the context; each pixel belongs to one.

    Raises:
        DataError: No part has a box, or a box holds no pixel of the picture.
    """
    known = np.flatnonzero(~np.isnan(boxes).all(1))
    if not len(known):
        raise DataError(
            f"the box of at least 1 part was expected, but none of the {len(boxes)} has one; leave the picture out"
        )
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    owners = np.full((height, width), len(boxes))
    for part in sorted(known.tolist(), key=lambda part: (-areas[part], -part)):  # the smallest comes last and stays
        left, top, right, bottom = boxes[part].tolist()
        owners[_pixels((left, top, right, bottom), height, width)] = part
    return _one_hot(owners, len(boxes))


def mask_weights(part_map: PartMap, num_parts: int) -> Float[Tensor, "regions rows columns"]:
    """Weights from an exact mask: 1 for the part that is seen at the pixel, else 1 for the context.

    Args:
        part_map: 0 is the context.
        num_parts: How many parts there are, seen or not.

    Returns:
        0 or 1, one region a part and the context; each pixel belongs to one.

    Raises:
        DataError: The map names a part beyond `num_parts`.
    """
    highest = int(part_map.max(initial=0))
    if highest > num_parts:
        raise DataError(
            f"a map of parts from 1 to {num_parts} was expected, but one has part {highest}; check the number of parts"
        )
    return _one_hot(np.where(part_map > 0, part_map.astype(np.int64) - 1, num_parts), num_parts)


def pulled_back(
    weights: Float[Tensor, "batch regions height width"], rows: int, columns: int
) -> tuple[Float[Tensor, "batch regions rows columns"], Float[Tensor, "rows columns"]]:
    """Weights at the size of the picture, brought to that of a map by the adjoint of bilinear enlargement.

    Args:
        weights: Of the pixels.
        rows: Of the map.
        columns: Of the map.

    Returns:
        `pulled`, so that sum(map * pulled) over positions = sum(enlarged map * weights) over pixels, where enlarging is
        `F.interpolate(mode="bilinear", align_corners=False)`; and the same of weights that are all 1, so what each
        position weighs in the sum of the enlarged map.

    Raises:
        SettingError: The map has no position.
    """
    if rows < 1 or columns < 1:
        raise SettingError(f"a map of at least 1 x 1 position was expected, not {rows} x {columns}")
    height, width = weights.shape[2:]
    down, across = (
        _enlargement(*sizes).to(weights.device, weights.dtype) for sizes in ((rows, height), (columns, width))
    )
    pulled = down.T @ (weights @ across)  # (B, P, H, W) -> (B, P, H, c) -> (B, P, r, c)
    return pulled, down.sum(0)[:, None] * across.sum(0)


def _enlargement(small: int, large: int) -> Float[Tensor, "large small"]:
    """Linear enlargement of one axis as a matrix: bilinear enlargement is one such product an axis."""
    unit_vectors = torch.eye(small, dtype=torch.double)[None]  # (1, s, s): each channel has one entry of 1
    return F.interpolate(unit_vectors, large, mode="linear", align_corners=False)[0].T


def _pixels(box: Box, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns whose centres lie in the box."""
    left, top, right, bottom = box
    y, x = np.arange(height) + 0.5, np.arange(width) + 0.5
    rows, columns = np.flatnonzero((y >= top) & (y < bottom)), np.flatnonzero((x >= left) & (x < right))
    if not len(rows) or not len(columns):
        given = ", ".join(f"{edge:g}" for edge in box)
        raise DataError(
            f"a box with a pixel of the picture of {width} x {height} was expected, but ({given}) holds none; correct "
            "or remove it"
        )
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _nearness(distances: Float[np.ndarray, " pixels"]) -> Float[np.ndarray, " pixels"]:
    """1 - d of the pixels of one cell."""
    if not len(distances) or np.ptp(distances) <= _ROUNDING * distances.max():
        return np.ones_like(distances)
    nearness: np.ndarray = 1 - distances / distances.max()
    return nearness


def _one_hot(owners: Int[np.ndarray, "rows columns"], num_parts: int) -> Float[Tensor, "regions rows columns"]:
    regions = np.arange(num_parts + 1)[:, None, None]
    return torch.from_numpy((owners == regions).astype(np.float32))
