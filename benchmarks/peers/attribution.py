"""Captum's, zennit's and TorchRay's heat maps; TorchRay was written for torch 1.1 and still runs."""

from collections.abc import Callable

import torch
from captum.attr import Deconvolution, GuidedBackprop, Saliency
from torch import Tensor, nn
from torchray.attribution.common import resize_saliency  # noqa: F401  (its package must load before its methods)
from torchray.attribution.deconvnet import deconvnet
from torchray.attribution.excitation_backprop import contrastive_excitation_backprop, excitation_backprop
from torchray.attribution.gradient import gradient
from torchray.attribution.guided_backprop import guided_backprop
from zennit.attribution import Gradient
from zennit.composites import DeconvNet, ExcitationBackprop
from zennit.composites import GuidedBackprop as ZennitGuided

Work = Callable[[], object]


def methods(network: nn.Module, images: Tensor, target: int, middle: str, last: str) -> dict[str, Work]:
    """Each peer's call for one class of each image.

    Args:
        network: In evaluation mode.
        images: The batch.
        target: The class.
        middle: The layer at which the middle maps are read.
        last: The layer below the logits, where TorchRay's contrastive variant subtracts.
    """
    classes = torch.full((len(images),), target)
    one_hot = torch.eye(network(images[:1]).shape[1])[classes]

    def zennit(composite: type) -> Work:
        def call() -> Tensor:
            with Gradient(network, composite()) as attributor:
                return attributor(images, one_hot)[1]

        return call

    def torchray(method: Callable[..., Tensor], **options: str) -> Work:
        return lambda: method(network, images.clone(), target, **options)

    return {
        "captum.saliency": lambda: Saliency(network).attribute(images.clone().requires_grad_(), classes),
        "captum.guided_backprop": lambda: GuidedBackprop(network).attribute(images.clone().requires_grad_(), classes),
        "captum.deconvnet": lambda: Deconvolution(network).attribute(images.clone().requires_grad_(), classes),
        "zennit.guided_backprop": zennit(ZennitGuided),
        "zennit.deconvnet": zennit(DeconvNet),
        "zennit.excitation_input": zennit(ExcitationBackprop),
        "torchray.saliency": torchray(gradient),
        "torchray.guided_backprop": torchray(guided_backprop),
        "torchray.deconvnet": torchray(deconvnet),
        "torchray.excitation_input": torchray(excitation_backprop),
        "torchray.excitation_middle": torchray(excitation_backprop, saliency_layer=middle),
        "torchray.contrastive_middle": torchray(
            contrastive_excitation_backprop, saliency_layer=middle, contrast_layer=last
        ),
    }
