"""Where Grad-CAM and excitation backprop are read where nobody says where: at the last convolutional layer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from whynet.attribution.passage import Reached, layer_of, listening, network_of
from whynet.attribution.signal import Model
from whynet.base.errors import SubjectError
from whynet.models.subject import evaluating

NEEDS_MAPS = frozenset({"grad_cam", "excitation_backprop", "contrastive_excitation_backprop"})
"""Methods that are read at a layer of maps: Grad-CAM knows no other, and excitation backprop no signed input."""


def last_convolutional_layer(model: Model, images: Tensor, *, source: str | None = None) -> str:
    """The name of the last layer at the resolution of the last convolution.

    That is the convolution's own batch norm, rectifier or block, whichever ends last and runs once: "features.29" of
    VGG-16, "layer4" of a ResNet. A convolution of one position, as within a gate, counts only where there is no other.

    Args:
        model: Any classifier; run once in evaluation mode.
        images: Preprocessed; one is enough.
        source: The layer whose units are explained: only what has run before it counts.

    Raises:
        SubjectError: There is no convolution, or no such source.
    """
    network = network_of(model)
    ended: list[tuple[str, bool, tuple[int, ...]]] = []

    def note(name: str, is_convolution: bool) -> Callable[[Any], None]:
        def hook(output: Any) -> None:
            if name == source:
                raise Reached
            size = tuple(output.shape[2:]) if isinstance(output, Tensor) and output.ndim == 4 else ()
            ended.append((name, is_convolution, size))

        return hook

    if source is not None:
        layer_of(network, source)
    modules = [(name, module) for name, module in network.named_modules() if name]
    hooks = [(module, note(name, isinstance(module, nn.Conv2d))) for name, module in modules]
    with listening(hooks), evaluating(network), torch.no_grad():
        network(images[:1].detach().clone())
    return _last(ended, network)


def _last(ended: list[tuple[str, bool, tuple[int, ...]]], network: nn.Module) -> str:
    names = [name for name, _, _ in ended]
    places = [place for place, (_, is_convolution, size) in enumerate(ended) if is_convolution and size]
    wide = [place for place in places if ended[place][2] != (1, 1)] or places
    if not wide:
        raise SubjectError(
            f"{type(network).__name__} runs no convolution before what is explained; name a layer of maps"
        )
    size, after = ended[wide[-1]][2], ended[wide[-1] :]
    # Up to where the resolution changes: what has it by chance further on is another thing. A gate has one position.
    end = next((place for place, (_, _, own) in enumerate(after) if own not in (size, (), (1, 1))), len(after))
    once = [name for name, _, own in after[:end] if own == size and names.count(name) == 1]
    return once[-1] if once else after[0][0]
