"""Which operations are rectifiers max(x, 0), possibly cut off above, and a backward pass of one's own for them.

Known: `relu`, `relu6`, `hardtanh`, `clamp`, `clip`, `clamp_min`, `threshold`, `maximum` and `max` with the lower end 0,
as functions, as methods and in place. Other activations are none. What is computed by hand, as `x * (x > 0)`, cannot be
recognised.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from whynet.attribution.backward_rules import Args, BackwardRules, Function, Kwargs, Rule

Backward = Callable[[Tensor], Tensor]


class RectifierMode(BackwardRules):
    """The mode of rectifier rules; it counts the rectifiers of a forward, also those that no signal passes.

    Attributes:
        num_rectifiers: So far.
    """

    num_rectifiers = 0

    def aside(self, func: Function, args: Args, kwargs: Kwargs) -> Any:
        """As the base class says."""
        if func in RECTIFIERS and upper_end(func, args, kwargs) is not None:
            self.num_rectifiers += 1
        return super().aside(func, args, kwargs)


def rectifier_rules(backward: Backward, *, gated: bool) -> dict[Callable[..., Any], Rule]:
    """The same backward pass for every rectifier; the same operations with other bounds stay as they are.

    Args:
        backward: Maps the signal at the output to that at the input; may change it in place where it is gated.
        gated: Whether a signal passes only where the rectifier was open, before `backward` gets it.
    """

    def rule(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
        upper = upper_end(func, args, kwargs)
        if upper is None:
            return func(*args, **kwargs)
        assert isinstance(mode, RectifierMode)
        mode.num_rectifiers += 1
        values = [*args, *kwargs.values()]
        x = next(value for value in values if isinstance(value, Tensor) and value.requires_grad)
        call = partial(func, *args, **kwargs)
        # As torch does: what follows a `relu` must leave its output alone, what follows the others need not.
        keeps = func in _KEEP_OUTPUT
        return _Rectify.apply(x, call, upper, backward, gated, keeps)  # type: ignore[no-untyped-call]

    return dict.fromkeys(RECTIFIERS, rule)


def upper_end(func: Function, args: Args, kwargs: Kwargs) -> float | None:
    """Where a rectifier is cut off above, infinity if nowhere; None if a call is no rectifier."""
    lower, upper = RECTIFIERS[func](args, kwargs)
    return upper if _is_zero(lower) and not isinstance(upper, Tensor) and upper > 0 else None


def _is_zero(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.requires_grad and not bool(value.any())
    return isinstance(value, (int, float)) and value == 0


class _Rectify(torch.autograd.Function):
    """The value of a rectifier with a backward pass of one's own."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, call: Callable[[], Tensor], upper: float, backward: Backward, gated: bool, keeps: bool
    ) -> Tensor:
        y = call()
        ctx.own_backward, ctx.is_open = backward, None
        if y is x:
            ctx.mark_dirty(x)
        if gated and keeps:
            ctx.save_for_backward(y)
        elif gated:
            ctx.is_open = (y > 0) & (y < upper)
        return y

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Any:
        (signal,) = signals
        for y in ctx.saved_tensors:
            signal = torch.ops.aten.threshold_backward(signal, y, 0)
        if ctx.is_open is not None:
            signal = signal * ctx.is_open
        return ctx.own_backward(signal), None, None, None, None, None


Bounds = Callable[[Sequence[Any], dict[str, Any]], tuple[Any, Any]]
"""Lower and upper end of a call with these arguments; a lower end of None is none."""


def _between(low_name: str, high_name: str, *, low: float | None = None, high: float = math.inf) -> Bounds:
    def bounds(args: Args, kwargs: Kwargs) -> tuple[Any, Any]:
        own = dict(zip((low_name, high_name), args[1:], strict=False)) | kwargs
        lower, upper = own.get(low_name), own.get(high_name)
        return low if lower is None else lower, high if upper is None else upper

    return bounds


def _always(upper: float) -> Bounds:
    return lambda _args, _kwargs: (0, upper)


def _threshold(args: Args, kwargs: Kwargs) -> tuple[Any, Any]:
    own = dict(zip(("threshold", "value"), args[1:], strict=False)) | kwargs
    return (0 if own["threshold"] == own["value"] == 0 else None), math.inf


def _maximum(args: Args, kwargs: Kwargs) -> tuple[Any, Any]:
    constants = [v for v in [*args, *kwargs.values()] if isinstance(v, Tensor) and not v.requires_grad]
    return (constants[0] if len(constants) == 1 else None), math.inf


_CLAMP = _between("min", "max")
_KEEP_OUTPUT = (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
RECTIFIERS: dict[Callable[..., Any], Bounds] = {
    **dict.fromkeys(_KEEP_OUTPUT, _always(math.inf)),
    F.relu6: _always(6.0),
    **dict.fromkeys([torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_], _CLAMP),
    **dict.fromkeys([torch.clip, torch.clip_, Tensor.clip, Tensor.clip_], _CLAMP),
    **dict.fromkeys([torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_], _CLAMP),
    **dict.fromkeys([F.hardtanh, F.hardtanh_], _between("min_val", "max_val", low=-1.0, high=1.0)),
    **dict.fromkeys([F.threshold, torch.threshold, torch.threshold_], _threshold),
    **dict.fromkeys([torch.maximum, Tensor.maximum, torch.max, Tensor.max], _maximum),
}
