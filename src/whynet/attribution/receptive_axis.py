"""What the units along one axis of a map see of one axis of the image, and how an operation changes that.

Pixel i covers [i, i + 1), and a unit sees the pixels [first, last). An operation is described by the units it reads:

    first'(o) = min over i in reads(o) of first(i),   last'(o) = max over i in reads(o) of last(i)

This is kept twice: for the units that there are, whose field ends at the image's border (`first`, `last`), and for a
map that goes on for ever in both directions (`low`, `high`), which is the theoretical field. There unit i + period sees
what unit i sees, `shift` pixels on, so the stride is shift / period. The period is 1 but for transposed convolutions
and interpolation; then these are the recurrences of Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional
Neural Networks", Distill 2019, doi:10.23915/distill.00021.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

import torch
from torch import Tensor

NOWHERE = -(2**40)
"""In place of a unit that is not there; where a unit sees nothing, `first` is greater than `last` by as much."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reads:
    """Which units an operation reads along an axis.

    Args:
        units: Maps outputs (n,) to the units (n, k) each reads in a map without end; NOWHERE fills up.
        every: So many outputs on, ...
        by: ... it reads so many units on.
        inside: As `units` for a map with borders, where it reads other units there.
    """

    units: Callable[[Tensor], Tensor]
    every: int = 1
    by: int = 1
    inside: Callable[[Tensor], Tensor] | None = None


