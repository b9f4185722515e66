"""One forward pass from the layer whose map is wanted to the unit that is explained.

    images --(no graph)--> layer --(graph, with the rules of a method)--> source --(not computed)--> logits

`layer` None is the input, `source` None the logits. Before the layer no graph is kept, and behind the source nothing
is computed.
"""

import inspect
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from whynet.attribution.backward_rules import BackwardRules
from whynet.base.errors import SettingError, SubjectError
from whynet.models.subject import Subject, device_of, evaluating, logits_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """What a forward pass left behind.

    Args:
        leaf: What the layer returned (the images, where it is the input); the signal is read here.
        output: What the source returned, attached to `leaf`.
    """

    leaf: Tensor
    output: Tensor

    def back(self, signal: Tensor, *, keep: bool = False) -> Tensor:
        """The signal at the leaf, given that at the output, in the leaf's shape.

        Args:
            signal: Of the shape of `output`.
            keep: Whether another signal will be sent the same way.

        Raises:
            SubjectError: Nothing leads from the layer to the source, or the network recomputes on the way back.
        """
        kind = self.leaf.device.type
        plain = torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
        with torch.inference_mode(False), plain:
            try:
                (found,) = torch.autograd.grad(self.output, self.leaf, signal, retain_graph=keep, allow_unused=True)
            except RuntimeError as error:  # also `CheckpointError`
                if "checkpoint" not in f"{type(error).__name__} {error}".lower():
                    raise
                raise SubjectError(
                    "the network recomputes activations on the way back, where no rule can reach them; switch gradient "
                    "checkpointing off (set_grad_checkpointing(False), memory_efficient=False)"
                ) from error
        if found is None:
            raise _cut("the layer")
        return found


def _cut(where: str) -> SubjectError:
    return SubjectError(
        f"nothing leads from {where} to what is explained; name a layer before it, or look whether the network "
        "detaches a tensor or switches gradients off"
    )


class Reached(BaseException):
    """The source has run, so the rest of the forward is of no use; no `except Exception` of a network stops it."""


@contextmanager
def listening(hooks: Iterable[tuple[nn.Module, Callable[[Any], Any]]]) -> Iterator[None]:
    """A forward in which hooks get what their modules return, in this thread alone, and may break it off by `Reached`.

    Args:
        hooks: Each a module and a function of its output, which returns what to put in its place, or None.
    """
    thread = threading.get_ident()

    def heard(hook: Callable[[Any], Any]) -> Callable[..., Any]:
        return lambda _module, _inputs, output: hook(output) if threading.get_ident() == thread else None

    handles = []
    try:
        for module, hook in hooks:
            handles.append(module.register_forward_hook(heard(hook)))
        with suppress(Reached):
            yield
    finally:
        for handle in handles:
            handle.remove()


def network_of(model: nn.Module | Subject) -> nn.Module:
    """The network that is run, without the wrapper of `torch.compile`, which would hide its operations.

    Raises:
        SettingError: It is no network.
        SubjectError: It is scripted or quantised, or takes something else than a batch of images.
    """
    network: object = model.network if isinstance(model, Subject) else model
    if not isinstance(network, nn.Module):
        raise SettingError(
            f"a torch.nn.Module or a whynet.Subject was expected, not a {type(network).__name__}; whynet.open_subject "
            "opens a run or a network by its name"
        )
    if isinstance(network, torch.jit.ScriptModule):
        raise SubjectError("a scripted network hides its operations; give the network that it was made from")
    original = getattr(network, "_orig_mod", None)
    if isinstance(original, nn.Module):
        warnings.warn("a compiled network is explained without its compilation, which hides operations", stacklevel=3)
        network = original
    if any(
        isinstance(getattr(module, "_orig_mod", None), nn.Module) or getattr(module, "_compiled_call_impl", None)
        for module in network.modules()
    ):
        raise SubjectError("a part of the network is compiled, which hides operations; give it as it was before")
    kinds = [type(module).__module__ for module in network.modules()]
    if any(kind.startswith("torch.") and ".quantized" in kind for kind in kinds):
        raise SubjectError("quantised weights have no gradients; explain the network before it was quantised")
    with suppress(ValueError):  # a forward whose arguments cannot be known
        arguments = inspect.signature(network.forward)
        try:
            arguments.bind(None)
        except TypeError as error:
            raise SubjectError(
                f"a network that takes one batch of images was expected, not forward{arguments}; wrap it so that it "
                "does"
            ) from error
    return network


def layer_of(network: nn.Module, name: str) -> nn.Module:
    """The module of a dotted name; raises `SubjectError` that lists near names."""
    if not isinstance(name, str):
        raise SettingError(f"a layer is called by its dotted name, as 'layer3.1', not by a {type(name).__name__}")
    return Subject(network, class_names=("any",), preprocess=lambda _: torch.empty(0)).layer(name)


