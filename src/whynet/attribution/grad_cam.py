"""Grad-CAM: the channels of a layer, weighted by how much the class score rises with each.

Selvaraju, Cogswell, Das, Vedantam, Parikh & Batra, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", ICCV 2017, arXiv:1610.02391, equations 1 and 2:

    alpha_k = mean over positions of dy_c / dA_k,   L = max(sum_k alpha_k A_k, 0)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.backward_rules import BackwardRules
from whynet.attribution.passage import channel_axis, network_of, run
from whynet.attribution.signal import Model, Target, Units, check_question, read_back
from whynet.base.errors import SettingError


def grad_cam(
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
) -> Float[Tensor, "batch ..."]:
    """The class activation map at a layer, which must be named; arguments and errors as `gradient.gradients`.

    Returns:
        (batch, rows, columns), at least 0; with units (batch, units, rows, columns). A layer of tokens gives
        (batch, tokens).
    """
    check_question(target, source, units)
    if layer is None:
        raise SettingError("Grad-CAM weights the channels of a layer; name one, best the last convolutional one")
    network = network_of(model)
    passage = run(network, images, BackwardRules({}, network), layer=layer, source=source)
    if passage.leaf.ndim < 3:
        raise SettingError(
            f"Grad-CAM needs maps, and layer {layer!r} has shape {tuple(passage.leaf.shape)}; name one before it"
        )
    channels = channel_axis(passage.leaf.ndim)
    activations = passage.leaf.detach().to(torch.promote_types(passage.leaf.dtype, torch.float32))
    positions = [axis for axis in range(1, activations.ndim) if axis != channels]

    def weighted(slopes: Tensor) -> Tensor:
        return (slopes.mean(positions, keepdim=True) * activations).sum(channels).clamp(min=0)

    return read_back(passage, target, units, weighted)
