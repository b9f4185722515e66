"""What is explained, and the signal that is sent back from it: classes through a target, or units of a layer."""

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, SupportsIndex, TypeAlias

import torch
from torch import Tensor, nn

from whynet.attribution.passage import Passage, channel_axis, is_finite
from whynet.base.errors import SettingError, SubjectError
from whynet.models.subject import Subject

Model: TypeAlias = nn.Module | Subject
Target: TypeAlias = int | Tensor | Callable[[Tensor], Tensor] | None
"""A class, one class an image, or a function of the logits that returns one number an image, or one in all."""
Units: TypeAlias = Sequence[int | tuple[int, ...]] | None
"""Each a channel, which stands for its strongest position in each image, or (channel, row, column); of tokens (channel,
token)."""


def check_question(target: Target, source: str | None, units: Units) -> None:
    """Raise `SettingError` unless just one of a target and units is given, and a source with units alone."""
    if (target is None) == (units is None):
        raise SettingError(
            "either a target (of the logits) or units (of a layer or of the logits) was expected; give one"
        )
    if target is not None and source is not None:
        raise SettingError(f"a target is a class of the logits, but source is {source!r}; name units of it instead")
    if target is not None and not (isinstance(target, (int, Tensor, SupportsIndex)) or callable(target)):
        raise SettingError(
            "a target is a class by its number, a tensor of these, or a function of the logits, not a "
            f"{type(target).__name__}"
        )
    if units is not None and (isinstance(units, (int, str)) or not isinstance(units, Sequence)):
        raise SettingError(f"units are given as a list, as units=[{units}], not as a {type(units).__name__}")
    if units is not None and not len(units):
        raise SettingError("at least one unit was expected, and the list is empty")


def signals(passage: Passage, target: Target, units: Units) -> Iterator[Tensor]:
    """One signal of the shape of the passage's output for the target, or one for each unit.

    Raises:
        SettingError: A class or a unit is out of range, or the target fits no batch of this size.
    """
    if units is not None:
        for unit in units:
            yield unit_positions(passage.output, unit)
    elif callable(target):
        yield _gradient_of(target, passage.output)
    else:
        assert target is not None
        yield _classes(target, passage.output)


def read_back(
    passage: Passage,
    target: Target,
    units: Units,
    read: Callable[[Tensor], Tensor],
    *,
    prepare: Callable[[Tensor], Tensor] = lambda signal: signal,
) -> Tensor:
    """What is made of each signal at the passage's leaf: one answer for the target, or one a unit along axis 1.

    Args:
        passage: The forward pass that all signals share.
        target: What is explained, or None.
        units: What is explained, or None.
        read: Makes the answer of what arrived at the leaf, at least in single precision.
        prepare: Changes a signal before it is sent.
    """
    total = 1 if units is None else len(units)
    found = None
    for number, signal in enumerate(signals(passage, target, units)):
        arrived = passage.back(prepare(signal), keep=number < total - 1)
        if not is_finite(arrived):
            images = int((~arrived.flatten(1).isfinite().all(1)).sum())
            raise SubjectError(
                f"what arrived at the layer is NaN or infinite in {images} of {len(arrived)} images; leave these out, "
                "or look for a root or a quotient at 0 in the network"
            )
        own = read(arrived.to(torch.promote_types(arrived.dtype, torch.float32)))
        if found is None:
            found = own.new_empty(len(own), total, *own.shape[1:])
        found[:, number] = own
    assert found is not None
    return found[:, 0] if units is None else found


def _classes(target: int | Tensor, logits: Tensor) -> Tensor:
    classes = torch.as_tensor(target, device=logits.device)
    if classes.is_floating_point() or classes.dtype == torch.bool or classes.shape not in ((), (len(logits),)):
        raise SettingError(
            f"a class or one class for each of {len(logits)} images was expected, not {classes.dtype} of shape "
            f"{tuple(classes.shape)}"
        )
    outside = (classes < 0) | (classes >= logits.shape[1])
    if bool(outside.any()):
        wrong = int(classes[outside][0] if classes.ndim else classes)
        raise SettingError(f"classes from 0 to {logits.shape[1] - 1} were expected, not {wrong}")
    signal = torch.zeros_like(logits)
    signal[torch.arange(len(logits), device=logits.device), classes] = 1
    return signal


def _gradient_of(target: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    with torch.enable_grad():
        own = logits.detach().requires_grad_()
        scores = target(own)
        if not isinstance(scores, Tensor) or scores.shape not in ((), (len(logits),)) or not scores.requires_grad:
            raise SettingError(
                "a target function must return one number an image that depends on the logits, as a tensor"
            )
        (signal,) = torch.autograd.grad(scores.sum(), own)
    return signal


def _whole_numbers(unit: Any) -> list[int]:
    """The numbers of a unit; raises `SettingError` if it is none."""
    parts = list(unit) if isinstance(unit, Sequence) and not isinstance(unit, str) else [unit]
    try:
        if parts and not any(isinstance(part, bool) for part in parts):
            return [operator.index(part) for part in parts]
    except TypeError:
        pass
    raise SettingError(f"a unit is a channel, as 7, or (channel, row, column), as (7, 3, 4), not {unit!r}")


def unit_positions(output: Tensor, unit: int | Sequence[int]) -> Tensor:
    """1 at the position of a unit in each image's output, 0 elsewhere; of the shape of `output`.

    Args:
        output: (batch, channels, ...), or tokens (batch, tokens, channels).
        unit: A channel, which stands for its strongest position in each image, or (channel, row, column), or (channel,
            token).

    Raises:
        SettingError: There is no such unit.
    """
    axis = channel_axis(output.ndim)
    maps = output.detach().movedim(axis, 1)  # (B, C, ...)
    channel, *place = _whole_numbers(unit)
    sizes = tuple(maps.shape[2:])
    inside = all(0 <= at < size for at, size in zip((channel, *place), maps.shape[1:], strict=False))
    if not inside or len(place) not in (0, len(sizes)):
        names = {0: "", 1: " or (channel, token)", 2: " or (channel, row, column)"}
        raise SettingError(
            f"unit {unit} was expected to be a channel{names.get(len(sizes), ' or (channel, position...)')} within "
            f"{tuple(maps.shape[1:])}"
        )
    signal = torch.zeros(maps.shape, dtype=maps.dtype, device=maps.device)
    flat = signal.view(*maps.shape[:2], -1)  # (B, C, P)
    if place:
        position = sum(at * math.prod(sizes[number + 1 :]) for number, at in enumerate(place))
        flat[:, channel, position] = 1
    else:
        images = torch.arange(len(maps), device=maps.device)
        flat[images, channel, maps[:, channel].reshape(len(maps), -1).argmax(1)] = 1
    return signal.movedim(1, axis)
