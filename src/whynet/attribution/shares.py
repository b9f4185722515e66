"""Shares: how the outputs of a sum divide what they have among its inputs.

Zhang et al., ECCV 2016, arXiv:1608.00507, equation 5, without its bias:

    P(a_j | a_i) = (a_j w_ji)+ / sum_j (a_j w_ji)+

which is a_j w_ji+ / sum_j a_j w_ji+ where no activation is negative. Where nothing contributed, nothing is passed.

A product of positive parts is a product of two positive or two negative numbers, so signed activations need the sum
twice. Weights of a fully connected layer are read once, in blocks that stay in the cache, and only those of outputs
that have something to share: a copy of all of them would cost more than the rest of the way.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import TypeAlias

import torch
from torch import Tensor

_BLOCK = 2**20
"""Weights that are looked at together."""

_CHUNK = 30 * 2**20
"""Bytes of a result that is computed at once on a CPU; what is below 32 MiB, the allocator can give out again."""

_Contributions: TypeAlias = tuple[list[Tensor], Tensor]
"""Parts of the activations, and what all of them contributed to each output, attached to them."""


class Memory:
    """What several signals share: the denominators of sums, as far as there is room for them, and places for ratios.

    Signals come from above, so the deepest layers are kept first; they take the least room for the time they save.

    Args:
        budget: Bytes of denominators that may be kept; the others are computed again for each signal.
    """

    def __init__(self, budget: int = 512 * 2**20) -> None:
        self.room = budget
        self._places: dict[tuple[tuple[int, ...], torch.dtype], Tensor] = {}

    def takes(self, size: int) -> bool:
        """Whether so many bytes may be kept; they are counted."""
        fits = size <= self.room
        self.room -= size if fits else 0
        return fits

    def place(self, like: Tensor) -> Tensor:
        """Memory of a tensor's shape and type, the same for all."""
        key = (tuple(like.shape), like.dtype)
        if key not in self._places:
            self._places[key] = torch.empty_like(like, requires_grad=False)
        return self._places[key]


class Sum(ABC):
    """A linear operation without its bias.

    Args:
        activations: What goes in, detached.
        weight: Detached; None where all weights are positive and belong to the operation.
        is_positive: Whether no activation is known to be negative; otherwise they are looked at.
    """

    def __init__(self, activations: Tensor, weight: Tensor | None, *, is_positive: bool = False) -> None:
        self.activations, self.weight, self.is_positive = activations, weight, is_positive

    @abstractmethod
    def share(self, probability: Tensor) -> Tensor:
        """P of each input, given P of each output."""

    def kept(self, probability: Tensor) -> Tensor:
        """P of the outputs to which some input contributed, and 0 for the others."""
        return torch.where(self.totals() > 0, probability, 0)

    @abstractmethod
    def totals(self) -> Tensor:
        """What all inputs contributed to each output, detached."""

    @abstractmethod
    def with_weight(self, weight: Tensor | None) -> "Sum":
        """The same sum of the same activations with other weights."""

    @abstractmethod
    def turned(self, signs: Tensor) -> "Sum | None":
        """The sum whose output channels have these signs, as a batch norm may give them; None without channels."""

    def dual(self) -> "Sum":
        """The sum with negated weights."""
        assert self.weight is not None
        return self.with_weight(-self.weight)

    @property
    def _dtype(self) -> torch.dtype:
        """At least single precision."""
        return torch.promote_types(self.activations.dtype, torch.float32)

    def _signed(self) -> list[tuple[Tensor, bool]]:
        """The activations in parts of one sign, and whether it is plus."""
        a = self.activations.to(self._dtype)
        if self.is_positive or bool(a.amin() >= 0):
            return [(a, True)]
        return [(a.clamp(min=0), True), (a.clamp(max=0), False)]