def sliding(kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> Reads:
    """What convolution and pooling read."""
    taps = dilation * torch.arange(kernel) - padding
    return Reads(units=lambda outputs: outputs[:, None] * stride + taps, by=stride)


def spreading(kernel: int, *, stride: int, padding: int, dilation: int) -> Reads:
    """What a transposed convolution reads."""
    taps = padding - dilation * torch.arange(kernel)

    def units(outputs: Tensor) -> Tensor:
        places = outputs[:, None] + taps
        return torch.where(places % stride == 0, places.div(stride, rounding_mode="floor"), NOWHERE)

    return Reads(units=units, every=stride)


def cells(num_units: int, num_cells: int) -> Reads:
    """What adaptive pooling reads: cell o from floor(o n / cells) to ceil((o + 1) n / cells)."""
    shared = gcd(num_units, num_cells)
    every, by = num_cells // shared, num_units // shared

    def units(outputs: Tensor) -> Tensor:
        start = (outputs * by).div(every, rounding_mode="floor")[:, None]
        end = -(-(outputs + 1) * by).div(every, rounding_mode="floor")[:, None]
        found = start + torch.arange(by // every + 2)
        return torch.where(found < end, found, NOWHERE)

    return Reads(units=units, every=every, by=by)


def listed(rows: Tensor, *, every: int, by: int, inside: Tensor) -> Reads:
    """What is read according to lists: `rows` (every, k) for one period, `inside` (n, k) for the map with borders."""

    def units(outputs: Tensor) -> Tensor:
        turns = outputs.div(every, rounding_mode="floor")[:, None]
        found = rows[outputs % every]
        return torch.where(found == NOWHERE, NOWHERE, found + turns * by)

    return Reads(units=units, every=every, by=by, inside=lambda outputs: inside[outputs])


@dataclass(frozen=True, kw_only=True, eq=False)
class AxisField:
    """What the units along one axis of a tensor see of one axis of the image.

    Args:
        first: (units,) the first pixel that each sees.
        last: (units,) the pixel behind the last one.
        low: (period,) as `first`, in a map without end.
        high: (period,) as `last`.
        shift: By how many pixels `low` and `high` move on after a period; 0 if all units see the same.
        dim: The tensor's axis along which the units lie; None where there is one unit.
        wide: Whether units also see something that does not move on with them, so that `low` and `high` tell but
            where they are.
    """

    first: Tensor
    last: Tensor
    low: Tensor
    high: Tensor
    shift: int
    dim: int | None
    wide: bool = False

    @classmethod
    def of_pixels(cls, num_pixels: int, dim: int) -> "AxisField":
        """The image's own: unit i sees pixel i."""
        first, low = torch.arange(num_pixels), torch.zeros(1, dtype=torch.long)
        return cls(first=first, last=first + 1, low=low, high=low + 1, shift=1, dim=dim if num_pixels > 1 else None)

    @classmethod
    def _still(cls, first: Tensor, last: Tensor, dim: int | None) -> "AxisField":
        low, high = first.min()[None], last.max()[None]
        wide = len(first) > 1
        return cls(first=first, last=last, low=low, high=high, shift=0, dim=dim if wide else None, wide=wide)

    @property
    def stride(self) -> Fraction:
        """By how many pixels the field of the next unit is further on."""
        return Fraction(self.shift, len(self.low))

    @property
    def extent(self) -> int:
        """Pixels that the unit with the largest field sees, were the image large enough; 0 if no unit sees any."""
        sizes = self.last - self.first if self.wide else self.high - self.low
        return max(0, int(sizes.max()))

    def endless(self, units: Tensor) -> tuple[Tensor, Tensor]:
        """`first` and `last` of any units, also negative ones, in a map without end; of none for NOWHERE."""
        period = len(self.low)
        moved = units.div(period, rounding_mode="floor") * self.shift
        low, high = self.low[units % period] + moved, self.high[units % period] + moved
        is_there = units != NOWHERE
        return torch.where(is_there, low, -NOWHERE), torch.where(is_there, high, NOWHERE)

    def through(self, reads: Reads, num_outputs: int, dim: int | None) -> "AxisField":
        """Behind an operation with so many outputs along the axis `dim`."""
        units = (reads.inside or reads.units)(torch.arange(num_outputs))  # (n, k)
        is_there = (units >= 0) & (units < len(self.first))
        near = units.clamp(0, len(self.first) - 1)
        period = reads.every * (len(self.low) // gcd(len(self.low), reads.by))
        low, high = self.endless(reads.units(torch.arange(period)))
        return AxisField(
            first=torch.where(is_there, self.first[near], -NOWHERE).amin(1),
            last=torch.where(is_there, self.last[near], NOWHERE).amax(1),
            low=low.amin(1),
            high=high.amax(1),
            shift=self.shift * reads.by // gcd(len(self.low), reads.by),
            dim=dim if num_outputs > 1 else None,
            wide=self.wide,
        )

    def picked(self, units: Tensor, dim: int | None) -> "AxisField":
        """What units along the axis `dim` see that each put together some of these: `units` is (n, k)."""
        for every in range(1, len(units) // 2 + 1):
            steps = units[every:] - units[:-every]
            by = int(steps.flatten()[0])
            if by != 0 and bool((steps == by).all()):
                return self.through(listed(units[:every], every=every, by=by, inside=units), len(units), dim)
        return AxisField._still(self.first[units].amin(1), self.last[units].amax(1), dim)

    def together(self) -> "AxisField":
        """One unit that sees what all of them see."""
        return AxisField._still(self.first.min()[None], self.last.max()[None], None)

    def mixed(self) -> "AxisField":
        """Units in their places that all see what all of them see."""
        first, last = self.first.min().expand_as(self.first), self.last.max().expand_as(self.last)
        return replace(self, first=first, last=last, wide=True)

    def moved(self, dims: int) -> "AxisField":
        """The same along a tensor's axis that lies `dims` axes further on."""
        return replace(self, dim=None if self.dim is None else self.dim + dims)


def union(fields: Sequence[AxisField]) -> AxisField:
    """What units see that put together what these see, unit by unit; one unit goes with each of many.

    The strides must be the same but for units that all see the same.
    """
    size = max(len(field.first) for field in fields)
    fields = [field if len(field.first) == size else field.together() for field in fields]
    dims = {field.dim for field in fields if field.dim is not None}
    if len(dims) > 1:  # a map and its transpose: what a unit sees no longer hangs on one of its numbers
        return union([field.together() for field in fields])
    moving = [field for field in fields if field.shift] or fields
    period = lcm(*(len(field.low) for field in moving))
    bounds = [field.endless(torch.arange(period)) for field in moving]
    return AxisField(
        first=torch.stack([field.first.expand(size) for field in fields]).amin(0),
        last=torch.stack([field.last.expand(size) for field in fields]).amax(0),
        low=torch.stack([low for low, _ in bounds]).amin(0),
        high=torch.stack([high for _, high in bounds]).amax(0),
        shift=moving[0].shift * period // len(moving[0].low),
        dim=next(iter(dims), None),
        wide=any(field.wide for field in fields) or len(moving) < len(fields),
    )


def chain(fields: Sequence[AxisField], dim: int) -> AxisField:
    """The units of one after those of another, along the axis `dim`."""
    first, last = torch.cat([field.first for field in fields]), torch.cat([field.last for field in fields])
    return AxisField._still(first, last, dim)


def nothing(num_units: int, dim: int) -> AxisField:
    """So many units that see nothing of the image."""
    far = torch.full((num_units,), NOWHERE)
    return AxisField._still(-far, far, dim)
