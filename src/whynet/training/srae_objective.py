"""The objective of explanation modules, many at once, and how a batch stands for a penalty on the whole training set.

Qi & Li 2017, arXiv:1709.05360, equation (4); for each module

    min  f sum_i w_i (v . E(Z_i) + b - y_i)^2 + beta (1/S) sum_k phi(Q_k) + lambda |weights|^2
    Q_k = sum_i w_i (decoder(E(Z_i))_k - Z_ik)^2

phi is the penalty (log(1 + q Q) in the paper), S the length of Z, and Q_k the error of entry k **over the whole
training set**, which a batch cannot see. phi is concave but for SAE's, so at any Q' it lies below its tangent:

    sum_k phi(Q_k) <= sum_k [ phi(Q'_k) + phi'(Q'_k) (Q_k - Q'_k) ]

The right side is minimised by batches: its gradient on a batch is unbiased, since it is linear in Q. The slopes
phi'(Q'_k) are computed from the whole training set before each epoch. So within an epoch a bound from above is lowered,
which touches the objective at its beginning; a slope is at most one epoch old, and nothing else is estimated. ("kl" is
flat below Q = 1/q and so not concave there: an entry that is reconstructed so well is let go until the next epoch.)

No decoded Z is ever held. Q is a quadratic form in the moments of what the decoder's last layer is linear in, F:

    Q_k = D_k^T G D_k - 2 D_k^T B_k + C_k,   G = sum_i w_i F_i F_i^T,  B = sum_i w_i F_i Z_i^T,  C_k = sum_i w_i Z_ik^2

so memory does not grow with the number of images, and the Q of a data set is summed batch by batch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lightning.pytorch as pl
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.models.srae_stack import ModuleStack
from whynet.training.penalties import PENALTIES, slopes
from whynet.training.srae_settings import FitSettings, ModuleSettings

_CHUNK_ROWS = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """What all modules of a stack learn from: Z of mean square 1, standardised y, and the weights of the images."""

    activations: Float[Tensor, "batch entries"]
    targets: Float[Tensor, "batch modules"]
    weights: Float[Tensor, "batch modules"]
    """Of each image; they add up to 1 over the images."""
    means: Float[Tensor, " modules"]
    deviations: Float[Tensor, " modules"]
    settings: list[ModuleSettings]

    def chunks(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Z, y and weights, some images at a time."""
        for start in range(0, len(self.activations), _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            yield self.activations[rows], self.targets[rows], self.weights[rows]

    def each(self, name: str) -> Tensor:
        """A setting of all modules."""
        return torch.tensor([float(getattr(own, name)) for own in self.settings])


class _Moments(NamedTuple):
    """G, B and C of the errors, and the sum of squared differences of the prediction; each of some images."""

    basis: Tensor  # (K, d, d)
    crossed: Tensor  # (K, d, S)
    squares: Tensor  # (K, S)
    differences: Tensor  # (K)

    def errors(self, decoder: Tensor) -> Tensor:
        """Q (K, S) under the decoder's last layer (K, d, S)."""
        quadratic = (decoder * (self.basis @ decoder - 2 * self.crossed)).sum(1)
        return (quadratic + self.squares).clamp(min=0)


class Objective(pl.LightningModule):
    """The objective of all modules of a stack; their sum, whose gradient is each one's own."""

    slopes: Tensor

    def __init__(self, stack: ModuleStack, problem: Problem, fit: FitSettings) -> None:
        super().__init__()
        self.stack, self.problem, self.schedule = stack, problem, fit
        self.register_buffer("slopes", torch.ones(len(stack), problem.activations.shape[1]), persistent=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all modules; it treats each weight on its own, so no module feels another."""
        return torch.optim.Adam(self.stack.parameters(), lr=self.schedule.learning_rate, fused=True)

    def on_train_epoch_start(self) -> None:
        """Slopes of the penalty at the errors over the whole training set."""
        errors = self._whole().errors(self.stack.decoder_weights())
        self.slopes = slopes([own.penalty for own in self.problem.settings], errors, self._each("q"))

    def on_train_batch_start(self, batch: object, batch_idx: int) -> None:
        """The rate of this step, from the step alone, so that a resumed fit has the same."""
        steps = int(self.trainer.estimated_stepping_batches)
        rate = self.schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * self.global_step / steps))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, batch: Sequence[Tensor]) -> Tensor:
        """The sum of all modules' surrogate objectives, estimated on a batch."""
        share = len(batch[0]) / len(self.problem.activations)
        moments = self._moments(*batch)
        errors = moments.errors(self.stack.decoder_weights())
        own = (
            self._each("faithfulness") * moments.differences / share
            + self._each("beta") * (self.slopes * errors).mean(1) / share
            + self._each("weight_decay") * self.stack.squared_weights()
        )
        self.log("train_loss", own.mean(), on_step=False, on_epoch=True, batch_size=len(batch[0]))
        return own.sum()

    @torch.no_grad()
    def terms(self) -> dict[str, Tensor]:
        """Each term over the whole training set, and their weighted sum, the objective of equation (4); (K) each."""
        moments = self._whole()
        errors = moments.errors(self.stack.decoder_weights())
        rows = zip(self.problem.settings, errors, strict=True)
        penalty = torch.stack([PENALTIES[own.penalty](row, row.new_tensor(own.q)).mean() for own, row in rows])
        squares = self.stack.squared_weights()
        objective = (
            self._each("faithfulness") * moments.differences
            + self._each("beta") * penalty
            + self._each("weight_decay") * squares
        )
        return {
            "objective": objective, "prediction": moments.differences, "penalty": penalty,
            "reconstruction": errors.mean(1), "squared_weights": squares,
        }  # fmt: skip

    @torch.no_grad()
    def _whole(self) -> _Moments:
        parts = [self._moments(*(own.to(self.device) for own in chunk)) for chunk in self.problem.chunks()]
        return _Moments(*(torch.stack(own).sum(0) for own in zip(*parts, strict=True)))

    def _moments(self, activations: Tensor, targets: Tensor, weights: Tensor) -> _Moments:
        features = self.stack.encode(activations)  # (K, B, n)
        weights = weights.T  # (K, B)
        basis = self.stack.decoder_basis(features)  # (K, B, d)
        weighted = (basis * weights[:, :, None]).transpose(1, 2)  # (K, d, B)
        differences = weights * (self.stack.predict(features) - targets.T).square()
        crossed = (weighted.flatten(0, 1) @ activations).view(*weighted.shape[:2], -1)
        return _Moments(weighted @ basis, crossed, weights @ activations.square(), differences.sum(1))

    def _each(self, name: str) -> Tensor:
        return self.problem.each(name).to(self.device)
