"""The mode of the receptive field: it knows what each tensor of a forward pass sees of the image."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from whynet.attribution.backward_rules import Args, BackwardRules, Function, Kwargs, Rule, operation_name, tensors_in
from whynet.attribution.receptive_axis import AxisField, Reads, union
from whynet.base.errors import SubjectError

Sight: TypeAlias = tuple[AxisField, AxisField]
"""What the units of a tensor see of the image's rows and of its columns."""


class ReceptiveMode(BackwardRules):
    """Follows what each tensor sees while a forward runs; the operations themselves are left as they are.

    Args:
        rules: By operation; a rule calls it and tells the mode by `keep` what the result sees.
        network: Whose layers messages name.
    """

    def __init__(self, rules: Mapping[Function, Rule], network: nn.Module) -> None:
        super().__init__(rules, network)
        self._sights = WeakTensorKeyDictionary()

    def begin(self, images: Tensor) -> None:
        """The images see themselves."""
        rows, columns = images.shape[-2:]
        self._sights[images] = AxisField.of_pixels(rows, 2), AxisField.of_pixels(columns, 3)

    def __torch_function__(
        self, func: Function, types: Any, args: Sequence[Any] = (), kwargs: Kwargs | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self.seeing(args, kwargs):
            return func(*args, **kwargs)
        if kwargs.get("out") is not None:
            self.refuse(func, "writes into a given tensor, and there is no rule for that")
        rule = self.rules.get(func)
        if rule is not None:
            return rule(self, func, args, kwargs)
        result = func(*args, **kwargs)
        if tensors_in([result]) or func is Tensor.__setitem__:
            self.refuse(func, "has no rule in the receptive field")
        return result  # it asked for a shape

    def sight(self, tensor: Tensor) -> Sight | None:
        """What the units of a tensor see; None if it does not come from the images."""
        found: Sight | None = self._sights.get(tensor)  # type: ignore[no-untyped-call]
        return found

    def seeing(self, args: Args, kwargs: Kwargs) -> list[tuple[Tensor, Sight]]:
        """The tensors among arguments that come from the images."""
        found = [(tensor, self.sight(tensor)) for tensor in tensors_in([*args, *kwargs.values()])]
        return [(tensor, sight) for tensor, sight in found if sight is not None]

    def keep(self, func: Function, result: Any, sight: Sight) -> Any:
        """Remember what a result sees, and return it."""
        for tensor in tensors_in([result]):
            name = operation_name(func)
            if name.endswith("_") and not name.endswith("__") and tensor._is_view():
                self._keep_base(func, tensor, sight)
            self._sights[tensor] = sight
        return result

    def _keep_base(self, func: Function, part: Tensor, sight: Sight) -> None:
        """Remember what a tensor sees of which a part, some of its channels, was changed in place."""
        base = part._base
        assert base is not None
        own = self.sight(base)
        if base.ndim != part.ndim or base.shape[2:] != part.shape[2:]:
            if own is None or self.sight(part) is not sight:
                self.refuse(func, "changes a part of a tensor in place, and there is no rule for that")
            return
        self._sights[base] = sight if own is None else self.joined(func, [own, sight])

    def joined(self, func: Function, sights: Sequence[Sight]) -> Sight:
        """What is seen by units that put together what several see; raises `SubjectError` if strides differ."""
        for fields in zip(*sights, strict=True):
            size = max(len(field.first) for field in fields)  # one unit, that goes with each of many, has no stride
            strides = sorted({field.stride for field in fields if field.stride and len(field.first) == size})
            if len(strides) > 1:
                few, many = float(strides[0]), float(strides[-1])
                self.refuse(func, f"joins maps whose units lie {few:g} and {many:g} pixels apart", _EVEN)
        return union([rows for rows, _ in sights]), union([columns for _, columns in sights])

    def refuse(self, func: Function, what: str, remedy: str = "name a layer before it") -> NoReturn:
        """Raise `SubjectError` that names the operation and the layer in which it is."""
        raise SubjectError(f"{operation_name(func)} in {self.layer_name()} {what}; {remedy}")


_EVEN = "give images whose sides are multiples of the network's stride, or name a layer before it"


def swept(
    sight: Sight, before: Tensor, after: torch.Size, *, reads: Mapping[int, Reads], reduced: Sequence[int] = ()
) -> Sight:
    """What the units behind an operation see that keeps the number of axes.

    Args:
        sight: Of its input.
        before: The input.
        after: The shape of the output.
        reads: What it reads along each axis along which it slides.
        reduced: The axes of which each output reads all units.
    """

    def behind(field: AxisField, usual: int) -> AxisField:
        dim = field.dim
        if dim is None and usual in reads and before.shape[usual] == 1:
            dim = usual
        if dim in reduced:
            return field.together()
        return field.through(reads[dim], after[dim], dim) if dim is not None and dim in reads else field

    rows, columns = sight
    return behind(rows, before.ndim - 2), behind(columns, before.ndim - 1)


def each(value: Any, count: int) -> list[Any]:
    """A number for each axis of an argument that may be one for all."""
    values = list(value) if isinstance(value, (list, tuple, torch.Size)) else [value]
    return values * count if len(values) == 1 else values


def one_input(mode: BackwardRules, func: Function, args: Args, kwargs: Kwargs) -> tuple[ReceptiveMode, Tensor, Sight]:
    """The mode and the one input that comes from the images."""
    assert isinstance(mode, ReceptiveMode)
    found = mode.seeing(args, kwargs)
    if len(found) != 1:
        mode.refuse(func, "takes several inputs that come from the images, and there is no rule for that")
    return mode, *found[0]
