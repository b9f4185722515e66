"""Locality: over how many parts of the object does the heat map of a feature spread?

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", submitted to ICLR 2018, arXiv:1709.05360, section
4.1 and algorithm 1. For feature n, image m, pixel ij and region p (the parts, and the context around the object):

    S_ij^{n,m} = C_ij^{n,m} / sum_ij C_ij^{n,m}
    S_p^{n,m}  = sum_ij P(part p | pixel ij) S_ij^{n,m}
    S_p^n      = mean over m of S_p^{n,m}
    H^n        = - sum_p S_p^n log S_p^n

C is the heat map (in the paper c-MWP of excitation backprop) at the size of the picture, P(part | pixel) comes from
`part_weights`, and the logarithm is the natural one: exp(H) is about the number of parts that a feature spreads over.

Differs from the paper: algorithm 1 weighs a pixel less the farther it is from the part's point, so that S^n adds up to
less than 1; it is normalised to 1 before its entropy is taken. A map that is 0 everywhere has no S: it is left out and
counted. Maps are enlarged bilinearly, by pulling the weights back instead.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.metrics.part_weights import pulled_back
from whynet.metrics.record_metric import RecordMetric


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalityFigures:
    """How local each feature is.

    Args:
        histograms: S^n of each feature, summing to 1; zeros for a feature that had no map, or none with any weight.
        entropy: H of each feature in nats, from 0 (one part) to the log of the number of regions; NaN where the
            histogram is zeros. Lower is better.
        locality: Mean entropy of the features that have one; NaN where none has. Lower is better.
        empty: How many maps of each feature were 0 everywhere and left out.
    """

    histograms: Float[Tensor, "features regions"]
    entropy: Float[Tensor, " features"]
    locality: float
    empty: Int[Tensor, " features"]


class Locality(RecordMetric):
    """Entropy of each feature's histogram over the parts.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is sums, added over devices.

    Args:
        num_features: How many maps each image has.
        num_regions: How many regions the weights have: the parts and the context.

    Raises:
        SettingError: There is no feature or no region.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    sums: Tensor
    empty: Tensor
    total: Tensor

    def __init__(self, num_features: int, num_regions: int) -> None:
        super().__init__()
        if num_features < 1 or num_regions < 1:
            raise SettingError(
                f"at least 1 feature and 1 region were expected, not {num_features} features and {num_regions} regions"
            )
        self.num_features, self.num_regions = num_features, num_regions
        self.add_state("sums", torch.zeros(num_features, num_regions, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("empty", torch.zeros(num_features, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(
        self,
        maps: Float[Tensor, "batch features rows columns"],
        weights: Float[Tensor, "batch regions height width"],
    ) -> None:
        """Count the maps of some images.

        Args:
            maps: Not negative, of any resolution and scale.
            weights: P(part | pixel) at the size of the images, as `point_weights`, `box_weights` and `mask_weights`
                give it.

        Raises:
            DataError: The number of features or of regions is another than was said, or a map or a weight is negative,
                NaN or infinite.
        """
        if maps.shape[1] != self.num_features or weights.shape[1] != self.num_regions:
            raise DataError(
                f"maps of {self.num_features} features and weights of {self.num_regions} regions were expected, but "
                f"{maps.shape[1]} and {weights.shape[1]} came; say how many there are when you make the metric"
            )
        for name, values in (("maps", maps), ("weights", weights)):
            if not bool(((values >= 0) & values.isfinite()).all()):
                raise DataError(
                    f"finite {name} of at least 0 were expected, but one has a value that is negative, NaN or "
                    "infinite; check where it was computed"
                )
        pulled, area = pulled_back(weights.detach(), *maps.shape[2:])
        flat = maps.detach().double().flatten(2)  # (B, F, N)
        totals = flat @ area.double().flatten()  # (B, F)
        parts = torch.bmm(flat, pulled.double().flatten(2).transpose(1, 2))  # (B, F, P)
        self.sums += (parts / totals.where(totals > 0, 1)[..., None]).sum(0)
        self.empty += (totals == 0).sum(0)
        self.total += len(maps)

    def compute(self) -> LocalityFigures:
        """The figures of all images so far.

        Raises:
            DataError: There was no image.
        """
        if not int(self.total):
            raise DataError("locality needs the maps of at least 1 image, but there are 0; call update first")
        totals = self.sums.sum(1, keepdim=True)  # the number of images cancels
        histograms = self.sums / totals.where(totals > 0, 1)
        entropy = torch.special.entr(histograms).sum(1).where(totals[:, 0] > 0, torch.nan)
        return LocalityFigures(
            histograms=histograms, entropy=entropy, locality=float(entropy.nanmean()), empty=self.empty.clone()
        )
