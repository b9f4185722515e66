"""Lasso: a few entries of Z that predict the logit linearly, a baseline of SRAE.

Tibshirani, "Regression Shrinkage and Selection via the Lasso", JRSS B 58, 1996, as in Qi & Li 2017, arXiv:1709.05360,
tables 1(a) and 2(a):

    min  1/2 sum_i w_i (v . Z_i + b - y_i)^2 + alpha |v|_1

by scikit-learn's path. The paper tunes alpha and finds 8 entries at its best; here alpha is the smallest one of the
path that selects no more entries than wanted, so that all methods have as many x-features.

Differs from the paper: the weights w lift the positives, as for all methods here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.training.srae import Wanted, image_weights
from whynet.training.srae_settings import FitSettings

_NUM_ALPHAS = 100
_SMALLEST = 1e-4
_TOLERANCE = 1e-3
"""Of the dual gap, as a share of the squared logits: at smaller ones come nearly the same entries, ten times later."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LassoFit:
    """Entries of Z and what each adds to the logit.

    Args:
        units: Which entries.
        weights: v, of each.
        bias: b.
        alpha: That selected them.
    """

    units: tuple[int, ...]
    weights: Float[Tensor, " features"]
    bias: float
    alpha: float


def fit_lasso(
    activations: Float[Tensor, "batch entries"], wanted: Wanted, fit: FitSettings, most: Sequence[int]
) -> list[LassoFit]:
    """The Lasso that selects at most so many entries, for each number asked for.

    Args:
        activations: Z of each training image.
        wanted: The logit, the positives, and what is held out; its settings are not looked at.
        fit: What the positives weigh.
        most: Numbers of entries, each at least 1.

    Raises:
        DataError: The class has fewer than two positives or no negative, or a constant logit.
    """
    from sklearn.linear_model import lasso_path

    weights = image_weights(wanted, fit).double()  # add up to 1
    z, y = activations.double(), wanted.logits.double()
    mean_z, mean_y = weights @ z, float(weights @ y)
    rows = (weights * len(weights)).sqrt()  # scikit-learn divides by their number
    alphas, found, _ = lasso_path(
        ((z - mean_z) * rows[:, None]).numpy(), ((y - mean_y) * rows).numpy(), alphas=_NUM_ALPHAS, eps=_SMALLEST,
        max_iter=5000, tol=_TOLERANCE,
    )  # fmt: skip
    numbers = (found != 0).sum(0)  # (alphas), the largest alpha first
    return [_selected(alphas, found, int(np.flatnonzero(numbers <= count)[-1]), mean_z, mean_y) for count in most]


def _selected(alphas: np.ndarray, found: np.ndarray, place: int, mean_z: Tensor, mean_y: float) -> LassoFit:
    weights = torch.from_numpy(found[:, place].copy())
    units = weights.nonzero()[:, 0]
    return LassoFit(
        units=tuple(units.tolist()), weights=weights[units].float(), bias=mean_y - float(weights @ mean_z),
        alpha=float(alphas[place]),
    )  # fmt: skip
