"""Bounding boxes from annotation files, fitted to the picture they belong to."""

from whynet.base.errors import DataError
from whynet.base.types import Picture

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels; edges, so x1 may equal the width."""


def clip_box(box: Box, image: Picture, name: str) -> Box:
    """Clip a box to its picture; annotators' boxes often overhang by a pixel.

    Args:
        box: x0, y0, x1, y1 in pixels.
        image: The picture.
        name: What messages call the picture.

    Returns:
        The part of the box that lies in the picture.

    Raises:
        DataError: No part of the box does.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height))
    if x0 >= x1 or y0 >= y1:
        given = ", ".join(f"{edge:g}" for edge in box)
        raise DataError(
            f"{name}: the box ({given}) lies outside the picture of {width} x {height} pixels; correct or remove it"
        )
    return x0, y0, x1, y1
