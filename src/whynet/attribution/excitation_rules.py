"""The rules of excitation backprop: how each operation hands on a probability.

    P(a_j | a_i) = a_j w_ji+ / sum_j a_j w_ji+          (linear operations, w+ = max(w, 0))

Each unit shares its probability among its inputs in proportion to what they contributed to it, so nothing is lost on
the way; where nothing contributed (the unit fires through its bias alone), nothing is passed.

    linear, convolution     as above; where activations are signed, in proportion to (a_j w_ji)+
    batch norm (eval)       folded into the linear operation that it follows; else to its one input
    average pooling, mean   linear with equal positive weights
    addition                in proportion to the positive parts of the terms; a constant takes nothing
    max pooling             to the winner
    rectifiers, dropout (eval), multiplication and division by positive constants   to their one input
    concatenation, reshaping, permuting, cutting, padding, assignment to a part     each value to where it came from

Any other operation that lies between the layer and what is explained is an error.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whynet.attribution.backward_rules import (
    Args,
    BackwardRules,
    Function,
    Kwargs,
    Rule,
    named,
    operation_name,
    tensors_in,
)
from whynet.attribution.conservation import Conservation
from whynet.attribution.excitation_mode import ExcitationMode
from whynet.attribution.rectifiers import RECTIFIERS, upper_end
from whynet.attribution.shares import MatrixSum, OperationSum
from whynet.base.errors import SubjectError


def excitation_rules(
    network: nn.Module, *, many: bool = False, conservation: Conservation | None = None
) -> ExcitationMode:
    """The mode under which a network's forward is run; see there for the arguments."""
    return ExcitationMode(RULES, network, otherwise=_refuse, many=many, conservation=conservation)


