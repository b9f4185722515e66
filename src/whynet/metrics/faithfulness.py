"""Faithfulness: does the explanation predict what the network predicts?

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", submitted to ICLR 2018, arXiv:1709.05360, section
4.1. For an explained class j, over M images m with logits y^(m) and predictions y^_j^(m) of the logit of j:

    F_reg = 1/M sum_m |y^_j^(m) - y_j^(m)|
    F_cls = C_r / M

C_r is the number of images whose arg-max class stays the same when y^_j takes the place of y_j, and all other logits
stay. Each class is explained by a module of its own, so only one logit is ever replaced at a time.

The arg-max after the replacement is that of the other classes or j itself, so the two largest logits of an image settle
it for all explained classes at once. Of equal logits the class of lowest index wins, before and after, as in
`torch.argmax`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.base.types import Logits
from whynet.metrics.record_metric import RecordMetric


@dataclass(frozen=True, kw_only=True, eq=False)
class FaithfulnessFigures:
    """How faithful the explanation of each class is.

    Args:
        f_reg: Mean absolute error of each class's predictions, in logits; lower is better.
        f_cls: Share of images whose arg-max class stays under each class's predictions, in [0, 1]; higher is better.
        n: How many images.
    """

    f_reg: Float[Tensor, " explained"]
    f_cls: Float[Tensor, " explained"]
    n: int


class Faithfulness(RecordMetric):
    """Error of predicted logits, and what it does to the decision.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is two sums a class, added over devices.

    Args:
        classes: The explained classes, each once.

    Raises:
        SettingError: There is no class, one is named twice, or one is negative.
    """

    is_differentiable = False
    higher_is_better = None  # the one figure is, the other is not
    full_state_update = False

    errors: Tensor
    stayed: Tensor
    total: Tensor

    def __init__(self, classes: Sequence[int]) -> None:
        super().__init__()
        if not classes or len(set(classes)) < len(classes) or min(classes) < 0:
            raise SettingError(
                f"at least 1 explained class was expected, each once and counted from 0, not {list(classes)}"
            )
        self.classes = tuple(classes)
        self.add_state("errors", torch.zeros(len(classes), dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("stayed", torch.zeros(len(classes), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, logits: Logits, predictions: Float[Tensor, "batch explained"]) -> None:
        """Count some images.

        Args:
            logits: Of the network, for all classes.
            predictions: Of the logits of the explained classes, in their order.

        Raises:
            DataError: An explained class does not exist, there is not one prediction for each image and explained
                class, or a value is not finite.
        """
        if max(self.classes) >= logits.shape[1]:
            raise DataError(
                f"logits of all classes, with the explained class {max(self.classes)} among them, were expected, but "
                f"{logits.shape[1]} came; give those of all, or explain another class"
            )
        shape = (len(logits), len(self.classes))
        if predictions.shape != shape:
            raise DataError(
                f"predictions of shape {shape}, images and explained classes, were expected, but "
                f"{tuple(predictions.shape)} came; give one for each, in the order of the classes"
            )
        if not bool(logits.isfinite().all()) or not bool(predictions.isfinite().all()):
            raise DataError(
                "finite logits and predictions were expected, but one is NaN or infinite; check where it was computed"
            )
        logits, predictions = logits.detach().double(), predictions.detach().double()
        explained = torch.tensor(self.classes, device=logits.device)
        self.errors += (predictions - logits[:, explained]).abs().sum(0)
        self.stayed += (_replaced_argmax(logits, predictions, explained) == logits.argmax(1, keepdim=True)).sum(0)
        self.total += len(logits)

    def compute(self) -> FaithfulnessFigures:
        """The figures of all images so far.

        Raises:
            DataError: There was no image.
        """
        total = int(self.total)
        if not total:
            raise DataError("faithfulness needs at least 1 image, but there are 0; call update first")
        return FaithfulnessFigures(f_reg=self.errors / total, f_cls=self.stayed.double() / total, n=total)


def _replaced_argmax(logits: Tensor, predictions: Tensor, explained: Tensor) -> Tensor:
    """The arg-max class of each image after each replacement: (batch, explained)."""
    first = logits.argmax(1, keepdim=True)  # (B, 1)
    others = logits.scatter(1, first, -torch.inf)
    rival = torch.where(first == explained, others.argmax(1, keepdim=True), first)  # (B, E): of the other classes
    level = torch.where(first == explained, others.amax(1, keepdim=True), logits.amax(1, keepdim=True))
    wins = (predictions > level) | ((predictions == level) & (explained < rival))
    return torch.where(wins, explained, rival)
