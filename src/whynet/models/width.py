"""Narrower copies of published networks: one factor for all channels and fully connected sizes."""

import math

from whynet.base.errors import SettingError

MULTIPLE = 8
"""Of which each size is one."""


def scaled(size: int, width: float) -> int:
    """A number of channels or units times `width`, as the nearest multiple of 8 that is at least 8.

    Args:
        size: Of the published network; itself a multiple of 8, and so unchanged by a width of 1.
        width: The factor, above 0.
    """
    return max(MULTIPLE, MULTIPLE * round(size * width / MULTIPLE))


def check_sizes(num_classes: int, width: float, dropout: float = 0.0) -> None:
    """Raise `SettingError` unless there are two classes or more, a positive width and a dropout from 0 to below 1."""
    if num_classes < 2 or not (width > 0 and math.isfinite(width)) or not 0 <= dropout < 1:
        raise SettingError(
            "at least two classes, a positive width and a dropout from 0 to below 1 were expected, not "
            f"{num_classes}, {width} and {dropout}"
        )
