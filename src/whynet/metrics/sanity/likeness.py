"""How alike two maps of the same image are: rank correlation, SSIM, relative difference. One number an image."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError

_WINDOW = 7
"""Side of SSIM's uniform window in positions, as scikit-image has it; less where a map is smaller."""


def rank_correlation(a: Float[Tensor, "batch ..."], b: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
    """Spearman's rank correlation of the positions of each pair of maps, in [-1, 1].

    A map that is the same everywhere has no order: its correlation is 1 with an equal map and NaN with any other.
    """
    from scipy.stats import spearmanr

    first, second = _flat(a, b)
    found = []
    for one, other in zip(first, second, strict=True):
        if np.ptp(one) == 0 or np.ptp(other) == 0:
            found.append(1.0 if np.array_equal(one, other) else float("nan"))
        else:
            found.append(float(spearmanr(one, other).statistic))
    return torch.tensor(found)


def structural_similarity(
    a: Float[Tensor, "batch rows columns"], b: Float[Tensor, "batch rows columns"]
) -> Float[Tensor, " batch"]:
    """SSIM of each pair of maps, each divided by its maximum; at most 1, which equal maps have."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    _check(a, b)
    first, second = ((own.detach().cpu().double() / _largest(own))[:, None] for own in (a, b))
    side = min(_WINDOW, a.shape[1], a.shape[2])
    found = structural_similarity_index_measure(
        first, second, gaussian_kernel=False, kernel_size=side - 1 + side % 2, data_range=1.0, reduction="none"
    )
    assert isinstance(found, Tensor)
    return found.reshape(len(a)).float()


def relative_difference(a: Float[Tensor, "batch ..."], b: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
    """L1 distance of each pair of maps as a share of the larger one's size, in [0, 2]; 0 where they are equal."""
    first, second = (torch.from_numpy(own) for own in _flat(a, b))
    size = torch.maximum(first.abs().sum(1), second.abs().sum(1))
    return ((first - second).abs().sum(1) / torch.where(size > 0, size, 1.0)).float()


def _largest(maps: Tensor) -> Tensor:
    largest = maps.detach().cpu().double().abs().amax((1, 2), keepdim=True)
    return torch.where(largest > 0, largest, 1.0)


def _flat(a: Tensor, b: Tensor) -> tuple[np.ndarray, np.ndarray]:
    _check(a, b)
    first, second = (own.detach().cpu().double().reshape(len(own), -1).numpy() for own in (a, b))
    return first, second


def _check(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise DataError(
            f"two maps of each image were expected, of one size, but they have {tuple(a.shape)} and {tuple(b.shape)}; "
            "explain both networks in the same way"
        )
    if not (a.isfinite().all() and b.isfinite().all()):
        raise DataError("maps without NaN or infinity were expected, but one has some; check where it was computed")
