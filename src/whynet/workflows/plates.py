"""Plates: a heat map over its picture with a caption beneath, and the grid of several with a title."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.overlay import overlay
from whynet.base.errors import SubjectError
from whynet.base.lettering import INK, PALE_INK, blank, shortened, wrapped, write
from whynet.base.types import Box, Images, Picture
from whynet.models.preprocessing import seen_box
from whynet.models.subject import Subject

TITLE, TEXT = 20, 15
_MARGIN, _LEADING = 16, 1.35


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One field of a grid.

    Args:
        name: Its first line.
        note: Its second line, in pale letters.
        picture: None where there is none, and `reason` says why.
        reason: Stands in the picture's place.
    """

    name: str
    note: str = ""
    picture: Picture | None = None
    reason: str = ""


def drawn(
    subject: Subject, picture: Picture, heat: Float[Tensor, "rows columns"], *, scale: float, signed: bool, side: int
) -> Picture:
    """The map over the picture, with its bar.

    Where the preprocessing says which part of a picture the network looks at, the map lies on that part. Else nobody
    knows, and the map lies on what the network was given, its values stretched to those of a picture.
    """
    picture, box = looked_at(subject, picture)
    return np.asarray(overlay(picture, heat, scale=scale, signed=signed, box=box, longest_side=side, bar=True))


def looked_at(subject: Subject, picture: Picture) -> tuple[Picture, Box | None]:
    """What a map of a picture is drawn over: the picture and where in it the network looked, if that is known."""
    box = seen_box(subject.preprocess, picture)
    return (_as_seen(subject.preprocess([picture])) if box is None else picture), box


def _as_seen(images: Images) -> Picture:
    image = images[0].detach().float().cpu()
    if len(image) not in (1, 3):
        raise SubjectError(f"a picture of 1 or 3 channels can be drawn on, and the network takes {len(image)}")
    low, high = image.min(), image.max()
    stretched = (image - low) / (high - low).clamp(min=1e-12) * 255
    seen: Picture = stretched.round().to(torch.uint8).expand(3, -1, -1).permute(1, 2, 0).numpy()
    return seen


def plate(picture: Picture, lines: Sequence[str], *, least_width: int = 320) -> Picture:
    """A picture with lines of text beneath it, the first in ink; too long a line is shortened at its end."""
    width = max(picture.shape[1], least_width)
    canvas = blank(picture.shape[0] + _height(len(lines), TEXT) + _MARGIN // 2, width)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    _write_lines(canvas, [shortened(line, width - 8, TEXT) for line in lines], 4, picture.shape[0] + 4)
    return _framed(canvas)


def grid(title: str, cells: Sequence[Cell], *, columns: int, side: int) -> Picture:
    """Cells side by side, each with two lines beneath, under a title.

    Args:
        title: One line.
        cells: In reading order.
        columns: At most so many cells in a row.
        side: Width and height of a cell's field in pixels; no picture is wider than 1.5 times this, or higher.
    """
    columns = min(columns, len(cells))
    wide = max([side, *(cell.picture.shape[1] for cell in cells if cell.picture is not None)])
    high = max([cell.picture.shape[0] for cell in cells if cell.picture is not None], default=0)
    if any(cell.picture is None for cell in cells):
        high = max(high, round(side * 0.6))
    caption = _height(2, TEXT)
    across, down = wide + 2 * _MARGIN, high + caption + 2 * _MARGIN
    head = round(TITLE * 2.2)
    rows = -(-len(cells) // columns)
    canvas = blank(head + rows * down, columns * across)
    write(canvas, shortened(title, canvas.shape[1] - 2 * _MARGIN, TITLE), _MARGIN, round(TITLE * 1.5), TITLE)
    for place, cell in enumerate(cells):
        left, top = place % columns * across + _MARGIN, head + place // columns * down + _MARGIN // 2
        if cell.picture is None:
            reason = wrapped(cell.reason, wide - 24, TEXT, most=int((high - 20) / (TEXT * _LEADING)))
            canvas[top : top + high, left : left + wide] = 244
            for number, line in enumerate(reason):
                write(canvas, line, left + 12, top + 28 + round(number * TEXT * _LEADING), TEXT, PALE_INK)
        else:
            canvas[top : top + cell.picture.shape[0], left : left + cell.picture.shape[1]] = cell.picture
        _write_lines(canvas, [shortened(line, wide, TEXT) for line in (cell.name, cell.note)], left, top + high + 4)
    return canvas


def _height(lines: int, size: int) -> int:
    return round(lines * size * _LEADING) + 6


def _write_lines(canvas: Picture, lines: Sequence[str], left: int, top: int) -> None:
    for number, line in enumerate(lines):
        write(canvas, line, left, top + round((number + 0.85) * TEXT * _LEADING), TEXT, PALE_INK if number else INK)


def _framed(canvas: Picture) -> Picture:
    return np.pad(canvas, ((_MARGIN // 2, 0), (_MARGIN // 2, _MARGIN // 2), (0, 0)), constant_values=255)
