"""Several pictures with titles in one."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from whynet.base.errors import SettingError
from whynet.base.types import Picture

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAPER, _INK, _FRAME = "#ffffff", "#26323a", "#d5dbdf"
_GAP = 16
_TITLE_SIZE, _LINE_HEIGHT, _ABOVE_TITLE, _MOST_LINES = 15, 19, 6, 2


def picture_grid(
    pictures: Sequence[Picture], titles: Sequence[str] = (), *, columns: int | None = None, side: int = 192
) -> Image.Image:
    """The pictures row by row on white, each above its title.

    Args:
        pictures: RGB, of any sizes; each is fitted into its cell with its proportions kept.
        titles: One a picture, or none at all; a long one takes two lines and is cut off after that.
        columns: How many stand in a row; None makes the grid about square.
        side: Of a cell, in pixels, at least 16.

    Returns:
        The grid; its `save(path)` writes a file.

    Raises:
        SettingError: There are no pictures, or not one title for each, or a setting is out of its range.
    """
    if not len(pictures):
        raise SettingError("at least one picture was expected, none came")
    if titles and len(titles) != len(pictures):
        raise SettingError(f"one title for each of {len(pictures)} pictures was expected, not {len(titles)}")
    if side < 16 or (columns is not None and columns < 1):
        raise SettingError(f"cells of at least 16 pixels and 1 column were expected, not {side} and {columns}")
    columns = min(len(pictures), columns or math.ceil(math.sqrt(len(pictures))))
    font = ImageFont.load_default(_TITLE_SIZE)
    lines = [_lines(title, font, side) for title in titles]
    tops = [_GAP]  # of the rows, and where the last one ends
    for first in range(0, len(pictures), columns):
        most = max(map(len, lines[first : first + columns]), default=0)
        tops.append(tops[-1] + side + (_ABOVE_TITLE + most * _LINE_HEIGHT if most else 0) + _GAP)
    sheet = Image.new("RGB", (columns * (side + _GAP) + _GAP, tops[-1]), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures):
        left, top = _GAP + number % columns * (side + _GAP), tops[number // columns]
        fitted = _fitted(Image.fromarray(picture), side)
        x, y = left + (side - fitted.width) // 2, top + (side - fitted.height) // 2
        draw.rectangle((x - 1, y - 1, x + fitted.width, y + fitted.height), outline=_FRAME)
        sheet.paste(fitted, (x, y))
        for line, text in enumerate(lines[number] if lines else ()):
            middle = left + side / 2, top + side + _ABOVE_TITLE + line * _LINE_HEIGHT
            draw.text(middle, text, fill=_INK, font=font, anchor="ma")
    return sheet


def _fitted(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS)


def _lines(title: str, font: Font, width: int) -> list[str]:
    """The title in as many lines as it needs and may have."""
    lines: list[str] = []
    for word in title.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES - 1 :] = [" ".join(lines[_MOST_LINES - 1 :])]
    return [_cut(line, font, width) for line in lines]


def _cut(line: str, font: Font, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line.rstrip() + "..."
