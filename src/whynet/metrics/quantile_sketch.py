"""The threshold of each filter: how strong must a unit be to belong to the strongest of all images?

Bau, Zhou, Khosla, Oliva & Torralba, "Network Dissection: Quantifying Interpretability of Deep Visual Representations",
CVPR 2017, arXiv:1704.05796, section 2; taken over by Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks",
CVPR 2018, arXiv:1710.00935, section 5.2.1. Over all positions ij of all maps x of filter f:

    p(x_ij > T_f) = share,   share = 0.005

To know T_f exactly one must keep every activation. The sketch counts them in buckets whose edges grow by a factor, as
in Masson, Rim & Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", PVLDB
12(12), 2019, arXiv:1908.10693: bucket i holds the values in (e_(i-1), e_i], and sketches are merged by adding counts.

    e_i = lowest * gamma^i,   1 < gamma <= 1 + relative_error
    T_f = the smallest of 0 and all e_i such that at most `share` of the positions are above

The exact threshold t is the smallest number of at least 0 with that property: t <= T_f <= (1 + relative_error) t. So
never more than `share` of the positions are above T_f, even where many activations are equal, and T_f = 0 where no more
than `share` are above 0. That holds for t from `lowest` to `highest`; outside, T_f is the nearer of the two, and said.

Differs from DDSketch: a quantile is the upper edge of its bucket (there a point within it, off by as much to either
side); the range is fixed, so that the memory is; what is not above 0 needs no buckets.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.metrics.filter_maps import FilterMaps, check_maps, check_numbers
from whynet.metrics.record_metric import RecordMetric

PAPER_SHARE = 0.005
_ROUNDING = 1e-12
"""share * positions may miss a whole number by this much of itself by rounding alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantileFigures:
    """The thresholds of the filters.

    Args:
        thresholds: T_f, at least 0: a unit counts if it is above.
        clamped: Whether T_f is an end of the sketch's range because the exact threshold is above 0 but not above the
            lowest edge, or above the highest; then the bound does not hold.
        positive_share: Share of each filter's positions that are above 0.
        positions: How many positions each filter had, over all images.
    """

    thresholds: Float[Tensor, " filters"]
    clamped: Bool[Tensor, " filters"]
    positive_share: Float[Tensor, " filters"]
    positions: int


class QuantileSketch(RecordMetric):
    """Streaming quantile of each filter's activations, with a bounded relative error.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is the counts of the buckets, added over
    devices. 512 filters take 23 MB by default, however many images there are.

    Args:
        num_filters: How many maps each image has.
        share: Which share of the positions may be above the threshold, in (0, 1).
        relative_error: How much too high a threshold may be, in (0, 1).
        lowest: Smallest threshold above 0 that is told from others.
        highest: Largest threshold that is found.

    Raises:
        SettingError: A number is out of its range.
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False

    counts: Tensor
    positions: Tensor
    edges: Tensor

    def __init__(
        self,
        num_filters: int,
        *,
        share: float = PAPER_SHARE,
        relative_error: float = 0.005,
        lowest: float = 1e-6,
        highest: float = 1e6,
    ) -> None:
        super().__init__()
        check_numbers(num_filters=num_filters)
        if not (0 < share < 1 and 0 < relative_error < 1 and 0 < lowest < highest < math.inf):
            raise SettingError(
                "a share and a relative error between 0 and 1 and 0 < lowest < highest were expected, not a share of "
                f"{share}, an error of {relative_error} and a range from {lowest} to {highest}"
            )
        self.num_filters, self.share = num_filters, share
        steps = math.ceil(math.log(highest / lowest) / math.log1p(relative_error))
        edges = torch.linspace(math.log(lowest), math.log(highest), steps + 1, dtype=torch.double).exp()
        edges[0], edges[-1] = lowest, highest
        self.register_buffer("edges", edges, persistent=False)
        # The first bucket holds what is above 0 and up to the lowest edge, the last what is above the highest.
        self.add_state("counts", torch.zeros(num_filters, steps + 2, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("positions", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, maps: FilterMaps) -> None:
        """Count the maps of some images.

        Args:
            maps: Of any resolution.

        Raises:
            DataError: The number of filters is another than was said, there is no position, or a value is NaN or
                infinite.
        """
        check_maps(maps, self.num_filters)
        flat = maps.detach().transpose(0, 1).flatten(1)  # (F, N)
        positive = flat > 0
        filters = torch.arange(self.num_filters, device=flat.device)[:, None].expand_as(flat)[positive]
        buckets = torch.bucketize(flat[positive].double(), self.edges)
        index = filters * self.counts.shape[1] + buckets
        self.counts.view(-1).scatter_add_(0, index, torch.ones_like(index))
        self.positions += flat.shape[1]

    def compute(self) -> QuantileFigures:
        """The thresholds of all images so far.

        Raises:
            DataError: There was no image.
        """
        positions = int(self.positions)
        if not positions:
            raise DataError("thresholds need the maps of at least 1 image, but there are 0; call update first")
        most = math.floor(self.share * positions * (1 + _ROUNDING))
        positive = self.counts.sum(1)
        above = self.counts.flip(1).cumsum(1).flip(1)[:, 1:]  # (F, E): how many are above each edge
        few = above <= most
        index = few.int().argmax(1).where(few.any(1), len(self.edges) - 1)
        needed = positive > most
        clamped = needed & ((index == 0) | ~few.any(1))
        return QuantileFigures(
            thresholds=self.edges[index].where(needed, 0),
            clamped=clamped,
            positive_share=positive.double() / positions,
            positions=positions,
        )
