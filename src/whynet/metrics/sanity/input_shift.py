"""Input shift: does the map stay, if the same constant is added to every image and the network does not see it?

Kindermans, Hooker, Adebayo, Alber, Schuett, Daehne, Erhan & Kim, "The (Un)reliability of Saliency Methods", 2017,
arXiv:1711.00867, section 3. With w and b of a network's first layer,

    f'(x + s) = f(x)   where   b' = b - w s

for every image x. Both networks compute the same thing on pictures that show the same, so a method that gives them
different maps tells of the numbers in which a picture was written, not of the picture.

Zero padding breaks the correction at the border, since 0 is not what 0 + s is; so the first layer of f' pads with s.
That all logits agree is checked before any map is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from whynet.base.errors import SettingError, SubjectError
from whynet.metrics.sanity.likeness import rank_correlation, relative_difference
from whynet.metrics.sanity.parameter_randomisation import Explain, copied

TOLERANCE = 1e-3
"""How far the logits of f' may lie from those of f by rounding, as a share of the largest logit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShiftChange:
    """What a shift that the network does not see does to the maps.

    Args:
        relative_change: L1 distance of both maps of each image, as a share of the larger one's size; 0 is good.
        rank_correlation: Of both maps of each image, in [-1, 1]; 1 is good.
        logit_difference: The largest difference of a logit of f and f', by rounding.
    """

    relative_change: Float[Tensor, " batch"]
    rank_correlation: Float[Tensor, " batch"]
    logit_difference: float


def input_shift_change(
    explain: Explain, network: nn.Module, images: Tensor, shift: float | Sequence[float]
) -> ShiftChange:
    """Compare the map of f at x with that of f' at x + s.

    Args:
        explain: The method.
        network: f; it is left as it is.
        images: x, preprocessed.
        shift: s, in the unit of the images: one number, or one a channel.

    Raises:
        SettingError, SubjectError: As `shifted_network`.
    """
    shifted, difference = _shifted(network, images, shift)
    before, after = explain(network, images), explain(shifted, images + _constant(images, shift))
    return ShiftChange(
        relative_change=relative_difference(before, after),
        rank_correlation=rank_correlation(before, after),
        logit_difference=difference,
    )


def shifted_network(network: nn.Module, images: Tensor, shift: float | Sequence[float]) -> nn.Module:
    """A copy f' of the network with f'(x + s) = f(x): its first convolution or linear layer has another bias.

    What comes before that layer may reshape the images, or scale and shift them by constants.

    Args:
        network: f; it is left as it is.
        images: Some x to check the equality on.
        shift: s: one number, or one a channel.

    Returns:
        In evaluation mode; its layers have the names of f's.

    Raises:
        SettingError: There is not one number, nor one a channel.
        SubjectError: The network cannot be copied, has no such layer at its beginning, or the logits are not equal.
    """
    return _shifted(network, images, shift)[0]


def _shifted(network: nn.Module, images: Tensor, shift: float | Sequence[float]) -> tuple[nn.Module, float]:
    """f', and the largest difference of a logit."""
    moved = images + _constant(images, shift)
    changed = copied(network)
    expected = _logits(changed, images)
    name, before, after = _first_layer(changed, images, moved)
    difference = after.cpu().double() - before.cpu().double()
    layer = changed.get_submodule(name)
    axis = 1 if isinstance(layer, _ConvNd) else difference.ndim - 1
    if isinstance(layer, _ConvNd) and difference.ndim < layer.weight.ndim:  # without a batch axis
        difference = difference[None]
    own = difference.movedim(axis, 0).flatten(1)  # (channels, positions)
    steps = own.mean(1)
    if float((own - steps[:, None]).abs().max()) > TOLERANCE * max(1.0, float(steps.abs().max())):
        raise SubjectError(
            f"the first layer, {name!r}, was expected to see the shift as a constant, but it sees "
            f"{float(own.min()):.3g} to {float(own.max()):.3g}, so no bias can undo it; give the network from there on"
        )
    _correct(layer, steps)
    error = float((_logits(changed, moved) - expected).abs().max())
    if error > TOLERANCE * max(1.0, float(expected.abs().max())):
        raise SubjectError(
            f"f'(x + s) = f(x) was expected, but a logit differs by {error:.3g}: the images are used elsewhere than in "
            f"the first layer, {name!r}, or it pads in a way of its own; the shift cannot be hidden from this network"
        )
    return changed, error