class OperationSum(Sum):
    """Any linear operation, as a convolution or a mean.

    Args:
        activations: See `Sum`, as for the weight and the next argument.
        weight: Of the operation.
        operation: Maps activations and weight to the output.
        is_positive: Whether no activation is known to be negative.
        is_batched: Whether axis 0 is the images, each of which has an output of its own.
        channels: Whether axis 1 of weight and activations is the input channels, so that several inputs can be joined.
        turn: Gives the weight with the given sign for each output channel; None where there are no channels.
        memory: Shared by all sums, where several signals will come; None where there will be one.
    """

    def __init__(
        self,
        activations: Tensor,
        weight: Tensor | None,
        operation: Callable[[Tensor, Tensor | None], Tensor],
        *,
        is_positive: bool = False,
        is_batched: bool = False,
        channels: bool = False,
        turn: Callable[[Tensor], Tensor] | None = None,
        memory: Memory | None = None,
    ) -> None:
        super().__init__(activations, weight, is_positive=is_positive)
        self.operation, self.is_batched, self.channels = operation, is_batched, channels
        self.turn, self.memory = turn, memory
        self._kept: list[_Contributions] | None = None

    def with_weight(self, weight: Tensor | None) -> "OperationSum":
        """As the base class says."""
        changed = copy(self)
        changed.weight, changed._kept = weight, None
        return changed

    def dual(self) -> "OperationSum":
        """As the base class says; it is made anew for each signal, so nothing of it is kept."""
        assert self.weight is not None
        changed = self.with_weight(-self.weight)
        changed.memory = None
        return changed

    def turned(self, signs: Tensor) -> "OperationSum | None":
        """As the base class says."""
        return None if self.turn is None else self.with_weight(self.turn(signs))

    def share(self, probability: Tensor) -> Tensor:
        """As the base class says; the contributions are computed once for all signals where there is room for them."""
        step = self._images_at_once(probability[0].numel())
        contributions: Iterable[_Contributions] = self._contributions(step)
        if self._kept is None and self.memory is not None and self.memory.takes(4 * probability.numel()):
            self._kept = list(contributions)
        if self._kept is not None:
            contributions = self._kept
        if step >= len(probability):
            return self._share(probability, *next(iter(contributions)))
        found = torch.empty_like(self.activations, dtype=self._dtype)
        for own, p, contribution in zip(
            torch.split(found, step), torch.split(probability, step), contributions, strict=True
        ):
            own.copy_(self._share(p, *contribution))
        return found

    def _share(self, probability: Tensor, parts: list[Tensor], totals: Tensor) -> Tensor:
        # Denominators that are needed no more make room for the ratio.
        room = totals.detach() if self._kept is None or self.memory is None else self.memory.place(totals)
        ratio = torch.div(probability.to(totals.dtype), totals.detach(), out=room)
        ratio.nan_to_num_(0, 0, 0)  # nothing contributed: 0 / 0, or something / 0
        found = torch.autograd.grad(totals, parts, ratio, retain_graph=self._kept is not None)
        shares = [_product(own, part.detach()) for own, part in zip(found, parts, strict=True)]
        if self.channels and shares[0].shape[1] != self.activations.shape[1]:  # both signs, joined
            return shares[0].reshape(len(probability), 2, *self.activations.shape[1:]).sum(1)
        return _sum(shares)

    def totals(self) -> Tensor:
        """As the base class says."""
        ((_, totals),) = self._contributions(len(self.activations))
        return totals.detach()

    def _images_at_once(self, outputs: int) -> int:
        """How many images are shared together: on a CPU, fresh memory for larger results costs more than their sum."""
        if not self.is_batched or self.activations.device.type != "cpu":
            return len(self.activations)
        largest = max(outputs, self.activations[0].numel()) * self.activations.element_size()
        return max(1, _CHUNK // largest)

    def _contributions(self, step: int) -> Iterator[_Contributions]:
        """For so many images after another."""
        signed = self._signed()
        if self.weight is None:
            signed = signed[:1]  # with positive weights, what is negative contributes nothing
        weights = [None if self.weight is None else _of_sign(self.weight.to(self._dtype), plus=p) for _, p in signed]
        joined = self.channels and len(signed) == 2
        if joined:
            weights = [torch.cat([own for own in weights if own is not None], 1)]
        for pieces in zip(*(torch.split(part, step) for part, _ in signed), strict=True):
            parts = [torch.cat(pieces, 1)] if joined else [piece.detach() for piece in pieces]
            with torch.enable_grad():
                totals = [self.operation(part.requires_grad_(), own) for part, own in zip(parts, weights, strict=True)]
                total = _sum(totals)
            yield parts, total


class MatrixSum(Sum):
    """A fully connected layer: output = activations weight^T, on any number of leading axes."""

    def with_weight(self, weight: Tensor | None) -> "MatrixSum":
        """As the base class says."""
        return MatrixSum(self.activations, weight, is_positive=self.is_positive)

    def turned(self, signs: Tensor) -> "MatrixSum | None":
        """As the base class says."""
        assert self.weight is not None
        return self.with_weight(self.weight * signs[:, None]) if self.activations.ndim == 2 else None

    def totals(self) -> Tensor:
        """As the base class says."""
        assert self.weight is not None
        weight = self.weight.to(self._dtype)
        return _sum([part @ _of_sign(weight, plus=plus).T for part, plus in self._signed()])

    def share(self, probability: Tensor) -> Tensor:
        """As the base class says."""
        assert self.weight is not None
        signed = [(part.flatten(0, -2), plus) for part, plus in self._signed()]
        p = probability.reshape(-1, probability.shape[-1]).to(self._dtype)
        found = [torch.zeros_like(part) for part, _ in signed]
        rows_with_something = p.ne(0).any(0).nonzero().squeeze(1)
        for rows in torch.split(rows_with_something, max(1, _BLOCK // self.weight.shape[1])):
            block = self.weight[rows].to(self._dtype)
            weights = [block.clamp_(min=0)] if len(signed) == 1 else [_of_sign(block, plus=plus) for _, plus in signed]
            totals = _sum([part @ own.T for (part, _), own in zip(signed, weights, strict=True)])
            ratio = p[:, rows].div_(totals).nan_to_num_(0, 0, 0)
            for own, weight in zip(found, weights, strict=True):
                own.addmm_(ratio, weight)
        shares = [own.mul_(part) for own, (part, _) in zip(found, signed, strict=True)]
        return _sum(shares).view(self.activations.shape)


def _of_sign(weight: Tensor, *, plus: bool) -> Tensor:
    return weight.clamp(min=0) if plus else weight.clamp(max=0)


def _sum(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _product(own: Tensor, part: Tensor) -> Tensor:
    """In place where no two entries of `own` share memory, as those of an expanded tensor do."""
    return own.mul_(part) if own.is_contiguous() else own * part
