"""The mode of excitation backprop, and the three ways in which an operation hands a probability back.

`_Linear` shares it among the inputs of a linear operation (`shares`), `_Add` between two terms, `_Through` gives it to
the one input. Which operation goes which way is `excitation_rules`.
"""

from collections.abc import Callable, Mapping
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction

from whynet.attribution.backward_rules import (
    MAKERS_OF_CONSTANTS,
    Args,
    BackwardRules,
    Function,
    Kwargs,
    Rule,
    operation_name,
    tensors_in,
)
from whynet.attribution.conservation import Conservation
from whynet.attribution.shares import Memory, Sum
from whynet.base.errors import SubjectError


class ExcitationMode(BackwardRules):
    """The mode of excitation backprop; it knows which output came from which linear operation.

    Args:
        rules: See `BackwardRules`, as for the network and `otherwise`.
        network: That runs.
        otherwise: The rule of all other operations.
        many: Whether several signals will be sent back, which then share what they need.
        conservation: What looks at each operation's signals, if something shall.
    """

    def __init__(
        self,
        rules: Mapping[Function, Rule],
        network: nn.Module,
        *,
        otherwise: Rule,
        many: bool,
        conservation: Conservation | None,
    ) -> None:
        super().__init__(rules, network, otherwise=otherwise)
        self.conservation = conservation
        self.memory = Memory() if many else None
        self._made: dict[int, tuple[ref[Tensor], int, Tensor, Sum]] = {}
        self._held: dict[int, list[ref[Sum]]] = {}
        self._aside: dict[int, ref[Tensor]] = {}
        self._rectified: dict[int, tuple[ref[Tensor], int]] = {}

    def begin(self, images: Tensor) -> None:
        """The images are activations, too."""
        self._aside[id(images)] = ref(images)

    def __torch_function__(self, func: Function, types: Any, args: Args = (), kwargs: Kwargs | None = None) -> Any:
        result = super().__torch_function__(func, types, args, kwargs)
        if self.conservation is not None:
            self.conservation.watch(tensors_in([result]), f"{operation_name(func)} in {self.layer_name()}")
        return result

    def aside(self, func: Function, args: Args, kwargs: Kwargs) -> Any:
        """Remember what comes from the images, though not through the layer: it has its share in a sum."""
        result = func(*args, **kwargs)
        if func in MAKERS_OF_CONSTANTS:
            return result
        if any(self.is_aside(tensor) for tensor in tensors_in([*args, *kwargs.values()])):
            for tensor in tensors_in([result]):
                self._aside[id(tensor)] = ref(tensor)
        return result

    def is_aside(self, tensor: Tensor) -> bool:
        """Whether a tensor comes from the images, but not through the layer."""
        found = self._aside.get(id(tensor))
        return found is not None and found() is tensor

    def linear(self, a: Tensor, own: Sum, call: Callable[[], Tensor]) -> Tensor:
        """The output of a linear operation on `a`, remembered for a batch norm that may follow."""
        self._held.setdefault(a.untyped_storage().data_ptr(), []).append(ref(own))
        output: Tensor = _Linear.apply(a, own, call)  # type: ignore[no-untyped-call]
        self._made[id(output)] = (ref(output), output._version, a, own)
        return output

    def rectified(self, output: Tensor) -> Tensor:
        """The same output, remembered to have no negative entry."""
        self._rectified[id(output)] = (ref(output), output._version)
        return output

    def is_rectified(self, tensor: Tensor) -> bool:
        """Whether a tensor is the output of a rectifier, and has not been changed since."""
        found = self._rectified.get(id(tensor))
        return found is not None and found[0]() is tensor and found[1] == tensor._version

    def through(self, x: Tensor, call: Callable[[], Tensor]) -> Tensor:
        """The output of an operation that hands all it has to its one input."""
        output: Tensor = _Through.apply(x, call)  # type: ignore[no-untyped-call]
        return output

    def add(self, a: Tensor, b: Tensor, alpha: float, call: Callable[[], Tensor]) -> Tensor:
        """The output of a + alpha b, which shares what it has in proportion to the positive parts of the terms."""
        output: Tensor = _Add.apply(a, b, alpha, call)  # type: ignore[no-untyped-call]
        return output

    def maker(self, output: Tensor) -> tuple[Tensor, Sum] | None:
        """The input and the operation that an output came from, if it has not been changed since."""
        found = self._made.get(id(output))
        if found is None or found[0]() is not output or found[1] != output._version:
            return None
        return found[2], found[3]

    def before_change(self, tensor: Tensor) -> None:
        """Keep what linear operations remember of a tensor that is about to be changed in place."""
        for held in self._held.pop(tensor.untyped_storage().data_ptr(), []):
            own = held()
            if own is not None:
                own.activations = own.activations.clone()


