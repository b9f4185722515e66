"""Which units an interpolation reads along an axis, found by interpolating the one-hot line of each unit."""

from fractions import Fraction
from math import ceil
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from whynet.attribution.receptive_axis import NOWHERE, Reads, listed

_SMALLEST_WEIGHT = 1e-9


def resampled(num_units: int, num_outputs: int, *, scale: float | None, **how: Any) -> Reads:
    """What `torch.nn.functional.interpolate` reads along one axis.

    Args:
        num_units: Units along the axis before.
        num_outputs: Units along the axis behind.
        scale: The factor, where one was given and is used as it is; None where the sizes say it.
        how: Its arguments `mode`, `align_corners` and `antialias`.
    """
    corners = int(bool(how["align_corners"]))
    if corners and min(num_units, num_outputs) == 1:
        return Reads(units=lambda outputs: torch.zeros(len(outputs), 1, dtype=torch.long), by=0)
    if how["mode"] == "area" or corners:
        scale = None
    ratio = Fraction(num_units - corners, num_outputs - corners)
    if scale is not None:
        ratio = 1 / Fraction(scale).limit_denominator(1000)
    by, every = ratio.numerator, ratio.denominator
    # A line so long that its middle period lies beyond the reach of the widest kernel (bicubic) from both ends.
    turns = ceil((4 * max(1.0, by / every) + 4) / by)
    periods = 2 * turns + 1
    spare = 1 if scale is not None else corners  # a factor as 1/3 may be rounded to one output less
    weights = _weights(by * periods + spare, every * periods + corners, scale, how)
    middle = _lists(weights[:, turns * every : (turns + 1) * every])
    rows = torch.where(middle == NOWHERE, NOWHERE, middle - turns * by)
    return listed(rows, every=every, by=by, inside=_lists(_weights(num_units, num_outputs, scale, how)))


def _weights(num_units: int, num_outputs: int, scale: float | None, how: dict[str, Any]) -> Tensor:
    """(units, outputs): the weight of each unit in each output."""
    # Two columns, since torch (2.13) smooths a map of one column wrongly.
    lines = torch.eye(num_units, dtype=torch.float64)[None, :, :, None].repeat(1, 1, 1, 2)
    if scale is None:
        return F.interpolate(lines, size=(num_outputs, 2), **how)[0, :, :, 0]
    return F.interpolate(lines, scale_factor=(scale, 1.0), recompute_scale_factor=False, **how)[0, :, :, 0]


def _lists(weights: Tensor) -> Tensor:
    """(outputs, k): the units with a weight, filled up with NOWHERE."""
    found = [(column.abs() > _SMALLEST_WEIGHT).nonzero()[:, 0] for column in weights.T]
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True, padding_value=NOWHERE)
