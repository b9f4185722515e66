"""The methods by name, each with one non-negative map for an image: what comparing and measuring them needs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

from whynet.attribution.deconvnet import deconvnet
from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.attribution.grad_cam import grad_cam
from whynet.attribution.guided_backprop import guided_backprop
from whynet.attribution.passage import channel_axis
from whynet.attribution.saliency import saliency
from whynet.attribution.signal import Model, Target, Units
from whynet.base.errors import SettingError

Method: TypeAlias = Callable[..., Tensor]
"""Called as `method(model, images, target, layer=..., source=..., units=...)`."""

METHODS: Mapping[str, Method] = {
    "saliency": saliency,
    "deconvnet": deconvnet,
    "guided_backprop": guided_backprop,
    "grad_cam": grad_cam,
    "excitation_backprop": excitation_backprop,
    "contrastive_excitation_backprop": partial(excitation_backprop, contrastive=True),
}
SIGNED = frozenset({"deconvnet", "guided_backprop"})
"""Methods whose maps have the layer's channels; the others have summed them up or taken their maximum."""


def method_named(name: str) -> Method:
    """The method of a name; raises `SettingError` that lists the names there are."""
    if name not in METHODS:
        raise SettingError(f"method {name!r} is unknown; the methods are {', '.join(METHODS)}")
    return METHODS[name]


def heat_map(
    name: str,
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
) -> Float[Tensor, "batch ..."]:
    """A method's map with its channels reduced to one number, the greatest size among them as in saliency.

    Returns:
        (batch, rows, columns), at least 0; with units (batch, units, rows, columns).
    """
    found = method_named(name)(model, images, target, layer=layer, source=source, units=units)
    if name not in SIGNED:
        return found
    shift = 0 if units is None else 1
    return found.abs().amax(channel_axis(found.ndim - shift) + shift)
