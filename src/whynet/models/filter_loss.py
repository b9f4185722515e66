"""The filter loss: what pushes each filter of an interpretable convolution towards one part of one category.

Zhang, Wu & Zhu 2018, arXiv:1710.00935. The loss is minus the mutual information of a filter's maps and its templates
(`mutual_information`). Its equation (4) takes Z_T and p(x) for constants, and of all templates the one that the label
tells: T_mu around the strongest position for images of the filter's category, T- for all others,

    dMI / dx_ij = p(T) t_ij / Z_T exp(tr(x T)) (tr(x T) - log(Z_T p(x)))

"exact" is the gradient of the whole sum over the images of a batch, which knows no labels. "released" is what the
authors' code computes: with s twice tr(x T), strength = exp(s / 0.5) (s - log Z + 0.5) over its mean, in which
neither p(x) nor p(T) is left.

Differs from the paper: its equation (4) is the gradient of the mutual information, so descent takes minus it (with the
printed sign filters get worse). Z_T is a running mean instead of a sum over all images, which cancels in p(x | T) /
p(x). An image that fits its template worse than the others would be driven further away from it; its weight is 0
instead. Positives and negatives of a filter weigh alike together. All is computed in the logarithm.
"""

import math

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float
from torch import Tensor, nn

from whynet.base.errors import DataError, SettingError
from whynet.base.types import Labels
from whynet.models.filter_categories import filter_categories
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import Maps, PartMask
from whynet.models.mutual_information import Scores, Templates, information_gradient, scores
from whynet.models.part_templates import templates

ASSIGN_EVERY = 10
"""Batches after which filters are assigned to categories anew."""
_KEPT_OF_AN_IMAGE = 0.99
"""What an image leaves of the earlier ones of its class in the means by which filters are assigned: of the last hundred
or so. Over the few that a batch has of each class, means change so much that half of the filters change category at a
time, and are pushed to one after the other."""
_PRESENT = 1.1
"""By what the strength in a filter's present category is multiplied when it is assigned anew."""
_LARGEST = 20.0
"""Of the logarithm of a weight."""
_TEMPERATURE = 4.0
"""s / 0.5 of the released code, over tr(x T)."""


