"""Guided backprop: the gradient along the paths that were open and only ever helped.

Springenberg, Dosovitskiy, Brox & Riedmiller, "Striving for Simplicity: The All Convolutional Net", ICLR 2015 workshop,
arXiv:1412.6806, section 3.4: each rectifier passes the positive part of the signal where it was open,

    R_l = 1[f_l > 0] * max(R_(l+1), 0)
"""

from jaxtyping import Float
from torch import Tensor

from whynet.attribution.gradient import gradients
from whynet.attribution.rectifiers import rectifier_rules
from whynet.attribution.signal import Model, Target, Units

RULES = rectifier_rules(lambda signal: signal.clamp_(min=0), gated=True)


def guided_backprop(
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
) -> Float[Tensor, "batch ..."]:
    """The guided gradient of each image; arguments and errors are those of `gradient.gradients`.

    Returns:
        Signed, (batch, channels, rows, columns) as the layer has them; with units one more axis behind the batch.
    """
    return gradients(model, images, target, layer=layer, source=source, units=units, rules=RULES)
