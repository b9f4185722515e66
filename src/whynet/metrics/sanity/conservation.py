"""Conservation: does a map that is a probability add up to 1 at every layer?

Zhang, Lin, Brandt, Shen & Sclaroff, "Top-down Neural Attention by Excitation Backprop", ECCV 2016, arXiv:1608.00507,
section 3.2: each unit hands all of its probability on to its inputs, so at each layer that cuts the network in two

    sum_j P(a_j) = 1

A sum that is lower names a layer below an operation that loses some. A map that is 0 everywhere is counted apart: what
is explained then fires through its bias alone and has no input to name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError

TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class ConservedLayer:
    """The sums of the maps at one layer.

    Args:
        layer: Its name.
        worst_sum: The sum that is furthest from 1 among maps that are not blank; None where all are.
        worst_image: Of which image, by its place.
        kept: Share of the maps that are not blank whose sum is 1 within the tolerance, in [0, 1]; None likewise.
        blank: Number of maps that are 0 everywhere.
        n: Number of maps.
    """

    layer: str
    worst_sum: float | None
    worst_image: int | None
    kept: float | None
    blank: int
    n: int

    @property
    def error(self) -> float | None:
        """How far the worst sum is from 1; lower is better."""
        return None if self.worst_sum is None else abs(self.worst_sum - 1)


def conservation(
    maps: Mapping[str, Float[Tensor, "batch ..."]], *, tolerance: float = TOLERANCE
) -> tuple[ConservedLayer, ...]:
    """What the maps of each layer add up to.

    Args:
        maps: By layer, each with one map an image.
        tolerance: How far from 1 a sum may lie, for rounding.

    Returns:
        One record a layer, in the order given.

    Raises:
        DataError: There is no layer or no map, or a map holds NaN or infinite values.
    """
    if not maps:
        raise DataError("conservation needs the maps of at least 1 layer, but there are none; give some")
    return tuple(_layer(layer, own, tolerance) for layer, own in maps.items())


def _layer(layer: str, maps: Tensor, tolerance: float) -> ConservedLayer:
    if not len(maps) or not maps.isfinite().all():
        raise DataError(
            f"at least 1 map without NaN or infinity was expected at layer {layer!r}, but {len(maps)} came, not all of "
            "them finite; check where they were computed"
        )
    flat = maps.detach().cpu().double().reshape(len(maps), -1)
    live = flat.any(1)
    error = ((flat.sum(1) - 1).abs() * live).where(live, -1)
    worst = int(error.argmax()) if bool(live.any()) else None
    return ConservedLayer(
        layer=layer,
        worst_sum=None if worst is None else float(flat[worst].sum()),
        worst_image=worst,
        kept=None if worst is None else float((error[live] <= tolerance).double().mean()),
        blank=int((~live).sum()),
        n=len(maps),
    )
