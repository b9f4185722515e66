"""Introspection: the activations of named layers, recorded in one forward pass, and r(x) built from them.

Barratt, "InterpNET: Neural Introspection for Interpretable Deep Learning", 2017, arXiv:1710.09511, section 2.2:

    r(x) = [f_1, f_2, ..., f_n]

f_1 .. f_n are the activations of the network on x, f_n the class probabilities; the gradient is stopped at r(x).

Differs from the paper: any network, so a map (batch, channels, rows, columns) is averaged over space, and tokens
(batch, tokens, channels) over the tokens. A module that runs several times in one forward is recorded each time. Of a
module that returns a tuple, or an output object of transformers, the first element is recorded.

Networks such as timm's Swin keep the channels last. A map is recorded as (batch, channels, rows, columns) all the same;
where its channels are is known from, in this order: the kind of layer (a linear layer or a plain layer norm has them
last, a convolution or a batch norm first); the two axes that have the shape of the images; timm's `output_fmt`. What
all of these leave open (an inner map with as many channels as rows and columns) is taken to have them first. Three axes
are always taken for tokens.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from whynet.base.errors import SubjectError
from whynet.base.seeding import numpy_generator
from whynet.base.types import Images, Logits, Probabilities, Reading
from whynet.models.subject import Subject

Segments: TypeAlias = tuple[tuple[str, int], ...]
"""The parts of r(x), in order: each one's name and number of entries."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """What one forward pass left behind.

    Args:
        activations: By layer name, in the order asked for; maps are (batch, channels, rows, columns). A module that
            ran n > 1 times has n entries, "name:0" to "name:n-1", in the order of its calls.
        logits: The network's output.
    """

    activations: dict[str, Tensor]
    logits: Logits

    @property
    def probabilities(self) -> Probabilities:
        """The softmax of the logits."""
        return self.logits.softmax(1)


class Introspection:
    """Records layers of a subject by their dotted names.

    Args:
        subject: The network; it is left as it was, in its modes, hooks and parameters.
        layers: Dotted names; the output of each is recorded. "name:1" is the second call of a module that is reused.
        probabilities: Whether r(x) ends with the class probabilities.

    Raises:
        SubjectError: A layer does not exist (near names are listed), is named twice, or nothing is left to read.
    """

    def __init__(self, subject: Subject, layers: Sequence[str], *, probabilities: bool = True) -> None:
        self.subject = subject
        self.layers = tuple(layers)
        self.probabilities = probabilities
        whole_and_call = any(
            _module_name(layer) in self.layers for layer in self.layers if _module_name(layer) != layer
        )
        if len(set(self.layers)) < len(self.layers) or whole_and_call:
            raise SubjectError(f"each layer can be named once, whole or by its calls, not {', '.join(self.layers)}")
        if not self.layers and not probabilities:
            raise SubjectError("r(x) needs at least one layer or the class probabilities; name a layer")
        for layer in self.layers:
            subject.layer(_module_name(layer))

    def record(self, images: Images) -> Recording:
        """One forward pass in evaluation mode, without gradients.

        Raises:
            SubjectError: A layer did not run, did not return a tensor, or held NaN; or the output is not logits.
        """
        calls: dict[str, list[Any]] = {_module_name(layer): [] for layer in self.layers}
        thread = threading.get_ident()
        handles = []

        def keep(name: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                if threading.get_ident() == thread:  # another thread may run the same network meanwhile
                    first = _first(output)
                    # A copy: an in-place ReLU after this layer would overwrite what was recorded.
                    calls[name].append(first.detach().clone() if isinstance(first, Tensor) else output)

            return hook

        try:
            for name in calls:
                handles.append(self.subject.layer(name).register_forward_hook(keep(name)))
            logits = self.subject.logits(images)
        finally:
            for handle in handles:
                handle.remove()
        return Recording(activations=self._named(calls, images), logits=logits)

    def read(self, images: Images) -> tuple[Reading, Logits]:
        """r(x) and the logits of a batch; r(x) holds the layers in the order asked for, then the probabilities."""
        recording = self.record(images)
        parts = [_pooled(layer, activation, len(images)) for layer, activation in recording.activations.items()]
        if self.probabilities:
            parts.append(recording.probabilities)
        return torch.cat([part.float() for part in parts], 1), recording.logits  # (B, R)

    def segments(self) -> Segments:
        """The parts of r(x), in order: each layer asked for, with all its calls, then "probabilities" where it ends so.

        Raises:
            SubjectError: As `record`, which looks at a picture of noise.
        """
        noise = numpy_generator(0, "segments").integers(0, 256, (64, 64, 3), np.uint8)
        sizes = dict.fromkeys(self.layers, 0)
        for key, activation in self.record(self.subject.preprocess([noise])).activations.items():
            layer = key if key in sizes else _module_name(key)
            sizes[layer] += _pooled(key, activation, 1).shape[1]
        ending = (("probabilities", len(self.subject.class_names)),) if self.probabilities else ()
        return (*sizes.items(), *ending)

    def vectors(self, layer: str, output: Any, images: Images) -> Reading:
        """One vector an image of what a module returned, as `read` makes it, and gradients flow through it.

        Args:
            layer: The module's dotted name.
            output: That it returned.
            images: That the network was given.

        Raises:
            SubjectError: It returned no tensor, one with NaN, or one of another shape than vectors, tokens or maps.
        """
        activation = self._channels_first(layer, _checked(layer, _first(output)), images)
        return _pooled(layer, activation, len(images))

    def _channels_first(self, name: str, activation: Tensor, images: Images) -> Tensor:
        sides = (images.shape[2], images.shape[3])
        if activation.ndim == 4 and self._has_channels_last(name, activation, sides):
            return activation.permute(0, 3, 1, 2)  # (B, H, W, D) -> (B, D, H, W)
        return activation

    def _named(self, calls: dict[str, list[Any]], images: Images) -> dict[str, Tensor]:
        activations: dict[str, Tensor] = {}
        for layer in self.layers:
            name = _module_name(layer)
            found = calls[name]
            if not found:
                raise SubjectError(f"layer {name!r} did not run in the forward pass; name one that does")
            numbered = {name: found[0]} if len(found) == 1 else {f"{name}:{i}": call for i, call in enumerate(found)}
            chosen = numbered if layer == name else {layer: numbered.get(layer)}
            for key, activation in chosen.items():
                if activation is None:
                    times = "once; name it without a call" if len(found) == 1 else f"{len(found)} times, from 0 on"
                    raise SubjectError(f"there is no call {layer!r}, since layer {name!r} ran {times}")
                activations[key] = self._channels_first(name, _checked(key, activation), images)
        return activations

    def _has_channels_last(self, name: str, activation: Tensor, image_sides: tuple[int, int]) -> bool:
        """Whether a map is (batch, rows, columns, channels)."""
        module = self.subject.layer(name)
        if type(module) in (nn.Linear, nn.LayerNorm):  # not their subclasses, some of which move the axes
            return True
        if isinstance(module, (_ConvNd, _BatchNorm)):
            return False
        _, first, second, third = activation.shape
        fits_last, fits_first = _has_shape_of(first, second, image_sides), _has_shape_of(second, third, image_sides)
        if fits_last != fits_first:
            return fits_last
        parents = [".".join(name.split(".")[:depth]) for depth in range(name.count(".") + 1, 0, -1)]
        enclosing = [*(self.subject.layer(parent) for parent in parents), self.subject.network]
        formats = (getattr(parent, "output_fmt", None) for parent in enclosing)
        return next((form == "NHWC" for form in formats if form is not None), False)


def _has_shape_of(rows: int, columns: int, image_sides: tuple[int, int]) -> bool:
    """Whether a map could be a smaller image: square for square images, else alike to within one position."""
    height, width = image_sides
    return abs(rows * width - columns * height) <= (0 if height == width else max(height, width))


def _first(output: Any) -> Any:
    """The first element of a tuple or of transformers' output, which is a dictionary with a method `to_tuple`."""
    if isinstance(output, dict) and hasattr(output, "to_tuple"):
        output = output.to_tuple()
    return output[0] if isinstance(output, (tuple, list)) and output else output


