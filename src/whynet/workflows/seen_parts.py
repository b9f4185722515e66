"""Where the network sees each part of an object: the landmark, and the mask, whatever the data set says of the part.

Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935, measure how far a filter
stays from landmarks, the centres of parts (section 5.2.2), and how well it covers masks of parts (5.2.1). Both are
wanted in pixels of what the network sees; `View` says how a picture gets there.

    landmark  the point itself; else the centre of the part's box; else the mean position of the pixels of its mask
    mask      the pixels of the part map; else the part's box; else a disc around its point

Landmarks are found in the whole picture: where a crop cuts a part in two, the landmark stays where it is, and counts as
not visible if it is cut off. A part whose mask the network sees no pixel of is not known to be there. It need not be
absent: a part without a box may be one that nobody annotated.

Differs from the paper: it measures masks on data sets that have them only. The discs are ours.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.base.types import Images, Landmarks, PartBoxes, PartMap, Picture
from whynet.data.example import Example
from whynet.workflows.view import View

POINT_RADIUS = 0.06
"""Radius of the disc around a point, as a share of the diagonal of the object's box.

Painted birds have points and masks of the same 15 parts as CUB: of radii from 0.03 to 0.25 discs of this one overlap
the masks most, with a mean intersection over union of 0.33 (0.27 at 0.03 and at 0.1).
"""

Prepare = Callable[[Sequence[Picture]], Images]


def landmarks_of(preprocess: Prepare, example: Example, part_names: Sequence[str], chosen: Sequence[str]) -> Landmarks:
    """The landmarks of some parts, in pixels of the network's input.

    Args:
        preprocess: Of the network: a `Preprocessing`, since other functions do not say what they cut off.
        example: With points, part boxes, a part map or none of them.
        part_names: Of the data set.
        chosen: The names of the parts whose landmarks are wanted, such as `Splits.landmarks`.

    Returns:
        One row each of `chosen`: x and y from the top left corner, and 1. Of a part that cannot be seen, of which
        nothing is known, or whose landmark lies outside what the network sees, three zeros.

    Raises:
        SettingError: `preprocess` is no `Preprocessing`, or a part is chosen that the data set does not have.
        DataError: The example has another number of parts.
    """
    if unknown := [name for name in chosen if name not in part_names]:
        raise SettingError(
            f"the landmark of {unknown[0]!r} was asked for, but the parts are {', '.join(part_names) or 'none'}; "
            "choose among them"
        )
    view = View.through(preprocess, example.image)
    _check_parts(example, len(part_names))
    if example.landmarks is not None:
        points = example.landmarks.astype(np.float64)
    elif example.part_boxes is not None:
        points = _centres_of_boxes(example.part_boxes)
    elif example.part_map is not None:
        points = _centres_of_masks(example.part_map, len(part_names))
    else:
        points = np.zeros((len(part_names), 3))
    seen = view.landmarks(points[[list(part_names).index(name) for name in chosen]])
    return np.where(seen[:, 2:] > 0, seen, 0)


def part_masks(
    preprocess: Prepare, example: Example, num_parts: int, height: int, width: int
) -> tuple[Bool[Tensor, "parts {height} {width}"], Bool[Tensor, " parts"]]:
    """The mask of each part in what the network sees, and which parts are known to be there.

    Args:
        preprocess: Of the network: a `Preprocessing`, since other functions do not say what they cut off.
        example: With a part map, part boxes, points or none of them.
        num_parts: Length of the data set's `part_names`.
        height: Of the masks, which spread over the network's whole input: the rows of the input, or of a layer's map.
        width: Likewise.

    Returns:
        The masks, of which those of boxes and points may overlap, and whether each has a pixel.

    Raises:
        SettingError: `preprocess` is no `Preprocessing`.
        DataError: The example has another number of parts.
    """
    view = View.through(preprocess, example.image, height, width)
    _check_parts(example, num_parts)
    if example.part_map is not None:
        numbers = np.arange(1, num_parts + 1)[:, None, None]
        masks = view.part_map(example.part_map) == numbers
    elif example.part_boxes is not None:
        masks = _rectangles(view, example.part_boxes)
    elif example.landmarks is not None:
        masks = _discs(view, example, example.landmarks)
    else:
        masks = np.zeros((num_parts, height, width), bool)
    return torch.from_numpy(masks), torch.from_numpy(masks.any((1, 2)))


def without_side(part: str) -> str:
    """The name of a part, a left and a right one alike."""
    return part.removeprefix("left ").removeprefix("right ")


def _centres_of_boxes(boxes: PartBoxes) -> Landmarks:
    is_known = np.isfinite(boxes).all(1)
    centres = np.where(is_known[:, None], (boxes[:, :2] + boxes[:, 2:]) / 2, 0)
    return np.column_stack([centres, is_known])


def _centres_of_masks(part_map: PartMap, num_parts: int) -> Landmarks:
    points = np.zeros((num_parts, 3))
    for part in range(num_parts):
        rows, columns = np.nonzero(part_map == part + 1)
        if len(rows):
            points[part] = columns.mean() + 0.5, rows.mean() + 0.5, 1  # a pixel lies at its centre
    return points


def _rectangles(view: View, boxes: PartBoxes) -> Bool[np.ndarray, "parts height width"]:
    x, y = np.arange(view.width) + 0.5, np.arange(view.height)[:, None] + 0.5
    left, top, right, bottom = view.boxes(boxes).T[:, :, None, None]
    return np.asarray((x >= left) & (x < right) & (y >= top) & (y < bottom))  # nothing is beside NaN


def _discs(view: View, example: Example, landmarks: Landmarks) -> Bool[np.ndarray, "parts height width"]:
    """Discs in the picture, whatever becomes of their shape on the way to the network."""
    rows, columns = example.image.shape[:2]
    left, top, right, bottom = (0.0, 0.0, columns, rows) if example.box is None else example.box
    radius = POINT_RADIUS * np.hypot(right - left, bottom - top)
    x, y = view.centres()
    away = np.hypot(x - landmarks[:, 0, None, None], y[:, None] - landmarks[:, 1, None, None])
    return np.asarray((away <= radius) & (landmarks[:, 2] > 0)[:, None, None])


def _check_parts(example: Example, num_parts: int) -> None:
    highest = 0 if example.part_map is None else int(example.part_map.max(initial=0))
    if highest > num_parts:
        raise DataError(
            f"{example.name}: a map of parts from 1 to {num_parts} was expected, but one has part {highest}; check the "
            "number of parts"
        )
    for rows in (example.part_boxes, example.landmarks):
        if rows is not None and len(rows) != num_parts:
            raise DataError(
                f"{example.name}: {num_parts} parts were expected, but {len(rows)} are annotated; check the number of "
                "parts"
            )
