"""Which part each pixel of what the network sees belongs to: an example's annotations, taken through the preprocessing.

The network sees a rectangle of the picture, drawn over its whole input (`Preprocessing.box`). Points and edges go
along:

    x' = (x - left) * width / (right - left),    y' = (y - top) * height / (bottom - top)

and a pixel of the input shows the part that the picture's part map has under the pixel's centre. Nothing is rounded on
the way, so the weights can be had at any resolution, that of a layer's maps, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.base.types import Box, Images, Landmarks, PartBoxes, PartMap, Picture
from whynet.data.example import Example
from whynet.metrics.part_weights import box_weights, mask_weights, point_weights
from whynet.models.preprocessing import Preprocessing

Source: TypeAlias = Literal["points", "boxes", "masks"]
"""What says where the parts are: landmarks, part boxes or a part map."""


def available_sources(example: Example) -> tuple[Source, ...]:
    """What says where the parts are, the surest first: boxes and points only where at least one part has one."""
    masks, boxes, points = example.part_map, example.part_boxes, example.landmarks
    known: dict[Source, bool] = {
        "masks": masks is not None,
        "boxes": boxes is not None and not bool(np.isnan(boxes).all()),
        "points": points is not None and bool((points[:, 2] > 0).any()),
    }
    return tuple(source for source, is_known in known.items() if is_known)


def sees_parts(preprocess: Preprocessing, example: Example, height: int, width: int, source: Source) -> bool:
    """Whether the network sees at least one part of an example that has the source; `part_regions` needs one.

    Args:
        preprocess: Of the network.
        example: With what `source` asks for.
        height: Of the weights to be.
        width: Likewise.
        source: What says where the parts are.
    """
    view = _View(rectangle=preprocess.box(*example.image.shape[:2]), height=height, width=width)
    if source == "points" and example.landmarks is not None:
        return bool(view.landmarks(example.landmarks)[:, 2].any())
    if source == "boxes" and example.part_boxes is not None:
        return bool(np.isfinite(view.boxes(example.part_boxes)).any())
    return True


def part_regions(
    preprocess: Callable[[Sequence[Picture]], Images],
    example: Example,
    num_parts: int,
    height: int,
    width: int,
    source: Source,
) -> Float[Tensor, "regions {height} {width}"]:
    """P(part | pixel) for what the network sees of an example; what it does not see counts as not visible.

    Args:
        preprocess: Of the network: a `Preprocessing`, since other functions do not say what they cut off.
        example: With what `source` asks for; see `available_sources`. Without a box of the object, points share the
            whole picture.
        num_parts: Length of the data set's `part_names`.
        height: Of the weights, which spread over the network's whole input: the rows of the input, or of a layer's map.
        width: Likewise.
        source: What says where the parts are.

    Returns:
        For each part, and last for the context, each pixel's weight in [0, 1]; see `whynet.metrics.part_weights`.

    Raises:
        SettingError: `preprocess` is no `Preprocessing`.
        DataError: The example lacks the source, has another number of parts, or shows the network none of them.
    """
    if not isinstance(preprocess, Preprocessing):
        raise SettingError(
            "parts can be followed through a whynet Preprocessing, which says what of a picture it shows, but not "
            f"through {getattr(preprocess, '__qualname__', type(preprocess).__qualname__)}; give the subject one"
        )
    view = _View(rectangle=preprocess.box(*example.image.shape[:2]), height=height, width=width)
    masks, boxes, points = example.part_map, example.part_boxes, example.landmarks
    try:
        if source == "masks" and masks is not None:
            return mask_weights(view.part_map(masks), num_parts)
        if source == "boxes" and boxes is not None:
            _check_number(len(boxes), num_parts)
            return box_weights(view.boxes(boxes), height, width)
        if source == "points" and points is not None:
            _check_number(len(points), num_parts)
            box = None if example.box is None else view.box(example.box)
            return point_weights(view.landmarks(points), box, height, width)
    except DataError as error:
        raise DataError(f"{example.name}: {error}") from error
    there = ", ".join(available_sources(example)) or "nothing of the kind"
    raise DataError(
        f"{example.name}: {source} were expected to say where its parts are, but it has {there}; take another source "
        "or leave the example out"
    )


@dataclass(frozen=True, kw_only=True)
class _View:
    """The rectangle of a picture that the network sees, and the grid that is laid over it."""

    rectangle: Box
    height: int
    width: int

    def landmarks(self, landmarks: Landmarks) -> Landmarks:
        """The points on the grid; those beside it are not visible."""
        points = self._moved(landmarks[:, :2])
        is_seen = ((points >= 0) & (points <= [self.width, self.height])).all(1)
        return np.column_stack([points, landmarks[:, 2] * is_seen])

    def box(self, box: Box) -> Box:
        """A box on the grid, which it may overhang."""
        (left, top), (right, bottom) = self._moved(np.array(box).reshape(2, 2)).tolist()
        return left, top, right, bottom

    def boxes(self, boxes: PartBoxes) -> PartBoxes:
        """The boxes on the grid, which they may overhang; NaN for those that hold no centre of a pixel."""
        edges = self._moved(boxes.reshape(-1, 2)).reshape(-1, 4)
        # The first pixel whose centre lies in a box, and the first after it.
        first, after = np.split(np.ceil(edges.clip(0, [self.width, self.height] * 2) - 0.5), 2, axis=1)
        return np.where((first < after).all(1, keepdims=True), edges, np.nan)

    def part_map(self, part_map: PartMap) -> UInt8[np.ndarray, "height width"]:
        """The part under the centre of each pixel of the grid."""
        left, top, right, bottom = self.rectangle
        x = left + (np.arange(self.width) + 0.5) * (right - left) / self.width
        y = top + (np.arange(self.height) + 0.5) * (bottom - top) / self.height
        return np.asarray(part_map[np.ix_(y.astype(int), x.astype(int))])

    def _moved(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        left, top, right, bottom = self.rectangle
        return (points - [left, top]) * [self.width / (right - left), self.height / (bottom - top)]


def _check_number(found: int, num_parts: int) -> None:
    if found != num_parts:
        raise DataError(f"{num_parts} parts were expected, but {found} are annotated; check the number of parts")
