"""A heat map as a transparent picture, to lie over another in a browser: colour and cover tell the value."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from PIL import Image

from whynet.attribution.colours import coloured, opacity
from whynet.attribution.upsampling import upsample
from whynet.base.types import Box, Picture
from whynet.models.preprocessing import seen_box
from whynet.models.subject import Subject

LONGEST_SIDE = 448
OPAQUE = 0.95


def placing(subject: Subject, picture: Picture) -> dict[str, Any]:
    """What an answer keeps of where its maps lie, for `placed_png`: the size of the picture and the box in it."""
    box = seen_box(subject.preprocess, picture)
    return {"size": list(picture.shape[:2]), "box": None if box is None else list(box)}


def placed_png(
    heat: ArrayLike, answer: Mapping[str, Any], *, scale: float | None = None, signed: bool = False
) -> bytes:
    """The PNG of a map of an answer that holds `placing`; see `heat_png`."""
    rows, columns = answer["size"]
    box = None if answer["box"] is None else tuple(answer["box"])
    return heat_png(np.asarray(heat), (rows, columns), box, scale=scale, signed=signed)


def heat_png(
    heat: Float[np.ndarray, "rows columns"],
    size: tuple[int, int],
    box: Box | None,
    *,
    scale: float | None = None,
    signed: bool = False,
) -> bytes:
    """The bytes of a PNG of a picture's proportions, empty where the network did not look.

    Args:
        heat: At the resolution of its layer.
        size: Rows and columns of the picture.
        box: Where in the picture the network looked; None: everywhere.
        scale: The value of the strongest colour; None: the largest of this map.
        signed: Whether colours run from minus the scale to the scale; else what is below 0 is left clear.
    """
    factor = LONGEST_SIDE / max(size)
    rows, columns = (max(1, round(side * factor)) for side in size)
    left, top, right, bottom = box or (0.0, 0.0, float(size[1]), float(size[0]))
    first_column, first_row = min(round(left * factor), columns - 1), min(round(top * factor), rows - 1)
    last_column, last_row = max(round(right * factor), first_column + 1), max(round(bottom * factor), first_row + 1)
    last_column, last_row = min(last_column, columns), min(last_row, rows)
    values = torch.from_numpy(np.asarray(heat, dtype=np.float32))[None]
    whole = scale or float(np.abs(heat).max()) or 1.0
    ratios = upsample(values, (last_row - first_row, last_column - first_column))[0].numpy() / whole
    if not signed:
        ratios = np.maximum(ratios, 0)
    canvas = np.zeros((rows, columns, 4), np.uint8)
    place = canvas[first_row:last_row, first_column:last_column]
    place[..., :3] = coloured(ratios, signed=signed)
    place[..., 3] = np.rint(255 * opacity(ratios, most=OPAQUE))
    stream = io.BytesIO()
    Image.fromarray(canvas, "RGBA").save(stream, format="png")
    return stream.getvalue()
