"""Text in pictures, in the font that OpenCV carries within it: most alphabets, and no font of the machine."""

import cv2
import numpy as np
from jaxtyping import UInt8

from whynet.base.types import Picture

FONT = "uni"
INK, PALE_INK = (32, 36, 40), (104, 110, 116)
Colour = tuple[int, int, int]


def text_width(text: str, size: int) -> int:
    """Pixels that a line of letters of `size` pixels takes from left to right."""
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), cv2.FontFace(FONT), size)
    return int(width)


def write(
    canvas: UInt8[np.ndarray, "rows columns 3"], text: str, left: int, baseline: int, size: int, colour: Colour = INK
) -> None:
    """Write one line on a picture; what does not fit on it is lost."""
    cv2.putText(canvas, text, (left, baseline), colour, cv2.FontFace(FONT), size)


def shortened(text: str, width: int, size: int, *, keep_end: bool = False) -> str:
    """The text if it is no wider than `width` pixels, else as much as fits, with an ellipsis in place of the rest."""
    text = printable(text)
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)  # letters that fit, and that do not
    while high - low > 1:
        middle = (low + high) // 2
        part = "…" + text[-middle:] if keep_end else text[:middle].rstrip() + "…"
        low, high = (middle, high) if text_width(part, size) <= width else (low, middle)
    if low == 0:
        return "…"
    return "…" + text[-low:] if keep_end else text[:low].rstrip() + "…"


def wrapped(text: str, width: int, size: int, *, most: int) -> list[str]:
    """At most `most` lines of at most `width` pixels, broken between words; the last is shortened if need be."""
    lines: list[str] = []
    words = printable(text).split()
    while words:
        if len(lines) == most - 1:
            return [*lines, shortened(" ".join(words), width, size)]
        count = 1
        while count < len(words) and text_width(" ".join(words[: count + 1]), size) <= width:
            count += 1
        lines.append(shortened(" ".join(words[:count]), width, size))
        words = words[count:]
    return lines


def printable(text: str) -> str:
    """The text with a question mark for what has no letter: control characters, half surrogate pairs."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text)


def blank(rows: int, columns: int) -> Picture:
    """A white picture."""
    return np.full((rows, columns, 3), 255, np.uint8)
