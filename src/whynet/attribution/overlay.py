"""A heat map over its picture, for notebooks and for `whynet attribute`.

Where a network was shown a part of a picture only (`Preprocessing.box`), the map lies over that part, and what it was
not shown is faded. The picture is drawn in its own pixels, not in the network's few, and in grey, so that the colours
seen are the map's.
"""

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from whynet.attribution.colours import coloured, opacity
from whynet.attribution.upsampling import upsample
from whynet.base.errors import SettingError
from whynet.base.lettering import blank, text_width, write
from whynet.base.types import Box, Picture

_FADED = 0.75
"""How much white covers what the network was not shown."""
_LETTERS = 14
_GAP, _BAR = 12, 14
_LEAST_BAR = 96


def overlay(
    image: Picture | Image.Image,
    heat: Float[Tensor, "..."] | Float[np.ndarray, "..."],
    *,
    scale: float | None = None,
    signed: bool | None = None,
    box: Box | None = None,
    opaque: float = 0.9,
    longest_side: int | None = 448,
    bar: bool = False,
) -> Image.Image:
    """A picture with a heat map over it.

    Args:
        image: RGB, 0 to 255, of any size.
        heat: One map (rows, columns), at the resolution of its layer.
        scale: The value that has the strongest colour; larger ones have the same. None: the largest size in this map.
            Two pictures can be compared only on one scale.
        signed: Whether colours run from minus the scale to the scale; None: if a value is negative.
        box: Where in the picture the network looked: `Preprocessing.box`; None: all of it.
        opaque: How much of the picture the strongest colour covers, in [0, 1].
        longest_side: Of the picture drawn, in pixels; None: as it is.
        bar: Whether a colour bar with its numbers stands at the right.

    Raises:
        SettingError: The map is no finite one of rows and columns, or the scale, the opacity or the side is out of
            its range.
    """
    values = heat.detach().float().cpu().numpy() if isinstance(heat, Tensor) else np.asarray(heat, dtype=np.float32)
    _check(values, scale, opaque, longest_side)
    signed = bool((values < 0).any()) if signed is None else signed
    largest = float(np.abs(values).max())
    scale = scale or largest or 1.0
    picture = np.asarray(image.convert("RGB")) if isinstance(image, Image.Image) else image
    shown = resized(picture, longest_side)
    left, top, right, bottom = _pixels(box, picture, shown)
    ratios = upsample(torch.from_numpy(values)[None], (bottom - top, right - left))[0].numpy() / scale
    if not signed:
        ratios = np.maximum(ratios, 0)
    faded = _blend(shown, np.full_like(shown, 255), np.full(shown.shape[:2], _FADED, np.float32))
    part = _blend(
        _grounded(shown[top:bottom, left:right], signed=signed),
        coloured(ratios, signed=signed),
        opacity(ratios, most=opaque),
    )
    faded[top:bottom, left:right] = part
    if bar:
        faded = _beside(
            faded,
            colour_bar(max(faded.shape[0], _LEAST_BAR), scale, signed=signed, exceeded=largest > scale, opaque=opaque),
        )
    return Image.fromarray(faded)


