"""The rules of the receptive field: what each operation makes of the pixels that its inputs see.

    convolution, pooling, transposed convolution    the units under the kernel, with stride, padding and dilation
    interpolation                                   the units with a weight in it
    padding                                         the units inside; where it reflects, those that are reflected
    elementwise, batch norm (eval), dropout         the same unit; of several inputs, what any of them sees
    concatenation of channels                       the same
    reshaping, permuting, cutting, flipping, ...    the unit that it came from
    mean, sum, maximum, linear, adaptive pooling to one     all units along the axes that are reduced
    norms and softmax over positions                all units; the place of each is kept

Rows and columns are followed apart, so a field is a box around all that is seen. Where an axis of units is split into
several (windows of a map), each unit is said to see what its window sees, which is an upper bound.

An operation without a rule (attention, an einsum) is an error. What cannot be seen is that of `backward_rules`.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whynet.attribution.backward_rules import (
    MAKERS_OF_CONSTANTS,
    Args,
    BackwardRules,
    Function,
    Kwargs,
    Rule,
    named,
    operations,
    tensors_in,
)
from whynet.attribution.receptive_axis import AxisField, chain, nothing
from whynet.attribution.receptive_mode import ReceptiveMode, each, one_input, swept
from whynet.attribution.receptive_windows import WINDOW_RULES


def receptive_rules(network: nn.Module) -> ReceptiveMode:
    """The mode under which a network's forward is run to find receptive fields."""
    return ReceptiveMode(RULES, network)


