"""The methods by name, ours and Captum's, each with one map for an image: what comparing and measuring them needs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

from whynet.attribution.captum_methods import CAPTUM_METHODS
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
"""Our own, which answer for any layer and any unit."""
SIGNED = frozenset({"deconvnet", "guided_backprop", *CAPTUM_METHODS} - {"captum.saliency"})
"""Methods whose maps have signs."""
_OF_CHANNELS = SIGNED | {"captum.saliency"}
"""Methods whose maps have the layer's channels; the others have summed them up or taken their maximum."""


def method_named(name: str) -> Method:
    """The method of a name; raises `SettingError` that lists the names there are."""
    known = {**METHODS, **CAPTUM_METHODS}
    if name not in known:
        raise SettingError(f"method {name!r} is unknown; the methods are {', '.join(known)}")
    return known[name]


def heat_map(
    name: str,
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
    signed: bool = False,
) -> Float[Tensor, "batch ..."]:
    """A method's map with its channels reduced to one number, the greatest size among them as in saliency.

    Args:
        name: Of `METHODS` or `captum_methods.CAPTUM_METHODS`.
        model: As the method takes it, and the next five.
        images: See there.
        target: See there.
        layer: See there.
        source: See there.
        units: See there.
        signed: Whether methods that are `SIGNED` give the sum over their channels instead, with its sign.

    Returns:
        (batch, rows, columns), at least 0 unless it is signed; with units (batch, units, rows, columns).
    """
    found = method_named(name)(model, images, target, layer=layer, source=source, units=units)
    if name not in _OF_CHANNELS:
        return found
    shift = 0 if units is None else 1
    channels = channel_axis(found.ndim - shift) + shift
    return found.sum(channels) if signed and name in SIGNED else found.abs().amax(channels)