def _correct(layer: Any, steps: Float[Tensor, " channels"]) -> None:
    """Take what the shift adds out of the bias, and pad with the shift where there was zero padding."""
    weight = layer.weight.detach().cpu().double()
    if isinstance(layer, _ConvNd):
        kernel = weight.flatten(2).sum(2).unflatten(0, (layer.groups, -1))  # (groups, out / groups, in / groups)
        added = (kernel * steps.view(layer.groups, 1, -1)).sum(2).flatten()
    else:
        added = weight @ steps
    bias = -added if layer.bias is None else layer.bias.detach().cpu().double() - added
    layer.bias = nn.Parameter(bias.to(layer.weight), requires_grad=layer.weight.requires_grad)
    if isinstance(layer, _ConvNd) and layer.padding_mode == "zeros" and any(layer._reversed_padding_repeated_twice):
        pads, values = list(layer._reversed_padding_repeated_twice), steps.tolist()
        layer.padding = (0,) * len(layer.kernel_size)
        layer.register_forward_pre_hook(lambda _layer, inputs: (_padded(inputs[0], pads, values), *inputs[1:]))


def _padded(x: Tensor, pads: list[int], values: list[float]) -> Tensor:
    """Each channel padded with a value of its own."""
    if len(set(values)) == 1:
        return F.pad(x, pads, value=values[0])
    return torch.cat([F.pad(x[:, k : k + 1], pads, value=value) for k, value in enumerate(values)], 1)


def _first_layer(network: nn.Module, images: Tensor, moved: Tensor) -> tuple[str, Tensor, Tensor]:
    """The first convolution or linear layer that runs, with what it is given for either batch."""
    names = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, (nn.Linear, _ConvNd)) and not isinstance(module, _ConvTransposeNd)
    }
    seen: list[list[tuple[str, Tensor]]] = []

    def look(name: str) -> Any:
        return lambda _module, inputs: seen[-1].append((name, inputs[0].detach().clone())) if inputs else None

    handles = [module.register_forward_pre_hook(look(name)) for name, module in names.items()]
    try:
        for batch in (images, moved):
            seen.append([])
            with torch.no_grad():
                network(batch)
    finally:
        for handle in handles:
            handle.remove()
    if not seen[0]:
        raise SubjectError(
            "the network was expected to begin with a convolution or a linear layer as a module, but none ran; the "
            "shift cannot be hidden from it"
        )
    (name, before), (_, after) = seen[0][0], seen[1][0]
    if [own for own, _ in seen[0]].count(name) > 1:
        raise SubjectError(
            f"the first layer, {name!r}, runs several times, so its bias cannot hide a shift of the images alone"
        )
    return name, before, after


def _constant(images: Tensor, shift: float | Sequence[float]) -> Tensor:
    values = torch.as_tensor(shift, dtype=images.dtype, device=images.device)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != images.shape[1]) or not values.isfinite().all():
        raise SettingError(
            f"a finite shift, one number or one for each of {images.shape[1]} channels, was expected, not {shift}"
        )
    return values.view(-1, *[1] * (images.ndim - 2)) if values.ndim else values


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        output = network(images)
    logits = getattr(output, "logits", output)
    if not isinstance(logits, Tensor):
        raise SubjectError(f"the network must return logits, not a {type(output).__name__}; wrap it so that it does")
    return logits.cpu().double()
