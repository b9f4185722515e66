"""Whether a probability is conserved at each operation on its way, and where it stops.

An operation hands all that it has to its inputs, but for what belongs to units to which no input contributed: those
that fire through a bias alone, and sums of nothing but negative terms (as in MobileNetV2's linear bottlenecks and
DenseNet's pooling), which pass nothing on. What is lost elsewhere is an error of a rule.
"""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from whynet.base.errors import SubjectError

TOLERANCE = 1e-4
"""Of all that an operation has; more where it computes in half precision, whose numbers are as coarse as that."""


class Conservation:
    """Watches operations while a probability is sent back through them.

    An operation's node may have an attribute `kept`, which gives the part of a signal that some input contributed to.

    Attributes:
        stopped: The probability that stopped, by operation and layer.
    """

    def __init__(self) -> None:
        self.stopped: dict[str, float] = defaultdict(float)
        self._watched: set[Any] = set()

    def watch(self, outputs: Sequence[Tensor], what: str) -> None:
        """Look at the signals that an operation passes back; `what` is what messages call it."""
        for node in {output.grad_fn for output in outputs if output.grad_fn is not None} - self._watched:
            self._watched.add(node)
            node.register_hook(lambda inputs, given, node=node: self._look(what, node, inputs, given))

    def _look(self, what: str, node: Any, inputs: Sequence[Tensor | None], given: Sequence[Tensor | None]) -> None:
        if getattr(node, "contrastive", False):  # the dual's probability has been taken off
            return
        signals = [signal.detach() for signal in given if signal is not None]
        kept = [node.kept(signal) for signal in signals] if hasattr(node, "kept") else signals
        passed, left = _total(inputs), _total(kept)
        tolerance = max(TOLERANCE, *(2 * torch.finfo(signal.dtype).eps for signal in signals))
        if abs(passed - left) > tolerance * _total([signal.abs() for signal in signals]):
            raise SubjectError(
                f"{what} passed {passed:.6g} of a probability of {left:.6g} to its inputs; ask for a map at a layer "
                "behind it, explain a unit before it, or use a gradient method"
            )
        self.stopped[what] += _total([(all_ - own).abs() for all_, own in zip(signals, kept, strict=True)])

    def report(self, num_maps: int) -> None:
        """Warn if more than the tolerance stopped on the way of so many maps, each of which had 1."""
        lost = {what: own / num_maps for what, own in self.stopped.items() if own > 0}
        if sum(lost.values()) > TOLERANCE:
            most = [f"{own:.1%} in {what}" for what, own in sorted(lost.items(), key=lambda item: -item[1])[:3]]
            warnings.warn(
                f"{sum(lost.values()):.1%} of the probability stopped at units to which no input contributed (they "
                f"fire through a bias alone, or sum up negative terms): {', '.join(most)}",
                stacklevel=3,
            )


def _total(signals: Sequence[Tensor | None]) -> float:
    return sum(float(signal.detach().to(torch.float64).sum()) for signal in signals if signal is not None)
