"""Shares: how the outputs of a sum divide what they have among its inputs.

Zhang et al., ECCV 2016, arXiv:1608.00507, equation 5, without its bias:

    P(a_j | a_i) = (a_j w_ji)+ / sum_j (a_j w_ji)+

which is a_j w_ji+ / sum_j a_j w_ji+ where no activation is negative. Where nothing contributed, nothing is passed.

A product of positive parts is a product of two positive or two negative numbers, so signed activations need the sum
twice. Weights of a fully connected layer are read once, in blocks that stay in the cache, and only those of outputs
that have something to share: a copy of all of them would cost more than the rest of the way.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

_BLOCK = 2**20
"""Weights that are looked at together."""


class Sum(ABC):
    """A linear operation without its bias.

    Args:
        activations: What goes in, detached.
        weight: Detached; None where all weights are positive and belong to the operation.
    """

    def __init__(self, activations: Tensor, weight: Tensor | None) -> None:
        self.activations, self.weight = activations, weight

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

    def _signed(self) -> list[tuple[Tensor, bool]]:
        """The activations in parts of one sign, and whether it is plus; at least in single precision."""
        a = self.activations if self.activations.dtype == torch.float64 else self.activations.float()
        return [(a.clamp(min=0), True), (a.clamp(max=0), False)] if bool(a.amin() < 0) else [(a, True)]


class OperationSum(Sum):
    """Any linear operation, as a convolution or a mean.

    Args:
        activations: See `Sum`, as for the weight.
        weight: Of the operation.
        operation: Maps activations and weight to the output.
        turn: Gives the weight with the given sign for each output channel; None where there are no channels.
        many: Whether several signals will be shared; the denominators are kept for them.
    """

    def __init__(
        self,
        activations: Tensor,
        weight: Tensor | None,
        operation: Callable[[Tensor, Tensor | None], Tensor],
        *,
        turn: Callable[[Tensor], Tensor] | None = None,
        many: bool = False,
    ) -> None:
        super().__init__(activations, weight)
        self.operation, self.turn, self.many = operation, turn, many

    def with_weight(self, weight: Tensor | None) -> "OperationSum":
        """As the base class says."""
        return OperationSum(self.activations, weight, self.operation, turn=self.turn, many=self.many)

    def turned(self, signs: Tensor) -> "OperationSum | None":
        """As the base class says."""
        return None if self.turn is None else self.with_weight(self.turn(signs))

    def share(self, probability: Tensor) -> Tensor:
        """As the base class says; the contributions are computed once for all signals."""
        parts, totals = self._contributions if self.many else self._contribute()
        denominators = totals.detach()
        ratio = torch.div(probability.to(totals.dtype), denominators, out=None if self.many else denominators)
        ratio.nan_to_num_(0, 0, 0)  # nothing contributed: 0 / 0, or something / 0
        found = torch.autograd.grad(totals, parts, ratio, retain_graph=self.many)
        return _sum([_product(own, part.detach()) for own, part in zip(found, parts, strict=True)])

    def totals(self) -> Tensor:
        """As the base class says."""
        return self._contribute()[1].detach()

    @cached_property
    def _contributions(self) -> tuple[list[Tensor], Tensor]:
        return self._contribute()

    def _contribute(self) -> tuple[list[Tensor], Tensor]:
        """The parts of the activations, and what all of them contributed to each output, attached to them."""
        signed, weight = self._signed(), self.weight
        parts = [part.detach().requires_grad_() for part, _ in signed]
        totals = []
        with torch.enable_grad():
            for part, (_, plus) in zip(parts, signed, strict=True):
                if weight is None and not plus:
                    continue
                own = None if weight is None else _of_sign(weight.to(part.dtype), plus=plus)
                totals.append(self.operation(part, own))
            return parts[: len(totals)], _sum(totals)


class MatrixSum(Sum):
    """A fully connected layer: output = activations weight^T, on any number of leading axes."""

    def with_weight(self, weight: Tensor | None) -> "MatrixSum":
        """As the base class says."""
        return MatrixSum(self.activations, weight)

    def turned(self, signs: Tensor) -> "MatrixSum | None":
        """As the base class says."""
        assert self.weight is not None
        return self.with_weight(self.weight * signs[:, None]) if self.activations.ndim == 2 else None

    def totals(self) -> Tensor:
        """As the base class says."""
        assert self.weight is not None
        weight = self.weight
        return _sum([part @ _of_sign(weight.to(part.dtype), plus=plus).T for part, plus in self._signed()])

    def share(self, probability: Tensor) -> Tensor:
        """As the base class says."""
        assert self.weight is not None
        signed = [(part.flatten(0, -2), plus) for part, plus in self._signed()]
        dtype = signed[0][0].dtype
        p = probability.reshape(-1, probability.shape[-1]).to(dtype)
        found = [torch.zeros_like(part) for part, _ in signed]
        rows_with_something = p.ne(0).any(0).nonzero().squeeze(1)
        for rows in torch.split(rows_with_something, max(1, _BLOCK // self.weight.shape[1])):
            block = self.weight[rows].to(dtype)
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
