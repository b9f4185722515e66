"""Orthogonality: do the heat maps of different features fall on different places?

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", submitted to ICLR 2018, arXiv:1709.05360, section
4.1. The maps of feature n on all images, laid end to end, are one vector; with C the covariance matrix of the n vectors

    P   = diag(C)^(-1/2) C diag(C)^(-1/2)
    O_1 = ||P||_F - sqrt(n)
    O_2 = -log det P

P holds the correlation coefficients. Both figures are 0, their optimum, where no two features are correlated, and grow
with each correlation of either sign. The maps are the paper's "c-MWP normalized on each neuron for each image": each is
divided by its sum on its image, and one that is 0 everywhere stays 0.

Differs from the paper: a feature whose entries are all equal has no correlation. Such dead features are left out of
both figures and n is the number of live ones, which is reported: a method whose features are dead looks orthogonal.
O_2 is infinite as soon as one feature follows from the others; with the jitter e it is taken of (P + e I) / (1 + e),
again a correlation matrix, and stays below -(n - 1) log(e / (1 + e)).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.metrics.record_metric import RecordMetric

JITTER = 1e-6
_ROUNDING = 1e-10
"""A variance below this share of the mean square, entries within 1e-5 of each other, may be rounding alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OrthogonalityFigures:
    """How far the features' maps are from being uncorrelated.

    Args:
        o1: ||P||_F - sqrt(live), from 0 to live - sqrt(live); lower is better. NaN where no feature is live, and 0 for
            a single one, which nothing can be correlated with.
        o2: -log det of P with the jitter, at least 0; lower is better. NaN and 0 likewise.
        live: How many features vary, and so count.
        correlation: P of all features; NaN in the rows and columns of those that do not vary.
    """

    o1: float
    o2: float
    live: int
    correlation: Float[Tensor, "features features"]


class Orthogonality(RecordMetric):
    """Correlation between the heat maps of different features.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is sums and products, added over devices.

    Args:
        num_features: How many maps each image has.
        jitter: What is added to the diagonal of P, before it is scaled back to 1, for O_2 to be finite; at least 0.

    Raises:
        SettingError: There is no feature, or the jitter is negative or infinite.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    sums: Tensor
    products: Tensor
    positions: Tensor

    def __init__(self, num_features: int, jitter: float = JITTER) -> None:
        super().__init__()
        if num_features < 1 or not 0 <= jitter < math.inf:
            raise SettingError(
                f"at least 1 feature and a jitter of at least 0 were expected, not {num_features} features and a "
                f"jitter of {jitter}"
            )
        self.num_features, self.jitter = num_features, float(jitter)
        self.add_state("sums", torch.zeros(num_features, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("products", torch.zeros(num_features, num_features, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("positions", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, maps: Float[Tensor, "batch features rows columns"]) -> None:
        """Count the maps of some images.

        Args:
            maps: Not negative, of any scale. Of any resolution, the same for all images if they are to weigh the same.

        Raises:
            DataError: The number of features is another than was said, or a map is negative, NaN or infinite.
        """
        if maps.shape[1] != self.num_features:
            raise DataError(
                f"maps of {self.num_features} features were expected, but {maps.shape[1]} came; say how many there are "
                "when you make the metric"
            )
        if not bool(((maps >= 0) & maps.isfinite()).all()):
            raise DataError(
                "finite maps of at least 0 were expected, but one has a value that is negative, NaN or infinite; check "
                "where it was computed"
            )
        flat = maps.detach().double().flatten(2)  # (B, F, N)
        totals = flat.sum(2, keepdim=True)
        columns = (flat / totals.where(totals > 0, 1)).transpose(0, 1).flatten(1)  # (F, B * N)
        # A normalised map varies by about as much as it is large on average, so plain sums in double cancel few digits.
        self.sums += columns.sum(1)
        self.products += columns @ columns.T
        self.positions += columns.shape[1]

    def compute(self) -> OrthogonalityFigures:
        """The figures of all images so far.

        Raises:
            DataError: There was no image.
        """
        if not int(self.positions):
            raise DataError("orthogonality needs the maps of at least 1 image, but there are 0; call update first")
        centred = self.products - self.sums[:, None] * self.sums / self.positions
        squares = centred.diagonal()
        live = squares > _ROUNDING * self.products.diagonal()
        lengths = squares.where(live, torch.nan).sqrt()
        correlation = (centred / (lengths[:, None] * lengths)).clamp(-1, 1)
        correlation.diagonal()[live] = 1
        num_live = int(live.sum())
        among_live = correlation[live][:, live]
        return OrthogonalityFigures(
            o1=max(0.0, float(among_live.norm()) - math.sqrt(num_live)) if num_live else math.nan,
            o2=self._o2(among_live) if num_live else math.nan,
            live=num_live,
            correlation=correlation,
        )

    def _o2(self, correlation: Float[Tensor, "live live"]) -> float:
        """By eigenvalues: rounding can make those of features that follow from others negative, and the sign flip."""
        eigenvalues = torch.linalg.eigvalsh(correlation).clamp(min=0)
        return max(0.0, -float(((eigenvalues + self.jitter) / (1 + self.jitter)).log().sum()))