class _Linear(torch.autograd.Function):
    """Backward: shares each output's probability among the inputs. `contrastive` may be set on the node."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, own: Sum, call: Callable[[], Tensor]) -> Tensor:
        ctx.own, ctx.dtype, ctx.contrastive, ctx.kept = own, a.dtype, False, own.kept
        return call()

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Any:
        shared = ctx.own.share(signals[0])
        if ctx.contrastive:
            shared = shared - ctx.own.dual().share(signals[0])
        return shared.to(ctx.dtype), None, None


class _Through(torch.autograd.Function):
    """Backward: each output's probability goes to its one input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, call: Callable[[], Tensor]) -> Tensor:
        ctx.dtype = x.dtype
        y = call()
        if y is x:
            ctx.mark_dirty(x)
        return y

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Any:
        return signals[0].to(ctx.dtype), None


class _Add(torch.autograd.Function):
    """Backward: in proportion to the positive parts of the terms, which are nothing where neither is positive."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, alpha: float, call: Callable[[], Tensor]) -> Tensor:
        ctx.parts = a.clamp(min=0), (b if alpha == 1 else alpha * b).clamp(min=0)
        ctx.dtypes = a.dtype, b.dtype
        ctx.kept = lambda signal: torch.where(ctx.parts[0] + ctx.parts[1] > 0, signal, 0)
        y = call()
        if y is a:
            ctx.mark_dirty(a)
        return y

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Any:
        first, second = ctx.parts
        ratio = (first + second).reciprocal_().mul_(signals[0]).nan_to_num_(0, 0, 0)
        return (first * ratio).to(ctx.dtypes[0]), ratio.mul_(second).to(ctx.dtypes[1]), None, None


def refuse_foreign(output: Tensor) -> None:
    """Raise `SubjectError` if an operation on the way has a backward pass of its own, which no mode sees."""
    ours = tuple(function._backward_cls for function in (_Linear, _Through, _Add))
    seen, waiting = set(), [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if issubclass(type(node), BackwardCFunction) and type(node) not in ours:
            name = node.name().removesuffix("Backward")
            raise SubjectError(
                f"{name} is an autograd function of the network's own, which has no rule in excitation backprop; write "
                "it with torch's operations, ask for a map at a layer behind it, or use a gradient method"
            )
        waiting += [before for before, _ in node.next_functions]


def top_linear(output: Tensor) -> Any:
    """The node of the weighted sum that an output comes from, behind nothing but operations of one input.

    A mean is no such sum: all its weights are positive, so its dual unit would have no chance anywhere.

    Raises:
        SubjectError: Something else lies between.
    """
    node: Any = output.grad_fn
    while node is not None and getattr(getattr(node, "own", None), "weight", None) is None:
        following = [own for own, _ in node.next_functions if own is not None]
        node = following[0] if len(following) == 1 else None
    if node is None:
        raise SubjectError(
            "a contrastive map needs a unit of a linear or convolutional layer, and what is explained comes from "
            "several inputs (as a residual sum does); name a convolution or a batch norm within it as the source"
        )
    return node
