"""Shares: how the outputs of a linear operation divide what they have among its inputs.

Zhang et al., ECCV 2016, arXiv:1608.00507, equation 5, without its bias:

    P(a_j | a_i) = (a_j w_ji)+ / sum_j (a_j w_ji)+

which is a_j w_ji+ / sum_j a_j w_ji+ where no activation is negative. Where nothing contributed, nothing is passed.
"""

from collections.abc import Callable

import torch
from torch import Tensor


class Sum:
    """A linear operation without its bias: output = operation(activations, weight).

    Args:
        activations: a, detached.
        weight: w, detached; None where all weights are positive and belong to the operation.
        operation: Maps activations and weight to the output.
        turn: Gives the weight with the given sign for each output channel; None where there are no channels.
    """

    def __init__(
        self,
        activations: Tensor,
        weight: Tensor | None,
        operation: Callable[[Tensor, Tensor | None], Tensor],
        *,
        turn: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.activations, self.weight, self.operation, self.turn = activations, weight, operation, turn
        self._positive: _Contributions | None = None

    def share(self, probability: Tensor, *, contrastive: bool = False) -> Tensor:
        """P of each input given P of each output; contrastive: less the same for the unit with negated weights."""
        if contrastive:
            dual = Sum(self.activations, None if self.weight is None else -self.weight, self.operation)
            return self.share(probability) - dual.share(probability)
        if self._positive is None:  # the same for every unit that is explained
            self._positive = _Contributions(self)
        return self._positive.share(probability)


class _Contributions:
    """The positive contributions (a_j w_ji)+ of the inputs of a sum to each of its outputs."""

    def __init__(self, own: Sum) -> None:
        a = own.activations if own.activations.dtype == torch.float64 else own.activations.float()
        w = None if own.weight is None else own.weight.to(a.dtype)
        pairs = [(a, None if w is None else w.clamp(min=0))]
        if bool((a < 0).any()):
            pairs = [(a.clamp(min=0), pairs[0][1])]
            if w is not None:
                pairs.append((a.clamp(max=0), w.clamp(max=0)))
        with torch.enable_grad():
            self.inputs = [part.detach().requires_grad_() for part, _ in pairs]
            totals = [own.operation(part, w) for part, (_, w) in zip(self.inputs, pairs, strict=True)]
            self.totals = totals[0] if len(totals) == 1 else totals[0] + totals[1]

    def share(self, probability: Tensor) -> Tensor:
        totals = self.totals.detach()
        ratio = torch.where(totals > 0, probability.to(totals.dtype) / totals, 0)
        back = torch.autograd.grad(self.totals, self.inputs, ratio, retain_graph=True)
        shares = [part.detach().mul(own) for part, own in zip(self.inputs, back, strict=True)]
        return shares[0] if len(shares) == 1 else shares[0] + shares[1]
