"""The rules of the receptive field for operations that slide a window: convolution, pooling, interpolation, padding."""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from whynet.attribution.backward_rules import Args, BackwardRules, Function, Kwargs, Rule, named, tensors_in
from whynet.attribution.receptive_axis import Reads, cells, sliding, spreading
from whynet.attribution.receptive_mode import (
    ReceptiveMode,
    Sight,
    each,
    one_input,
    swept,
)
from whynet.attribution.resampling import resampled


def _swept(mode: ReceptiveMode, func: Function, result: Any, x: Tensor, sight: Sight, **how: Any) -> Any:
    return mode.keep(func, result, swept(sight, x, tensors_in([result])[0].shape, **how))


def _convolution(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    own = named("input weight bias stride padding dilation groups", args, kwargs)
    if x is not own["input"]:
        mode.refuse(func, "has a kernel that comes from the images, and there is no rule for that")
    kernel, reads = own["weight"].shape[2:], {}
    count = len(kernel)
    strides, dilations = each(own.get("stride", 1), count), each(own.get("dilation", 1), count)
    paddings: Any = own.get("padding", 0)
    if isinstance(paddings, str):
        same = paddings == "same"
        paddings = [d * (k - 1) // 2 if same else 0 for k, d in zip(kernel, dilations, strict=True)]
    for axis, padding in enumerate(each(paddings, count)):
        reads[x.ndim - count + axis] = sliding(
            kernel[axis], stride=strides[axis], padding=padding, dilation=dilations[axis]
        )
    return _swept(mode, func, func(*args, **kwargs), x, sight, reads=reads, reduced=[x.ndim - count - 1])


def _transposed(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    own = named("input weight bias stride padding output_padding groups dilation", args, kwargs)
    if x is not own["input"]:
        mode.refuse(func, "has a kernel that comes from the images, and there is no rule for that")
    kernel = own["weight"].shape[2:]
    count = len(kernel)
    settings = [each(own.get(key, usual), count) for key, usual in (("stride", 1), ("padding", 0), ("dilation", 1))]
    reads = {
        x.ndim - count + axis: spreading(kernel[axis], stride=stride, padding=padding, dilation=dilation)
        for axis, (stride, padding, dilation) in enumerate(zip(*settings, strict=True))
    }
    return _swept(mode, func, func(*args, **kwargs), x, sight, reads=reads, reduced=[x.ndim - count - 1])


def _pooling(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs, *, count: int, names: str) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    own = named(names, args, kwargs)
    kernel = each(own["kernel_size"], count)
    stride = own.get("stride")
    strides = kernel if stride is None or stride == [] else each(stride, count)
    paddings, dilations = each(own.get("padding", 0), count), each(own.get("dilation", 1), count)
    reads = {
        x.ndim - count + axis: sliding(
            kernel[axis], stride=strides[axis], padding=paddings[axis], dilation=dilations[axis]
        )
        for axis in range(count)
    }
    return _swept(mode, func, func(*args, **kwargs), x, sight, reads=reads)


def _adaptive(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs, *, count: int) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    result = func(*args, **kwargs)
    after = tensors_in([result])[0].shape
    axes = range(x.ndim - count, x.ndim)
    reads = {axis: cells(x.shape[axis], after[axis]) for axis in axes if after[axis] > 1}
    return _swept(mode, func, result, x, sight, reads=reads, reduced=[axis for axis in axes if after[axis] == 1])


def _interpolation(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    if x.ndim != 4:
        mode.refuse(func, f"changes the size of a tensor with {x.ndim} axes, and there is no rule for that")
    names = "input size scale_factor mode align_corners recompute_scale_factor antialias"
    own = named(names, args, kwargs)
    result = func(*args, **kwargs)
    scales = None if own.get("recompute_scale_factor") else own.get("scale_factor")
    how = {"mode": own.get("mode", "nearest"), "align_corners": own.get("align_corners")}
    how["antialias"] = own.get("antialias", False)
    reads = {
        axis: resampled(x.shape[axis], result.shape[axis], scale=None if scale is None else float(scale), **how)
        for axis, scale in zip((2, 3), [None, None] if scales is None else each(scales, 2), strict=True)
    }
    return _swept(mode, func, result, x, sight, reads=reads)


def _padding(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> Any:
    mode, x, sight = one_input(mode, func, args, kwargs)
    own = named("input pad mode value", args, kwargs)
    reads = {}
    for pair, left in enumerate(own["pad"][::2]):
        axis = x.ndim - 1 - pair
        inside = None
        if own.get("mode", "constant") != "constant":
            # A list of units, padded as the tensor is.
            line = torch.arange(x.shape[axis], dtype=torch.float32).view(1, -1)
            ends = list(own["pad"][2 * pair : 2 * pair + 2])
            lines = F.pad(line, ends, mode=own["mode"])[0].long()[:, None]
            inside = partial(torch.index_select, lines, 0)
        reads[axis] = Reads(units=sliding(1, padding=left).units, inside=inside)
    return _swept(mode, func, func(*args, **kwargs), x, sight, reads=reads)


_MAX = "input kernel_size stride padding dilation ceil_mode return_indices"
_AVERAGE = "input kernel_size stride padding ceil_mode count_include_pad"
_NORM = "input norm_type kernel_size stride ceil_mode"

WINDOW_RULES: dict[Function, Rule] = {
    **dict.fromkeys([torch.conv1d, torch.conv2d, torch.conv3d], _convolution),
    **dict.fromkeys([torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d], _transposed),
    **dict.fromkeys(
        [F.max_pool1d, F.max_pool1d_with_indices, torch.max_pool1d], partial(_pooling, count=1, names=_MAX)
    ),
    **dict.fromkeys(
        [F.max_pool2d, F.max_pool2d_with_indices, torch.max_pool2d], partial(_pooling, count=2, names=_MAX)
    ),
    F.avg_pool1d: partial(_pooling, count=1, names=_AVERAGE),
    F.avg_pool2d: partial(_pooling, count=2, names=_AVERAGE),
    F.lp_pool1d: partial(_pooling, count=1, names=_NORM),
    F.lp_pool2d: partial(_pooling, count=2, names=_NORM),
    **dict.fromkeys(
        [F.adaptive_avg_pool1d, F.adaptive_max_pool1d, F.adaptive_max_pool1d_with_indices], partial(_adaptive, count=1)
    ),
    **dict.fromkeys(
        [F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.adaptive_max_pool2d_with_indices], partial(_adaptive, count=2)
    ),
    F.interpolate: _interpolation,
    F.pad: _padding,
}