class FilterLoss(nn.Module):
    """The filter loss of one mask's filters, with the running statistics that it needs.

    Args:
        mask: Whose filters; it is told their categories.
        rows: Of their maps.
        columns: Likewise.
        num_classes: How many categories the labels tell.
        settings: How.
        categories: Classes that filters may stand for; None: all. A single-category task has its category alone.

    Raises:
        SettingError: There is no category, or one is no class.
    """

    log_z: Tensor
    class_sums: Tensor
    class_images: Tensor
    seen: Tensor

    def __init__(
        self,
        mask: PartMask,
        rows: int,
        columns: int,
        num_classes: int,
        settings: FilterSettings,
        *,
        categories: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self._mask = [mask]  # in a list, so that its buffers are the network's alone
        self.settings, self.shape, self.num_classes = settings, (rows, columns), num_classes
        self.candidates = tuple(range(num_classes)) if categories is None else categories
        if not self.candidates or not set(self.candidates) <= set(range(num_classes)):
            raise SettingError(f"categories out of 0 to {num_classes - 1} were expected, not {self.candidates}")
        count = len(mask.beta)
        self.register_buffer("log_z", torch.zeros(count, rows * columns + 1))
        self.register_buffer("class_sums", torch.zeros(count, num_classes))
        self.register_buffer("class_images", torch.zeros(num_classes))
        self.register_buffer("seen", torch.tensor(0))

    @property
    def mask(self) -> PartMask:
        """Whose filters."""
        return self._mask[0]

    @property
    def strengths(self) -> Float[Tensor, "filters categories"]:
        """Mean over the last images of each class of the sum of a filter's map; 0 for a class that had none."""
        return self.class_sums / self.class_images.clamp_min(1e-6)

    def forward(self, maps: Maps, labels: Labels) -> Maps:
        """The gradient of the loss at the maps of a batch, to be descended, after the batch is taken into the means.

        Args:
            maps: At least 0, before the mask.
            labels: Of the images.

        Raises:
            DataError: The maps have other sizes than was said, or a label is out of range.
        """
        self._check(maps, labels)
        with torch.no_grad():
            beta = self.mask.beta.float()
            if bool((beta == beta[0]).all()):
                beta = beta[:1]  # one set of templates for all filters: hundreds of times less to compute
            own = templates(*self.shape, beta, self.mask.settings.norm)
            found = scores(maps, own)
            self._observe(found, maps, labels)
            if self.settings.gradient == "exact":
                return -information_gradient(maps.float(), own).to(maps.dtype)
            return self._of_labels(found, own, maps, labels).to(maps.dtype)

    def _of_labels(self, found: Scores, own: Templates, maps: Maps, labels: Labels) -> Maps:
        """With the one template of each image and filter that the label tells."""
        is_own = labels[:, None] == self.mask.categories  # (B, F)
        target = torch.where(is_own, maps.flatten(2).argmax(2), found.shape[2] - 1)
        log_ratio = self._temperature * found - self.log_z  # log(p(x | T)), up to a constant
        fit = log_ratio.gather(2, target[:, :, None])[:, :, 0]
        if self.settings.gradient == "released":
            weights = fit.clamp(max=_LARGEST).exp() * (fit + 1).clamp_min(0)
            weights = weights / weights.mean(0).clamp_min(1e-6)
        else:
            log_p = torch.logsumexp(log_ratio, 2) - math.log(found.shape[2])  # all templates are alike likely
            weights = fit.clamp(max=_LARGEST).exp() * (fit - log_p).clamp_min(0)
        filters = torch.arange(maps.shape[1], device=maps.device) % len(own)
        picked = own[filters, target]  # (B, F, P)
        return (-(weights * _balance(is_own))[:, :, None] * picked).view_as(maps)

    @property
    def _temperature(self) -> float:
        return _TEMPERATURE if self.settings.gradient == "released" else 1.0

    def _observe(self, found: Scores, maps: Maps, labels: Labels) -> None:
        """Take a batch into the running means; assign filters to categories; let beta follow the spread."""
        keep = self.settings.momentum if int(self.seen) else 0.0
        means = _log_mean_exp(self._temperature * found)
        self.log_z.copy_(torch.logaddexp(self.log_z + math.log(keep), means + math.log(1 - keep)) if keep else means)
        of_class = nn.functional.one_hot(labels, self.num_classes).T.float()  # (C, B)
        sums, counts = summed(of_class @ maps.float().sum((2, 3))), summed(of_class.sum(1))  # (C, F), (C)
        kept = _KEPT_OF_AN_IMAGE**counts
        self.class_sums.mul_(kept).add_(sums.T)
        self.class_images.mul_(kept).add_(counts)
        if int(self.seen) % ASSIGN_EVERY == 0:
            self._assign()
        if self.settings.learned_beta:
            self._follow_spread(maps, labels)
        self.seen += 1

    def _assign(self) -> None:
        """Give each filter its category anew, where another than the present one is clearly better."""
        some = torch.tensor(self.candidates, device=self.class_sums.device)
        is_present = some == self.mask.categories[:, None]
        strengths = self.strengths[:, some]
        strengths = torch.where(is_present, _PRESENT * strengths, strengths)
        self.mask.categories.copy_(some[filter_categories(strengths, self.settings.assignment)])

    def _follow_spread(self, maps: Maps, labels: Labels) -> None:
        """Pull beta towards twice clamp(3 / spread, 1.5, 3), in images of the filter's category.

        The spread is the deviation of the activations from their mean position, in cells; the released code's
        coordinates span [-1, 1], so its beta is half of ours.
        """
        weights = maps.float() * (labels[:, None] == self.mask.categories)[:, :, None, None]
        places = [torch.arange(size, device=maps.device, dtype=torch.float) for size in self.shape]
        totals = weights.sum((2, 3)).clamp_min(1e-12)
        across, along = weights.sum(3) @ places[0] / totals, weights.sum(2) @ places[1] / totals  # (B, F)
        squares = (places[0] - across[..., None]).square()[..., None] + (places[1] - along[..., None]).square()[
            ..., None, :
        ]
        sums, total = summed((weights * squares).sum((0, 2, 3))), summed(weights.sum((0, 2, 3)))
        spread = (sums / total.clamp_min(1e-12)).sqrt()
        wanted = 2 * (3 / spread.clamp_min(1e-6)).clamp(1.5, 3)
        moved = self.mask.beta + (1 - self.settings.momentum) * (wanted - self.mask.beta)
        self.mask.beta.copy_(torch.where(total > 0, moved, self.mask.beta))

    def _check(self, maps: Maps, labels: Labels) -> None:
        expected = (len(labels), len(self.mask.beta), *self.shape)
        if maps.shape != expected:
            raise DataError(
                f"maps of shape {expected} were expected, as many filters and positions as the loss was made for, not "
                f"{tuple(maps.shape)}; give images of one size"
            )
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.num_classes:
            raise DataError(
                f"labels from 0 to {self.num_classes - 1} were expected, not {int(labels.min())} to "
                f"{int(labels.max())}; check the data set's classes"
            )


def _balance(is_own: Bool[Tensor, "batch filters"]) -> Float[Tensor, "batch filters"]:
    """What each image weighs for each filter: those of its category together as much as all others."""
    density = is_own.float().mean(0)
    return torch.where(is_own, 0.5 / density.clamp_min(1e-6), 0.5 / (1 - density).clamp_min(1e-6))


def summed(values: Tensor) -> Tensor:
    """The sum over all processes, in place."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(values)
    return values


def _log_mean_exp(found: Scores) -> Float[Tensor, "filters templates"]:
    """The logarithm of the mean over the images of all processes."""
    top = found.amax(0)
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(top, dist.ReduceOp.MAX)
    total = summed((found - top).exp().sum(0))
    count = summed(torch.tensor(float(len(found)), device=found.device))
    return top + total.log() - count.log()