def _weighted(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> tuple[Tensor, Tensor] | None:
    """Activations and weight of a linear operation; None where something beside the activations carries a signal."""
    own = named("input weight bias", args, kwargs)
    fixed = [own["weight"], own.get("bias")]
    if any(isinstance(value, Tensor) and value.requires_grad for value in fixed):
        return None
    return own["input"], own["weight"]


def _linear(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    found = _weighted(mode, func, args, kwargs)
    if found is None:
        return _refuse(mode, func, args, kwargs)
    a, weight = found
    assert isinstance(mode, ExcitationMode)
    own = MatrixSum(a.detach(), weight, is_positive=mode.is_rectified(a))
    return mode.linear(a, own, lambda: func(*args, **kwargs))


def _convolution(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    found = _weighted(mode, func, args, kwargs)
    if found is None:
        return _refuse(mode, func, args, kwargs)
    a, weight = found
    rest = {key: value for key, value in kwargs.items() if key not in ("input", "weight", "bias")}

    def operation(a: Tensor, weight: Tensor | None) -> Tensor:
        result: Tensor = func(a, weight, None, *args[3:], **rest)
        return result

    def turn(signs: Tensor) -> Tensor:
        if func not in _TRANSPOSED:
            turned: Tensor = weight * signs.view(-1, *[1] * (weight.ndim - 1))  # (out, in, ...)
            return turned
        groups = int(named("input weight bias stride padding output_padding groups", args, kwargs).get("groups", 1))
        grouped = weight.view(groups, -1, *weight.shape[1:]) * signs.view(groups, 1, -1, *[1] * (weight.ndim - 2))
        back: Tensor = grouped.flatten(0, 1)  # (in, out / groups, ...)
        return back

    assert isinstance(mode, ExcitationMode)
    own = OperationSum(
        a.detach(),
        weight,
        operation,
        is_positive=mode.is_rectified(a),
        is_batched=a.ndim == weight.ndim,
        channels=func not in _TRANSPOSED and a.ndim == weight.ndim and a.shape[1] == weight.shape[1],
        turn=turn,
        memory=mode.memory,
    )
    return mode.linear(a, own, lambda: func(*args, **kwargs))


def _matrix_product(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    a, weight = [*args, *kwargs.values()]
    if weight.requires_grad:
        return _refuse(mode, func, args, kwargs)
    assert isinstance(mode, ExcitationMode)
    own = OperationSum(a.detach(), weight, lambda a, w: func(a, w), memory=mode.memory)
    return mode.linear(a, own, lambda: func(*args, **kwargs))


def _average(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    a = args[0] if args else kwargs["input"]
    rest = {key: value for key, value in kwargs.items() if key != "input"}
    assert isinstance(mode, ExcitationMode)
    own = OperationSum(a.detach(), None, lambda a, _: func(a, *args[1:], **rest), memory=mode.memory)
    return mode.linear(a, own, lambda: func(*args, **kwargs))


def _interpolate(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    way = named("input size scale_factor mode", args, kwargs).get("mode", "nearest")
    return _refuse(mode, func, args, kwargs) if way == "bicubic" else _average(mode, func, args, kwargs)


def _batch_norm(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    own = named("input running_mean running_var weight bias training momentum eps", args, kwargs)
    x = own["input"]
    if own.get("training") or own.get("running_var") is None:
        return _refuse(mode, func, args, kwargs)
    assert isinstance(mode, ExcitationMode)
    found = mode.maker(x)
    folded = None
    if found is not None:
        # A positive factor cancels in the shares; a negative one turns the weights of its channel round.
        scale = own.get("weight")
        folded = found[1] if scale is None or bool((scale > 0).all()) else found[1].turned(scale.sign())
    if found is None or folded is None:
        return mode.through(x, lambda: func(*args, **kwargs))
    return mode.linear(found[0], folded, lambda: func(*args, **kwargs))


def _add(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    own = named("input other", args, kwargs)
    a, b, alpha = own["input"], own["other"], float(own.get("alpha", 1))
    assert isinstance(mode, ExcitationMode)
    if func in _SUBTRACTIONS:
        alpha = -alpha
    terms = [isinstance(term, Tensor) and (term.requires_grad or mode.is_aside(term)) for term in (a, b)]
    if not all(terms):  # a constant takes nothing; from a constant less the signal, nothing comes of the signal
        return (_through if terms[0] or alpha > 0 else _refuse)(mode, func, args, kwargs)
    if func in _IN_PLACE:
        mode.before_change(a)
    shape = torch.broadcast_shapes(a.shape, b.shape)  # type: ignore[no-untyped-call]
    if a.shape != shape or b.shape != shape:
        if func in _IN_PLACE:
            return _refuse(mode, func, args, kwargs)
        a, b = a.expand(shape), b.expand(shape)
    return mode.add(a, b, alpha, lambda: func(*args, **kwargs))


def _through(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    """To the one input that carries a signal."""
    assert isinstance(mode, ExcitationMode)
    inputs = [tensor for tensor in tensors_in([*args, *kwargs.values()]) if tensor.requires_grad]
    if len(inputs) != 1:
        return _refuse(mode, func, args, kwargs)
    (x,) = inputs
    if func in _IN_PLACE or kwargs.get("inplace") or (func in (F.relu, F.relu6, F.dropout) and True in args[1:]):
        mode.before_change(x)
    output = mode.through(x, lambda: func(*args, **kwargs))
    if output.shape != x.shape:
        raise SubjectError(_message(mode, func, "broadcasts its input, and there is no rule for that"))
    return output


def _rectifier(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    if upper_end(func, args, kwargs) is None:
        return _refuse(mode, func, args, kwargs)
    assert isinstance(mode, ExcitationMode)
    return mode.rectified(_through(mode, func, args, kwargs))


def _scale(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    assert isinstance(mode, ExcitationMode)
    own = named("input other", args, kwargs)
    factors = [
        value for value in (own["input"], own["other"]) if not (isinstance(value, Tensor) and value.requires_grad)
    ]
    constant = not any(isinstance(factor, Tensor) and mode.is_aside(factor) for factor in factors)
    if func in _DIVISIONS and isinstance(own["other"], Tensor) and own["other"].requires_grad:
        constant = False
    positive = constant and all(bool((torch.as_tensor(factor) > 0).all()) for factor in factors)
    return (_through if positive else _refuse)(mode, func, args, kwargs)


def _dropout(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    training = named("input p training", args, kwargs).get("training", True)
    return (_refuse if training else _through)(mode, func, args, kwargs)


def _assignment(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    assert isinstance(mode, ExcitationMode)
    mode.before_change(args[0])
    return func(*args, **kwargs)


def _native(_mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    return func(*args, **kwargs)


def _refuse(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    result = func(*args, **kwargs)
    if not any(tensor.requires_grad for tensor in tensors_in([result])):
        return result  # it asks for a shape, or cuts the signal off itself
    raise SubjectError(_message(mode, func, "has no rule in excitation backprop"))


def _message(mode: BackwardRules, func: Function, what: str) -> str:
    return (
        f"{operation_name(func)} in {mode.layer_name()} {what}; ask for a map at a layer behind it, explain a unit "
        "before it, or use a gradient method"
    )


_TRANSPOSED = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
_SUBTRACTIONS = (torch.sub, Tensor.sub, Tensor.sub_, torch.subtract, Tensor.subtract)
_DIVISIONS = (torch.div, Tensor.div, Tensor.div_, torch.true_divide, Tensor.true_divide)
_IN_PLACE = (
    torch.relu_, Tensor.relu_, torch.clamp_, Tensor.clamp_, torch.clip_, Tensor.clip_, torch.clamp_min_,
    Tensor.clamp_min_, F.hardtanh_, torch.threshold_, Tensor.add_, Tensor.sub_, Tensor.mul_, Tensor.div_,
)  # fmt: skip

RULES: dict[Function, Rule] = {
    F.linear: _linear,
    **dict.fromkeys([torch.conv1d, torch.conv2d, torch.conv3d, *_TRANSPOSED], _convolution),
    **dict.fromkeys([torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm], _matrix_product),
    **dict.fromkeys(
        [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d, F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d,
         torch.mean, Tensor.mean, torch.sum, Tensor.sum],
        _average,
    ),
    F.interpolate: _interpolate,
    F.batch_norm: _batch_norm,
    **dict.fromkeys([torch.add, Tensor.add, Tensor.add_, *_SUBTRACTIONS], _add),
    **dict.fromkeys(RECTIFIERS, _rectifier),
    **dict.fromkeys([torch.mul, Tensor.mul, Tensor.mul_, *_DIVISIONS], _scale),
    Tensor.__setitem__: _assignment,
    **dict.fromkeys(
        [F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout], _dropout
    ),
    **dict.fromkeys(
        [
            F.max_pool1d, F.max_pool2d, F.max_pool3d, F.max_pool2d_with_indices, F.max_pool1d_with_indices,
            F.max_pool3d_with_indices, F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d,
            torch.cat, torch.concat, torch.concatenate, torch.stack, torch.flatten, Tensor.flatten, Tensor.view,
            Tensor.view_as, torch.reshape, Tensor.reshape, torch.permute, Tensor.permute, torch.transpose,
            Tensor.transpose, torch.squeeze, Tensor.squeeze, torch.unsqueeze, Tensor.unsqueeze, Tensor.__getitem__,
            torch.chunk, Tensor.chunk, torch.split, Tensor.split, torch.narrow, Tensor.narrow, Tensor.contiguous,
            torch.clone, Tensor.clone, Tensor.to, Tensor.float, Tensor.double, Tensor.expand, Tensor.unflatten,
            torch.unflatten, torch.movedim, Tensor.movedim, torch.flip, Tensor.flip, torch.roll, Tensor.roll, F.pad,
            F.pixel_shuffle, F.channel_shuffle, torch.select, Tensor.select, torch.swapaxes, Tensor.swapaxes,
            torch.unbind, Tensor.unbind, Tensor.type_as,
        ],
        _native,
    ),
}  # fmt: skip