def _elementwise(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    assert isinstance(mode, ReceptiveMode)
    found = [(tensor.ndim, sight) for tensor, sight in mode.seeing(args, kwargs)]
    result = func(*args, **kwargs)
    (first, *_), (ndim, sight) = tensors_in([result]), found[0]
    if len(found) == 1 and ndim == first.ndim:
        return mode.keep(func, result, sight)
    aligned = [(rows.moved(first.ndim - n), columns.moved(first.ndim - n)) for n, (rows, columns) in found]
    return mode.keep(func, result, mode.joined(func, aligned))


def _concatenation(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    assert isinstance(mode, ReceptiveMode)
    own = named("tensors dim", args, kwargs)
    result = func(*args, **kwargs)
    dim = own.get("dim", own.get("axis", 0)) % result.ndim
    tensors, sights = own["tensors"], [sight for _, sight in mode.seeing(args, kwargs)]
    if func is torch.stack:
        sights = [tuple(_shifted(field, dim) for field in sight) for sight in sights]  # type: ignore[misc]
        return mode.keep(func, result, mode.joined(func, sights))
    both = []
    for axis in (0, 1):
        if all(sight[axis].dim != dim for sight in sights):
            both.append(mode.joined(func, [(sight[axis], sight[axis]) for sight in sights])[0])
            continue
        pieces = [(tensor.shape[dim], mode.sight(tensor)) for tensor in tensors]
        parts = [
            nothing(size, dim) if sight is None else sight[axis].picked(_same_units(sight[axis], size), dim)
            for size, sight in pieces
        ]
        both.append(chain(parts, dim))
    return mode.keep(func, result, (both[0], both[1]))


def _same_units(field: AxisField, size: int) -> Tensor:
    """(size, 1): each unit itself, or the one there is."""
    return (torch.arange(size) if len(field.first) == size else torch.zeros(size, dtype=torch.long))[:, None]


def _shifted(field: AxisField, dim: int) -> AxisField:
    return field.moved(1) if field.dim is not None and field.dim >= dim else field


def _rearrangement(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    """Each output's unit is found by doing the same to a tensor that holds the units' numbers."""
    mode, x, sight = one_input(mode, func, args, kwargs)
    shape = x.shape
    both: list[list[Tensor] | None] = []
    for field in sight:
        if field.dim is None:
            both.append(None)
            continue
        numbers = torch.arange(len(field.first), dtype=torch.float32)
        numbers = numbers.view([-1 if axis == field.dim else 1 for axis in range(len(shape))])
        # In memory as the tensor is, since a view of it may hang on that.
        numbers = torch.empty_like(x, dtype=numbers.dtype, device="cpu").copy_(numbers)
        replaced = [numbers if value is x else value for value in args]
        own = {key: numbers if value is x else value for key, value in kwargs.items()}
        both.append(tensors_in([func(*replaced, **own)]))
    result = func(*args, **kwargs)
    for place, tensor in enumerate(tensors_in([result])):
        rows, columns = (
            field if numbers is None else _from_numbers(field, numbers[place])
            for field, numbers in zip(sight, both, strict=True)
        )
        mode.keep(func, tensor, (rows, columns))
    return result


def _from_numbers(field: AxisField, numbers: Tensor) -> AxisField:
    """What units see that are the units of these numbers; of several in one place, what any of them sees."""
    units = numbers.long()
    spreads = _spreads(units)
    if not spreads:
        return field.picked(units.flatten()[:1, None], None)
    if len(spreads) > 1:  # units that lay along one axis lie along several
        spreads = _spreads(field.first[units]) | _spreads(field.last[units])
    if not spreads:
        return field.together()
    dim = max(spreads, key=lambda axis: spreads[axis])
    some = units[tuple(slice(None) if axis in spreads else slice(1) for axis in range(units.ndim))]
    return field.picked(some.movedim(dim, 0).flatten(1), dim)


def _spreads(values: Tensor) -> dict[int, int]:
    """For each axis along which values vary, by how much."""
    found = {axis: int((values.amax(axis) - values.amin(axis)).max()) for axis in range(values.ndim)}
    return {axis: spread for axis, spread in found.items() if spread}


def _linear(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    result = func(*args, **kwargs)
    if x is not (args[0] if args else kwargs["input"]) or result.ndim != x.ndim:
        mode.refuse(func, "has weights that come from the images, and there is no rule for that")
    return mode.keep(func, result, swept(sight, x, result.shape, reads={}, reduced=[x.ndim - 1]))


def _dims(args: Args, kwargs: Kwargs, place: int, x: Tensor, usual: Any = None) -> list[int]:
    """The axes that an operation is told to work on."""
    value = kwargs.get("dim", kwargs.get("axis", args[place] if len(args) > place else usual))
    if value is None or isinstance(value, bool) or value in ([], ()):
        return list(range(x.ndim))
    return [axis % x.ndim for axis in each(value, 1)]


def _reduction(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs, *, place: int = 1) -> Any:
    if any(isinstance(value, Tensor) for value in [*args[1:], kwargs.get("other")]):
        return _elementwise(mode, func, args, kwargs)  # the maximum of two tensors
    mode, x, sight = one_input(mode, func, args, kwargs)
    dims, result = _dims(args, kwargs, place, x), func(*args, **kwargs)
    gone = dims if tensors_in([result])[0].ndim < x.ndim else []

    def behind(field: AxisField) -> AxisField:
        if field.dim is None or field.dim in dims:
            return field.together() if field.dim in dims else field
        own = field.dim
        return field.moved(-sum(axis < own for axis in gone))

    return mode.keep(func, result, (behind(sight[0]), behind(sight[1])))


def _mixing(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs, *, over: Any) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    dims = over(args, kwargs, x)
    rows, columns = (field.mixed() if field.dim in dims else field for field in sight)
    return mode.keep(func, func(*args, **kwargs), (rows, columns))


def _over_batch_norm(args: Args, kwargs: Kwargs, x: Tensor) -> Iterable[int]:
    own = named("input running_mean running_var weight bias training", args, kwargs)
    is_fixed = not own.get("training") and own.get("running_var") is not None
    return () if is_fixed else [0, *range(2, x.ndim)]


def _over_instance_norm(args: Args, kwargs: Kwargs, x: Tensor) -> Iterable[int]:
    own = named("input running_mean running_var weight bias use_input_stats", args, kwargs)
    return range(2, x.ndim) if own.get("use_input_stats", True) else ()


def _over_last(args: Args, kwargs: Kwargs, x: Tensor) -> Iterable[int]:
    return range(x.ndim - len(named("input normalized_shape", args, kwargs)["normalized_shape"]), x.ndim)


def _constant(_mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    return func(*args, **kwargs)


def _as_another(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs, *, rule: Rule) -> Any:
    """An operation that asks a second tensor for its shape or its kind of numbers alone."""
    assert isinstance(mode, ReceptiveMode)
    args = [args[0], *(value.detach() for value in args[1:])]
    return rule(mode, func, args, kwargs) if mode.seeing(args, kwargs) else func(*args, **kwargs)


_ELEMENTWISE = """
    relu relu6 leaky_relu rrelu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh hardshrink softshrink
    tanhshrink threshold prelu sigmoid logsigmoid tanh softplus softsign dropout dropout1d dropout2d dropout3d
    alpha_dropout feature_alpha_dropout feature_dropout local_response_norm
    add sub subtract rsub mul multiply div divide true_divide floor_divide remainder fmod pow float_power square sqrt
    rsqrt reciprocal exp exp2 expm1 log log2 log10 log1p abs absolute neg negative positive sign sgn sin cos tan asin
    acos atan atan2 sinh cosh erf erfc floor ceil round trunc frac clamp clip clamp_min clamp_max maximum minimum fmax
    fmin lerp addcmul addcdiv where masked_fill nan_to_num logit sinc hypot copysign xlogy
    eq ne lt le gt ge isfinite isnan isinf logical_and logical_or logical_not logical_xor
    clone contiguous detach to type float double half bfloat16 int long bool cpu cuda requires_grad copy
    __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ __mul__ __rmul__ __imul__ __truediv__ __rtruediv__ __itruediv__
    __div__ __rdiv__ __idiv__ __pow__ __rpow__ __ipow__ __floordiv__ __rfloordiv__ __mod__ __rmod__ __neg__ __abs__
    __and__ __or__ __xor__ __invert__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__
"""
_REARRANGEMENTS = """
    flatten view reshape permute transpose swapaxes swapdims movedim moveaxis squeeze unsqueeze expand repeat tile
    repeat_interleave unflatten chunk split tensor_split split_with_sizes unbind narrow select index_select flip fliplr
    flipud roll rot90 t adjoint broadcast_to __getitem__ pixel_shuffle pixel_unshuffle channel_shuffle
    native_channel_shuffle hsplit vsplit dsplit
"""
_REDUCTIONS = """
    mean sum amax amin max min prod var std var_mean std_mean logsumexp all any argmax argmin count_nonzero nanmean
    nansum median
"""
_PROPERTIES = [getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH")]

RULES: dict[Function, Rule] = {
    **dict.fromkeys(MAKERS_OF_CONSTANTS, _constant),
    **dict.fromkeys(operations(_ELEMENTWISE), _elementwise),
    **dict.fromkeys([*operations(_REARRANGEMENTS), *_PROPERTIES], _rearrangement),
    **dict.fromkeys(operations("expand_as view_as reshape_as"), partial(_as_another, rule=_rearrangement)),
    Tensor.type_as: partial(_as_another, rule=_elementwise),
    **dict.fromkeys(operations(_REDUCTIONS), _reduction),
    **dict.fromkeys([torch.norm, Tensor.norm, torch.linalg.vector_norm], partial(_reduction, place=2)),
    **dict.fromkeys([torch.cat, torch.concat, torch.concatenate, torch.stack], _concatenation),
    **dict.fromkeys([F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm], _linear),
    **dict.fromkeys(
        [F.softmax, torch.softmax, Tensor.softmax, F.log_softmax, torch.log_softmax, Tensor.log_softmax],
        partial(_mixing, over=lambda args, kwargs, x: _dims(args, kwargs, 1, x)),
    ),
    F.normalize: partial(_mixing, over=lambda args, kwargs, x: _dims(args, kwargs, 2, x, 1)),
    F.group_norm: partial(_mixing, over=lambda args, kwargs, x: range(1, x.ndim)),
    **dict.fromkeys([F.layer_norm, F.rms_norm], partial(_mixing, over=_over_last)),
    F.batch_norm: partial(_mixing, over=_over_batch_norm),
    F.instance_norm: partial(_mixing, over=_over_instance_norm),
    **WINDOW_RULES,
}