def _module_name(layer: str) -> str:
    """The module of "name" or "name:call"."""
    name, colon, call = layer.rpartition(":")
    return name if colon and call.isdecimal() else layer


def _checked(layer: str, activation: Any) -> Tensor:
    if not isinstance(activation, Tensor):
        raise SubjectError(
            f"layer {layer!r} returned a {type(activation).__name__}, not a tensor; name a layer inside it"
        )
    if not activation.detach().isfinite().all():  # a look, not a step on the way of a gradient
        raise SubjectError(
            f"layer {layer!r} holds NaN or infinite activations; check the weights and the input's range"
        )
    return activation


def _pooled(layer: str, activation: Tensor, num_images: int) -> Tensor:
    """One vector an image: maps are averaged over space, tokens over the tokens."""
    if activation.ndim > 1 and len(activation) != num_images:
        raise SubjectError(
            f"layer {layer!r} has {len(activation)} rows for {num_images} images (windows of them, perhaps); name the "
            "layer around it"
        )
    if activation.ndim == 2:
        return activation  # (B, D)
    if activation.ndim == 3:
        return activation.mean(1)  # (B, T, D) -> (B, D)
    if activation.ndim > 3:
        return activation.flatten(2).mean(2)  # (B, D, H, W) -> (B, D)
    raise SubjectError(f"layer {layer!r} has shape {tuple(activation.shape)}; a batch of vectors or maps was expected")
