"""Training a network with interpretable filters: the task's loss, and the filter loss pushed in at the masks.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, equation (3): at the maps, lambda times the gradient of the filter loss is added
to that of the task. Lambda is the ratio of the two gradients' norms, so that it means the same in any network, and
falls as one over the number of the epoch, as the paper's does.

Differs from the paper: of the filter loss's gradient g at a filter's maps x only what does not scale them is added,

    g - x sum(g o x) / sum(x o x)        sums over the images of a batch and over positions

Maps that are merely larger have more mutual information. The task's gradient points elsewhere in every batch, that part
always the same way, so that it adds up: in networks without batch norm activations grew until the loss exploded.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from whynet.base.errors import SubjectError
from whynet.base.types import Images, Labels
from whynet.models.filter_loss import FilterLoss, summed
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import Maps, interpretable_layers
from whynet.models.subject import evaluating


class _Pushed(torch.autograd.Function):
    """Maps as they are; going back, their gradient and `extra`, scaled to `ratio` times its norm."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, extra: Tensor, ratio: float) -> Tensor:
        ctx.save_for_backward(extra)
        ctx.ratio = ratio
        return maps.view_as(maps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        (extra,) = ctx.saved_tensors
        norm = extra.float().norm()
        scale = torch.where(norm > 0, ctx.ratio * gradient.float().norm() / norm, 0)
        return gradient + (scale * extra).to(gradient.dtype), None, None


def without_scale(gradient: Maps, maps: Maps) -> Maps:
    """Of a gradient at the maps of a batch what neither enlarges nor shrinks any filter's maps as a whole."""
    own, x = gradient.float(), maps.float()
    along = summed((own * x).sum((0, 2, 3))) / summed(x.square().sum((0, 2, 3))).clamp_min(1e-12)
    return (own - along[:, None, None] * x).to(gradient.dtype)


class FilterLearning(nn.Module):
    """The filter losses of all masks of a network; their running statistics are this module's state.

    Args:
        network: With interpretable layers.
        images: One preprocessed image or more, of the size that will be trained on.
        num_classes: How many classes the labels tell.
        settings: Of the losses.
        categories: Classes that filters may stand for; None: all.

    Raises:
        SubjectError: The network has no interpretable layer, or does not use one.
    """

    def __init__(
        self,
        network: nn.Module,
        images: Images,
        num_classes: int,
        settings: FilterSettings,
        *,
        categories: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self._masks = [mask for layer in interpretable_layers(network).values() for mask in layer.masks]
        if not self._masks:
            raise SubjectError("the network has no interpretable layer; make one with whynet.make_interpretable")
        sizes: dict[int, Sequence[int]] = {}

        def measured(number: int, maps: Maps) -> Maps:
            sizes[number] = maps.shape[2:]
            return maps

        with (
            self._pushing([partial(measured, number) for number in range(len(self._masks))]),
            evaluating(network),
            torch.no_grad(),
        ):
            network(images)
        if len(sizes) < len(self._masks):
            raise SubjectError(
                f"{len(self._masks)} masks of interpretable layers were expected to run in the forward pass, but "
                f"{len(sizes)} did; make layers interpretable that the network uses"
            )
        self.losses = [
            FilterLoss(mask, sizes[number][0], sizes[number][1], num_classes, settings, categories=categories)
            for number, mask in enumerate(self._masks)
        ]
        self.states = nn.ModuleList(self.losses).to(self._masks[0].beta.device)

    @contextmanager
    def learning(self, labels: Labels, epoch: int) -> Iterator[None]:
        """Inside, what the network computes for a batch of these labels has the filter losses in its gradient.

        Args:
            labels: Of the batch.
            epoch: From 1.
        """
        ratio = self.settings.strength / (epoch if self.settings.decay else 1)

        def pusher(loss: FilterLoss) -> Callable[[Maps], Maps]:
            def push(maps: Maps) -> Maps:
                seen = maps.detach()
                extra = without_scale(loss(seen, labels), seen)
                pushed: Maps = _Pushed.apply(maps, extra, ratio)  # type: ignore[no-untyped-call]
                return pushed

            return push

        with self._pushing([pusher(loss) for loss in self.losses]):
            yield

    @contextmanager
    def _pushing(self, pushes: Sequence[Callable[[Maps], Maps]]) -> Iterator[None]:
        for mask, push in zip(self._masks, pushes, strict=True):
            mask.push = push
        try:
            yield
        finally:
            for mask in self._masks:
                mask.push = None
