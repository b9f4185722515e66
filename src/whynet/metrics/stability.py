"""Stability: do two trainings that differ in their seed alone find the same features?

Features have no order of their own, so those of two seeds are matched first. With r_fg the Pearson correlation of
feature f of the one and feature g of the other over the activations on the same images, s a permutation:

    agreement = max over s of 1/n sum_f r_{f, s(f)}
    stability = mean of the agreement over all pairs of seeds
    floor     = mean of r_fg over all f and g that are not matched, and over all pairs of seeds

Features that all rise with one logit are alike whatever the seed, and so is each with the others' partners: that much
of a stability, its floor, says nothing. The rest says more than nothing only where it is more than the best of n!
matchings gains by chance: of 5 features of pure noise from 3 seeds stability lies about 0.27 above its floor over 20
images, 0.1 over 150 (measured), and less the more images there are.

The best permutation is an assignment problem (Kuhn, "The Hungarian Method for the Assignment Problem", Naval Research
Logistics Quarterly 2, 1955). Matching by correlation is that of Li, Yosinski, Clune, Lipson & Hopcroft, "Convergent
Learning: Do different neural networks learn the same representations?", ICLR 2016, arXiv:1511.07543; the paper on
x-features does not ask the question.

A feature without variance has correlation 0 with all. What chance gives can be had for any activations: shuffle each
feature's images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError

_ROUNDING = 1e-12
"""Activations that vary by less than this share of their size do so by rounding alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchedFeatures:
    """Which feature of one training is which of another.

    Args:
        assignment: For each feature of the first the index of its partner in the second; each is taken once.
        correlations: Of each feature of the first with its partner, in [-1, 1].
        mean: Of the correlations: the agreement, in [-1, 1]; higher is better.
        unmatched: Mean correlation of all other pairs, in [-1, 1]; NaN for a single feature.
    """

    assignment: tuple[int, ...]
    correlations: Float[Tensor, " features"]
    mean: float
    unmatched: float


def matched_features(a: Float[Tensor, "images features"], b: Float[Tensor, "images features"]) -> MatchedFeatures:
    """Match the features of two trainings so that their summed correlation is highest.

    Args:
        a: Activations of the first training's features.
        b: Those of the second's on the same images, in the same order.

    Raises:
        DataError: The shapes differ, there are fewer than 2 images or no feature, or a value is not finite.
    """
    _check([a, b])
    from scipy.optimize import linear_sum_assignment

    correlation = (_standardised(a).T @ _standardised(b)).clamp(-1, 1)  # (F, F)
    rows, columns = linear_sum_assignment(correlation.numpy(), maximize=True)
    correlations = correlation[rows, columns]
    others = len(columns) * (len(columns) - 1)
    return MatchedFeatures(
        assignment=tuple(columns.tolist()),
        correlations=correlations,
        mean=float(correlations.mean()),
        unmatched=float(correlation.sum() - correlations.sum()) / others if others else math.nan,
    )


class Stability(NamedTuple):
    """How much the features of several trainings agree, and how much those that are not matched do."""

    stability: float
    """In [-1, 1]; higher is better, and 1 means the same features whatever the seed."""
    floor: float
    """Of pairs that are not matched, in [-1, 1]; NaN for a single feature."""


def stability(activations: Sequence[Float[Tensor, "images features"]]) -> Stability:
    """How much the features of several trainings agree.

    Args:
        activations: One tensor a seed, on the same images in the same order.

    Raises:
        DataError: There are fewer than 2 seeds, the shapes differ, there are fewer than 2 images or no feature, or a
            value is not finite.
    """
    if len(activations) < 2:
        raise DataError(f"stability needs at least 2 seeds, but there are {len(activations)}; train with more")
    _check(activations)
    pairs = [matched_features(a, b) for a, b in combinations(activations, 2)]
    return Stability(sum(pair.mean for pair in pairs) / len(pairs), sum(pair.unmatched for pair in pairs) / len(pairs))


def _standardised(activations: Tensor) -> Tensor:
    """Each column with mean 0 and length 1, so that products are correlations; one without variance is zeros."""
    values = activations.detach().cpu().double()
    centred = values - values.mean(0)
    lengths = centred.norm(dim=0)
    varies = lengths > _ROUNDING * values.norm(dim=0)
    standardised: Tensor = centred / lengths.where(varies, torch.inf)
    return standardised


def _check(activations: Sequence[Tensor]) -> None:
    shapes = [tuple(own.shape) for own in activations]
    if len(set(shapes)) > 1 or shapes[0][0] < 2 or shapes[0][1] < 1:
        raise DataError(
            "activations (images, features) of the same shape were expected of each seed, with at least 2 images and 1 "
            f"feature, but {', '.join(map(str, shapes))} came; take them on the same images, of as many features"
        )
    if not all(bool(own.isfinite().all()) for own in activations):
        raise DataError("finite activations were expected, but one is NaN or infinite; check where it was computed")
