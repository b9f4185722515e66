"""What a network sees of a picture: the rectangle that its preprocessing keeps, under a grid of any resolution.

The rectangle is drawn over the network's whole input (`Preprocessing.box`). Points and edges go along:

    x' = (x - left) * width / (right - left),    y' = (y - top) * height / (bottom - top)

Nothing is rounded on the way, so the grid may be the pixels of the input or the positions of a layer's map. A pixel of
the grid stands for the point of the picture under its centre.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from whynet.base.errors import SettingError
from whynet.base.types import Box, Images, Landmarks, PartBoxes, PartMap, Picture
from whynet.models.preprocessing import Preprocessing


@dataclass(frozen=True, kw_only=True)
class View:
    """The rectangle of a picture that the network sees, and the grid that is laid over it.

    Args:
        rectangle: In pixels of the picture.
        height: Rows of the grid.
        width: Columns of the grid.
    """

    rectangle: Box
    height: int
    width: int

    @classmethod
    def through(
        cls,
        preprocess: Callable[[Sequence[Picture]], Images],
        picture: Picture,
        height: int | None = None,
        width: int | None = None,
    ) -> "View":
        """What a network sees of a picture.

        Args:
            preprocess: Of the network: a `Preprocessing`, since other functions do not say what they cut off.
            picture: As it is in the data set.
            height: Rows of the grid; None for those of the network's input.
            width: Columns of the grid, likewise.

        Raises:
            SettingError: `preprocess` is no `Preprocessing`.
        """
        if not isinstance(preprocess, Preprocessing):
            raise SettingError(
                "parts can be followed through a whynet Preprocessing, which says what of a picture it shows, but not "
                f"through {getattr(preprocess, '__qualname__', type(preprocess).__qualname__)}; give the subject one"
            )
        return cls(
            rectangle=preprocess.box(*picture.shape[:2]),
            height=preprocess.height if height is None else height,
            width=preprocess.width if width is None else width,
        )

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
        x, y = self.centres()
        return np.asarray(part_map[np.ix_(y.astype(int), x.astype(int))])

    def centres(self) -> tuple[Float[np.ndarray, " width"], Float[np.ndarray, " height"]]:
        """The x of each column's and the y of each row's centre, in pixels of the picture."""
        left, top, right, bottom = self.rectangle
        x = left + (np.arange(self.width) + 0.5) * (right - left) / self.width
        y = top + (np.arange(self.height) + 0.5) * (bottom - top) / self.height
        return x, y

    def in_picture(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        """Where points of the grid are in the picture, x and y in its own pixels; the way back of `landmarks`."""
        left, top, right, bottom = self.rectangle
        return points * [(right - left) / self.width, (bottom - top) / self.height] + [left, top]

    def _moved(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        left, top, right, bottom = self.rectangle
        return (points - [left, top]) * [self.width / (right - left), self.height / (bottom - top)]