def run(
    network: nn.Module, images: Tensor, rules: BackwardRules, *, layer: str | None = None, source: str | None = None
) -> Passage:
    """One forward pass in evaluation mode, under `rules`, wherever gradients are switched off.

    Raises:
        SettingError: The images are no batch of floating-point pictures, or there are none.
        SubjectError: A layer does not exist or did not run, ran several times, or held NaN; or the output is no logits.
    """
    check_images(images, network)
    caught: dict[str, Tensor] = {}

    def at_layer(output: Any) -> Tensor:
        if "layer" in caught:
            raise SubjectError(f"layer {layer!r} runs several times in a forward pass; name one that runs once")
        caught["layer"] = leaf = _checked(layer, output).detach().requires_grad_()
        if layer == source:
            caught["source"] = leaf.clone()
            raise Reached
        return leaf.clone()  # what follows may change it in place

    def at_source(output: Any) -> None:
        caught["source"] = _checked(source, output)
        raise Reached

    wanted: dict[str | None, Callable[[Any], Any]] = {layer: at_layer}
    wanted.setdefault(source, at_source)  # where both are one, `at_layer` does both
    hooks = [(layer_of(network, name), hook) for name, hook in wanted.items() if name is not None]
    with listening(hooks), torch.inference_mode(False), torch.enable_grad(), evaluating(network), rules:
        entry = images.detach().clone()  # the network may change it in place
        if layer is None:
            caught["layer"] = entry.requires_grad_()
            entry = entry.clone()
        rules.begin(entry)
        caught["logits"] = _checked("output", logits_of(network(entry)))
    return _passage(caught, layer, source)


def output_of(network: nn.Module, images: Tensor, layer: str, *, under: BackwardRules | None = None) -> Tensor:
    """What a layer returns, the first time it runs, in evaluation mode, without a graph and nothing behind it computed.

    Args:
        network: Left as it was.
        images: Preprocessed.
        layer: Its dotted name.
        under: A mode that sees the operations before the layer.

    Raises:
        SettingError: The images are no batch of floating-point pictures, or there are none.
        SubjectError: The layer does not exist, did not run, returned no tensor, or held NaN.
    """
    check_images(images, network)
    caught: list[Any] = []

    def at_layer(output: Any) -> None:
        caught.append(output)
        raise Reached

    hooks = [(layer_of(network, layer), at_layer)]
    with listening(hooks), torch.inference_mode(False), torch.no_grad(), evaluating(network), under or nullcontext():
        entry = images.detach().clone()  # the network may change it in place
        if under is not None:
            under.begin(entry)
        network(entry)
    if not caught:
        raise SubjectError(f"layer {layer!r} did not run in the forward pass; name one that does")
    return _checked(layer, caught[0])


def _passage(caught: dict[str, Tensor], layer: str | None, source: str | None) -> Passage:
    if source is not None and "source" not in caught:
        raise SubjectError(f"layer {source!r} did not run in the forward pass; name one that does")
    if "layer" not in caught:
        raise SubjectError(
            f"layer {layer!r} did not run before {source!r}; name one that leads to it"
            if source
            else f"layer {layer!r} did not run in the forward pass; name one that does"
        )
    output = caught["source"] if source is not None else caught["logits"]
    if source is None and output.ndim != 2:
        raise SubjectError(
            f"the network must return logits of shape (batch, classes), not {tuple(output.shape)}; wrap it so that it "
            "does"
        )
    if not output.requires_grad:
        raise _cut("the images" if layer is None else f"layer {layer!r}")
    return Passage(leaf=caught["layer"], output=output)


def channel_axis(num_axes: int) -> int:
    """Of what a layer returns: three axes are (batch, tokens, channels), all others (batch, channels, ...)."""
    return 2 if num_axes == 3 else 1


def is_finite(values: Tensor) -> bool:
    """Whether no entry is NaN or infinite; the ends tell, many times faster than a look at each entry."""
    return not values.numel() or all(bool(end.isfinite()) for end in values.detach().aminmax())


def check_images(images: object, network: nn.Module) -> None:
    """Raise `SettingError` unless these are a batch of finite images of the network's floating-point type."""
    if not isinstance(images, Tensor):
        raise SettingError(
            f"a batch of images (batch, channels, height, width) was expected, not a {type(images).__name__}"
        )
    takes_pictures = any(isinstance(module, nn.Conv2d) for module in network.modules())
    if images.ndim < 2 or (images.ndim == 3 and images.shape[0] in (1, 3) and takes_pictures):
        raise SettingError(
            f"a batch of images (batch, channels, height, width) was expected, not shape {tuple(images.shape)}; add an "
            "axis for the batch: images[None]"
        )
    if not len(images):
        raise SettingError("at least one image was expected, and the batch is empty")
    if not images.is_floating_point():
        raise SettingError(f"preprocessed images are floating-point numbers, not {images.dtype}; preprocess them first")
    own = next((parameter.dtype for parameter in network.parameters() if parameter.is_floating_point()), images.dtype)
    kind = images.device.type
    home = device_of(network).type
    if images.device.type != home:
        raise SettingError(f"images on {home}, where the network is, were expected, not on {images.device.type}")
    if images.dtype != own and not (torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)):
        raise SettingError(f"images of {own}, as the network's weights are, were expected, not of {images.dtype}")
    if not is_finite(images):
        raise SettingError("the images hold NaN or infinite values; check the preprocessing")


def _checked(name: str | None, output: Any) -> Tensor:
    what = "the network" if name == "output" else f"layer {name!r}"
    if not isinstance(output, Tensor):
        raise SubjectError(f"{what} returned a {type(output).__name__}, not a tensor; name a layer inside it")
    if output.is_quantized:
        raise SubjectError(f"{what} returned a quantised tensor; explain the network before it was quantised")
    if not is_finite(output):
        raise SubjectError(f"{what} holds NaN or infinite values; check the weights and the input's range")
    return output