def colour_bar(
    rows: int, scale: float, *, signed: bool, exceeded: bool = False, opaque: float = 0.9
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The colours from the lowest to the highest with their numbers, on white.

    Args:
        rows: Of the picture drawn; at least three lines of letters.
        scale: The value of the strongest colour.
        signed: Whether it begins at minus the scale.
        exceeded: Whether some values lie beyond the scale, which the numbers then say.
        opaque: How much the strongest colour covers.
    """
    ends = [-scale, 0.0, scale] if signed else [0.0, scale / 2, scale]
    texts = [number(value) for value in ends]
    if exceeded:
        texts[-1] = f"≥ {texts[-1]}"
        texts[0] = f"≤ {texts[0]}" if signed else texts[0]
    canvas = blank(rows, _BAR + 6 + max(text_width(text, _LETTERS) for text in texts) + 4)
    first, last = _LETTERS // 2, rows - _LETTERS // 2 - 1
    ratios = np.linspace(1, -1 if signed else 0, last - first + 1, dtype=np.float32)[:, None].repeat(_BAR, 1)
    ground = np.full((*ratios.shape, 3), 250 if signed else 70, np.uint8)
    paint = _blend(ground, coloured(ratios, signed=signed), opacity(ratios, most=opaque))
    canvas[first : last + 1, :_BAR] = paint
    cv2.rectangle(canvas, (0, first), (_BAR - 1, last), (150, 150, 150), 1)
    for share, text in zip((0, 0.5, 1), texts, strict=True):
        middle = round(last - share * (last - first))
        write(canvas, text, _BAR + 6, middle + round(0.36 * _LETTERS), _LETTERS)
    return canvas


def resized(picture: Picture, longest_side: int | None) -> Picture:
    """The picture with its longer side of so many pixels, as `overlay` draws it; None leaves it."""
    rows, columns = picture.shape[:2]
    if longest_side is None or longest_side == max(rows, columns):
        return picture
    factor = longest_side / max(rows, columns)
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)


def sensible_scale(maps: Iterable[Float[Tensor, "..."]]) -> float:
    """A scale for maps that are to be compared: 99.8 % of all their entries are no larger in size.

    The single largest one would leave most maps of pixels dark.

    Returns:
        Above 0; 1 where all entries are 0.
    """
    sizes = np.concatenate([map_.detach().abs().float().cpu().numpy().ravel() for map_ in maps])
    return float(np.quantile(sizes, 0.998, method="higher")) or float(sizes.max()) or 1.0


def number(value: float) -> str:
    """A number in as few letters as say it: two significant digits, and a true minus sign."""
    digits, _, power = f"{float(f'{value:.2g}'):g}".partition("e")
    return (f"{digits}e{int(power)}" if power else digits).replace("-", "\N{MINUS SIGN}")


def _check(values: Float[np.ndarray, "..."], scale: float | None, opaque: float, longest_side: int | None) -> None:
    if values.ndim != 2 or not values.size:
        raise SettingError(
            f"one map of rows and columns was expected, not shape {values.shape}; choose one of a batch, and add up or "
            "choose channels"
        )
    if not np.isfinite(values).all():
        raise SettingError("the map holds NaN or infinite values; check the network and its input")
    if scale is not None and not 0 < scale < float("inf"):
        raise SettingError(f"a scale above 0 was expected, not {scale}; None takes the map's own maximum")
    if not 0 <= opaque <= 1:
        raise SettingError(f"an opacity from 0 to 1 was expected, not {opaque}")
    if longest_side is not None and longest_side < 1:
        raise SettingError(f"a side of at least 1 pixel was expected, not {longest_side}")


def _pixels(box: Box | None, picture: Picture, shown: Picture) -> tuple[int, int, int, int]:
    """The box of a picture in the pixels that are shown of it, one at least; the whole where there is none."""
    rows, columns = picture.shape[:2]
    high, wide = shown.shape[:2]
    left, top, right, bottom = box or (0, 0, columns, rows)
    x, y = wide / columns, high / rows
    first_column, first_row = min(round(left * x), wide - 1), min(round(top * y), high - 1)
    return first_column, first_row, max(round(right * x), first_column + 1), max(round(bottom * y), first_row + 1)


def _grounded(picture: Picture, *, signed: bool) -> Picture:
    """The picture in grey, dimmed for a map that glows, paled for one whose zero is white."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2).astype(np.float32)
    darkest, lightest = (120, 250) if signed else (0, 185)
    return np.rint(darkest + grey / 255 * (lightest - darkest)).astype(np.uint8)


def _blend(below: Picture, above: Picture, cover: Float[np.ndarray, "rows columns"]) -> Picture:
    cover = cover[..., None]
    blended: Picture = np.rint(below * (1 - cover) + above * cover).astype(np.uint8)
    return blended


def _beside(picture: Picture, bar: Picture) -> Picture:
    rows = max(picture.shape[0], bar.shape[0])
    canvas = blank(rows, picture.shape[1] + _GAP + bar.shape[1])
    for part, left in ((picture, 0), (bar, picture.shape[1] + _GAP)):
        top = (rows - part.shape[0]) // 2
        canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas
