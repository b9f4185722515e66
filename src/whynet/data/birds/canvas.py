"""The canvas: a picture and a map of what is seen, drawn together and larger than they end up.

Shapes are drawn hard-edged at `oversampling` times the final size. The picture is then averaged down (which smooths its
edges), and the map keeps the label at each pixel's centre, so that picture and map agree.
"""

from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Int, UInt8

from whynet.base.types import PartMap, Picture
from whynet.data.birds.anatomy import SHIFT

RGB: TypeAlias = tuple[float | int, float | int, float | int]
Fixed: TypeAlias = Int[np.ndarray, "points 2"]


class Canvas:
    """A picture with labels, both drawn on by the same strokes.

    Args:
        background: RGB, of the canvas' size.
        oversampling: How many canvas pixels make one pixel along each axis.
    """

    def __init__(self, background: Picture, oversampling: int) -> None:
        self.picture = background
        self.size = background.shape[0]
        self.oversampling = oversampling
        self.labels: PartMap = np.zeros((self.size, self.size), np.uint8)

    def polygon(self, points: Fixed, colour: RGB, label: int) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.picture, [points], colour, cv2.LINE_8, SHIFT)
        cv2.fillPoly(self.labels, [points], label, cv2.LINE_8, SHIFT)

    def lines(self, points: Fixed, width: float, colour: RGB, label: int | None) -> None:
        """Draw a line through points; a label of None leaves the map as it is."""
        thickness = max(1, round(width))
        cv2.polylines(self.picture, [points], False, colour, thickness, cv2.LINE_8, SHIFT)
        if label is not None:
            cv2.polylines(self.labels, [points], False, label, thickness, cv2.LINE_8, SHIFT)

    def disc(self, x: float, y: float, radius: float, colour: RGB, label: int | None) -> None:
        """Fill a disc."""
        centre, fixed_radius = (round(x * 16), round(y * 16)), max(4, round(radius * 16))
        cv2.circle(self.picture, centre, fixed_radius, colour, cv2.FILLED, cv2.LINE_8, SHIFT)
        if label is not None:
            cv2.circle(self.labels, centre, fixed_radius, label, cv2.FILLED, cv2.LINE_8, SHIFT)

    def paste(self, picture: Picture, labels: PartMap, mask: UInt8[np.ndarray, "size size"]) -> None:
        """Put another picture and its labels where the mask is not zero."""
        cv2.copyTo(picture, mask, self.picture)
        cv2.copyTo(labels, mask, self.labels)

    def label_map(self) -> PartMap:
        """The label at the centre of each final pixel."""
        middle = self.oversampling // 2
        return np.ascontiguousarray(self.labels[middle :: self.oversampling, middle :: self.oversampling])

    def averaged(self) -> Picture:
        """The picture at its final size."""
        side = self.size // self.oversampling
        return np.asarray(cv2.resize(self.picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)

    def coverage(self) -> UInt8[np.ndarray, "height width"]:
        """How much of each final pixel the visible bird covers, 0 to 255."""
        side = self.size // self.oversampling
        seen = cv2.threshold(self.labels, 0, 255, cv2.THRESH_BINARY)[1]
        return np.asarray(cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def fixed(*points: tuple[float | int, float | int]) -> Fixed:
    """Points in OpenCV's fixed point numbers."""
    return np.array([(round(x * 16), round(y * 16)) for x, y in points], np.int32)


def shaded(colour: RGB, factor: float) -> RGB:
    """A lighter (above 1) or darker colour."""
    return (min(255.0, colour[0] * factor), min(255.0, colour[1] * factor), min(255.0, colour[2] * factor))
