"""Deconvnet: what in the image a unit saw, found by running the network backwards.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, arXiv:1311.2901, section 2.1:
filters are transposed, max pooling is undone by its switches (the places of the maxima), and each rectifier passes the
positive part of the signal, whatever came in on the way up:

    R_l = max(R_(l+1), 0)
"""

from jaxtyping import Float
from torch import Tensor

from whynet.attribution.gradient import gradients
from whynet.attribution.rectifiers import rectifier_rules
from whynet.attribution.signal import Model, Target, Units

RULES = rectifier_rules(lambda signal: signal.clamp(min=0), gated=False)


def deconvnet(
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
) -> Float[Tensor, "batch ..."]:
    """The reconstruction for each image; arguments and errors are those of `gradient.gradients`.

    Returns:
        Signed, (batch, channels, rows, columns) as the layer has them; with units one more axis behind the batch.
    """
    return gradients(model, images, target, layer=layer, source=source, units=units, rules=RULES)
