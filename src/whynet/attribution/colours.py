"""Colours of heat maps that the colour-blind can read, and how much of the picture shows through them.

Maps without signs take inferno (black, purple, orange, yellow), whose lightness rises evenly, and glow over a dimmed
picture; signed maps go from blue over white to red, over a paled one. A value is shown by its ratio to the scale; what
exceeds the scale has the colour of its end.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_BLUE_WHITE_RED = (
    (5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (247, 247, 247),
    (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31),
)  # fmt: skip
"""ColorBrewer's RdBu, the other way round (Brewer, Harrower and The Pennsylvania State University)."""


def colour_table(*, signed: bool) -> UInt8[np.ndarray, "256 3"]:
    """RGB from the lowest to the highest value: 0 to the scale, or signed from minus the scale to the scale."""
    if not signed:
        ramp = np.arange(256, dtype=np.uint8)[:, None]
        return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, 0, ::-1], dtype=np.uint8)
    anchors = np.array(_BLUE_WHITE_RED, dtype=np.float64)
    at, places = np.linspace(0, 1, 256), np.linspace(0, 1, len(anchors))
    return np.stack([np.interp(at, places, anchors[:, channel]) for channel in range(3)], 1).round().astype(np.uint8)


def coloured(ratios: Float[np.ndarray, "rows columns"], *, signed: bool) -> UInt8[np.ndarray, "rows columns 3"]:
    """The colour of each ratio to the scale, from 0 (signed: -1) to 1."""
    share = (ratios + 1) / 2 if signed else ratios
    return colour_table(signed=signed)[np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)]


def opacity(ratios: Float[np.ndarray, "rows columns"], *, most: float) -> Float[np.ndarray, "rows columns"]:
    """How much of the picture each colour covers: none at 0, `most` at the scale, rising with the size of the value.

    It rises as the square root: half the scale must not look like nothing.
    """
    covered: np.ndarray = most * np.sqrt(np.clip(np.abs(ratios), 0, 1))
    return covered
