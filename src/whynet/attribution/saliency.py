"""Saliency: how much each pixel would change the class score.

Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency
Maps", ICLR 2014 workshop, arXiv:1312.6034, section 3; equation (7) of Zhang & Zhu's survey, arXiv:1802.00614:

    S(x, y) = max over channels k of |dy_c / dI(k, x, y)|
"""

from jaxtyping import Float
from torch import Tensor

from whynet.attribution.gradient import gradients
from whynet.attribution.passage import channel_axis
from whynet.attribution.signal import Model, Target, Units


def saliency(
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
) -> Float[Tensor, "batch ..."]:
    """The saliency map of each image; arguments and errors are those of `gradient.gradients`.

    Returns:
        (batch, rows, columns), at least 0; with units (batch, units, rows, columns). A layer of tokens gives
        (batch, tokens), one of vectors (batch,).
    """
    found = gradients(model, images, target, layer=layer, source=source, units=units, rules={})
    shift = 0 if units is None else 1
    return found.abs().amax(channel_axis(found.ndim - shift) + shift)
