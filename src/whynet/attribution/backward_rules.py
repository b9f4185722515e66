"""Backward rules: a forward pass in which some operations are given another backward pass.

Saliency, deconvnet, guided backprop and excitation backprop differ only in how a few operations pass a signal back. A
`TorchFunctionMode` sees every operation of a forward, whether a module, a function or a method calls it, and puts an
autograd function of the same value in its place; one `torch.autograd.grad` then does the rest. The network is not
touched, nothing is patched, and the mode belongs to the thread that entered it.

A rule is a function `rule(mode, func, args, kwargs)` that returns what the operation returns.

Parameters are detached on their way into an operation, so no graph is kept for them and their `requires_grad` stays as
it is.

What it cannot see: the inside of a scripted module, of a C++ extension, or of a function of torch that is one operation
to a mode (as `multi_head_attention_forward` is).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Args: TypeAlias = Sequence[Any]
Kwargs: TypeAlias = dict[str, Any]
Function: TypeAlias = Callable[..., Any]
Rule: TypeAlias = Callable[["BackwardRules", Function, Args, Kwargs], Any]


class BackwardRules(TorchFunctionMode):
    """Swaps operations while a forward runs.

    Args:
        rules: By operation, as `torch` names it: a function of `torch` or a method of `torch.Tensor`.
        network: Whose layers messages name.
        otherwise: The rule of operations that have none of their own and pass a gradient; None leaves them as they are.
    """

    def __init__(
        self, rules: Mapping[Callable[..., Any], Rule], network: nn.Module, *, otherwise: Rule | None = None
    ) -> None:
        super().__init__()
        self.rules = rules
        self.network = network
        self.otherwise = otherwise

    def __torch_function__(
        self, func: Function, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        args, kwargs = [_frozen(value) for value in args], {key: _frozen(v) for key, v in (kwargs or {}).items()}
        if not any(tensor.requires_grad for tensor in tensors_in([*args, *kwargs.values()])):
            return self.aside(func, args, kwargs)
        rule = self.rules.get(func, self.otherwise)
        return func(*args, **kwargs) if rule is None else rule(self, func, args, kwargs)

    def begin(self, images: Tensor) -> None:
        """Told what goes into the network."""

    def aside(self, func: Function, args: Args, kwargs: Kwargs) -> Any:
        """What an operation returns that carries no signal: one before the layer, or beside the way from it."""
        return func(*args, **kwargs)

    def layer_name(self) -> str:
        """The dotted name of the innermost module that is running; for messages alone, since it walks the stack."""
        names = {id(module): name for name, module in self.network.named_modules()}
        frame = inspect.currentframe()
        while frame is not None:
            owner = names.get(id(frame.f_locals.get("self")))
            if owner is not None:
                return owner or "the network itself"
            frame = frame.f_back
        return "the network itself"


def tensors_in(values: Any) -> list[Tensor]:
    """The tensors among values and in their lists and tuples."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += tensors_in(value)
    return found


def named(names: str, args: Args, kwargs: Kwargs) -> dict[str, Any]:
    """Arguments by name."""
    return dict(zip(names.split(), args, strict=False)) | kwargs


def operations(names: str) -> list[Callable[..., Any]]:
    """The functions of these names in torch, torch.nn.functional and torch.Tensor, with their in-place twins."""
    owners = (torch, F, Tensor)
    found = [getattr(owner, own, None) for name in names.split() for own in (name, f"{name}_") for owner in owners]
    return [func for func in found if callable(func)]


MAKERS_OF_CONSTANTS = frozenset(
    operations(
        "zeros_like ones_like empty_like full_like rand_like randn_like "
        "new_zeros new_ones new_empty new_full new_tensor"
    )
)
"""What makes a tensor of which nothing comes from the tensors that it is given."""


def operation_name(func: Function) -> str:
    """What messages call an operation."""
    name = str(getattr(func, "__qualname__", None) or getattr(func, "__name__", repr(func)))
    if name == "getset_descriptor.__get__":
        name = f"Tensor.{func.__self__.__name__}"  # type: ignore[attr-defined]
    elif "<locals>" in name:  # torch.nn.functional makes some of its functions of pairs of others
        name = next((own for own, value in vars(functional).items() if value is func), name)
    return name.replace("_VariableFunctionsClass.", "torch.").replace("TensorBase.", "Tensor.")


def _frozen(value: Any) -> Any:
    if isinstance(value, nn.Parameter):
        return value.detach()
    if type(value) in (list, tuple) and any(isinstance(item, nn.Parameter) for item in value):
        return type(value)(_frozen(item) for item in value)
    return value
