"""Calibration: when a network says 80 %, is it right 8 times in 10?

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599, equation (3), after Naeini, Cooper
& Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015:

    ECE = sum_m |B_m| / n * |acc(B_m) - conf(B_m)|,   m = 1..M

B_m are the predictions whose confidence lies in ((m-1)/M, m/M], acc(B_m) the share of them that are right, conf(B_m)
their mean confidence, n the number of all; M = 15 as in the paper.

`WordCalibration` asks it of words under teacher forcing: at each place of a reference sentence the confidence is the
largest probability of the softmax, and it is right if that word is the reference's. `claim_calibration` asks it of
claims: the probability of a written word against whether the claim that needs it is true; 0 belongs to the first bin.

Differs from the paper: where the vocabulary lacks the reference's word (UNKNOWN), the network cannot be right, so the
place counts as a miss, even if UNKNOWN was the likeliest; the share of such places is reported.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from whynet.base.errors import DataError
from whynet.base.tokens import PADDING, UNKNOWN
from whynet.base.types import TokenIds

NUM_BINS = 15


class WordCalibration(Metric):
    """Expected calibration error of word probabilities under teacher forcing.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is three sums a bin, added over devices.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    words: Tensor
    confidences: Tensor
    hits: Tensor
    unknown: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("words", torch.zeros(NUM_BINS, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("confidences", torch.zeros(NUM_BINS), dist_reduce_fx="sum")
        self.add_state("hits", torch.zeros(NUM_BINS, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("unknown", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, scores: Float[Tensor, "batch time vocabulary"], targets: TokenIds) -> None:
        """Count the words of some sentences.

        Args:
            scores: The logits of each word.
            targets: The reference's words; places of PADDING are left out.

        Raises:
            DataError: The scores of a word hold NaN or positive infinity.
        """
        places = targets != PADDING
        words = targets[places]  # (N,)
        confidences, likeliest = scores[places].float().softmax(1).max(1)
        if confidences.isnan().any():
            raise DataError("scores without NaN or infinity were expected, but a word's have one; check the network")
        hits = (likeliest == words) & (words != UNKNOWN)
        bins = _bins(confidences)
        self.words += bins.bincount(minlength=NUM_BINS)
        self.confidences += bins.bincount(confidences, minlength=NUM_BINS)
        self.hits += bins[hits].bincount(minlength=NUM_BINS)
        self.unknown += (words == UNKNOWN).sum()

    def compute(self) -> dict[str, Any]:
        """The figures of all words so far.

        Returns:
            `ece` in [0, 1], lower is better; `accuracy`, the share of words that were the likeliest; `confidence`,
            their mean; `unknown_words`, the share that the vocabulary lacks; and `bins`, for each the `share` of words
            that fall into it and, unless it is empty, its `accuracy` and `confidence`.

        Raises:
            DataError: No word was given.
        """
        total = int(self.words.sum())
        if not total:
            raise DataError("calibration needs at least 1 word, but there are 0; call update first")
        bins = []
        for words, confidence, hits in zip(
            self.words.tolist(), self.confidences.tolist(), self.hits.tolist(), strict=True
        ):
            figures = {"accuracy": hits / words, "confidence": confidence / words} if words else {}
            bins.append({"share": words / total, **figures})
        return {
            "ece": _expected_error(self.words, self.confidences, self.hits),
            "accuracy": int(self.hits.sum()) / total,
            "confidence": float(self.confidences.double().sum()) / total,
            "unknown_words": int(self.unknown) / total,
            "bins": bins,
        }


def claim_calibration(probabilities: Sequence[float], truths: Sequence[bool]) -> float:
    """Expected calibration error of claims: does a claim made with probability p hold with a chance of p?

    Args:
        probabilities: For each claim the probability with which its word was written, in [0, 1].
        truths: Whether each claim holds.

    Returns:
        In [0, 1]; lower is better.

    Raises:
        DataError: There are no claims, the counts differ, or a probability lies outside [0, 1].
    """
    if len(probabilities) != len(truths) or not truths:
        raise DataError(
            f"calibration needs at least 1 claim, each with a probability and a truth, but there are "
            f"{len(probabilities)} probabilities and {len(truths)} truths; give as many of the one as of the other"
        )
    if outside := [probability for probability in probabilities if not 0 <= probability <= 1]:
        raise DataError(f"a probability lies between 0 and 1, but {outside[0]} came; check where it was computed")
    confidences = torch.tensor(probabilities, dtype=torch.double)
    bins = _bins(confidences)
    sums = [bins.bincount(weights, minlength=NUM_BINS) for weights in (confidences, torch.tensor(truths).double())]
    return _expected_error(bins.bincount(minlength=NUM_BINS), *sums)


def _bins(confidences: Float[Tensor, " words"]) -> Tensor:
    """The index of each confidence's bin; a bin holds its upper edge."""
    edges = torch.linspace(0, 1, NUM_BINS + 1, dtype=confidences.dtype, device=confidences.device)
    return torch.bucketize(confidences, edges[1:-1])


def _expected_error(counts: Tensor, confidences: Tensor, hits: Tensor) -> float:
    """Equation (3) from the sums of each bin: |B_m| cancels."""
    return float((hits.double() - confidences.double()).abs().sum() / counts.sum())
