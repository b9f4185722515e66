"""The maps of a network's layers, batch by batch, and whether each layer leads to the one named after it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, pairwise
from typing import Any

import torch
from torch import Tensor

from whynet.attribution.passage import listening
from whynet.attribution.strongest_images import batches_of
from whynet.base.errors import SettingError, SubjectError
from whynet.base.seeding import generator
from whynet.base.types import Images
from whynet.models.introspection import Introspection
from whynet.models.subject import Subject


def layer_maps(
    subject: Subject, layers: Sequence[str], images: Tensor | Iterable[Tensor], batch_size: int
) -> Iterator[tuple[Images, list[Tensor]]]:
    """Each batch of images with its maps (images, filters, rows, columns), one tensor a layer, in single precision.

    Raises:
        SettingError: The batch size is below 1, or what came are no batches of images.
        SubjectError: As `Introspection`; or a layer ran several times, or has no maps with two cells or more.
    """
    if batch_size < 1:
        raise SettingError(f"a batch of at least 1 image was expected, not {batch_size}")
    introspection = Introspection(subject, layers, probabilities=False)
    for batch in batches_of(images, batch_size):
        if not len(batch):
            continue
        found = introspection.record(batch).activations
        repeated = [layer for layer in layers if layer not in found]
        if repeated:
            raise SubjectError(
                f"layer {repeated[0]!r} runs several times in the forward pass; name one of its runs, such as "
                f"'{repeated[0]}:0' for the first"
            )
        for layer, activation in found.items():
            _check_maps(layer, activation, len(batch))
        yield batch, [found[layer].float() for layer in layers]


def check_order(subject: Subject, layers: Sequence[str], image: Images) -> None:
    """Refuse layers that do not run in the order in which they are named, or of which one does not lead to the next.

    Nodes have their parents in the next layer, so that one must see this one: of two convolutions side by side neither
    can be the other's parent. A layer leads to the next if that returns something else where noise takes the place of
    what the first returns. (Gradients would not tell in a network that switches them off.)

    Args:
        subject: Left as it was.
        layers: Bottom to top, each of which has maps.
        image: One.

    Raises:
        SubjectError: They do not.
    """
    ran: list[str] = []

    def note(name: str) -> Callable[[Any], None]:
        def hook(_output: Any) -> None:
            ran.extend([f"{name}:{sum(own.startswith(f'{name}:') for own in ran)}"])

        return hook

    names = {layer.partition(":")[0] for layer in layers}
    with listening([(subject.layer(name), note(name)) for name in names]):
        subject.logits(image)
    order = sorted(layers, key=lambda layer: ran.index(_call(layer)))
    if order != list(layers):
        raise SubjectError(
            "layers were expected from bottom to top, in the order in which they run, which is "
            f"{', '.join(order)}, but {', '.join(layers)} came; name them in that order"
        )
    plain = Introspection(subject, layers, probabilities=False).record(image).activations
    for lower, upper in pairwise(layers):
        if torch.equal(plain[upper], _above_noise(subject, lower, upper, image)):
            raise SubjectError(
                f"layer {upper!r} was expected to see what {lower!r}, named before it, returns, but it returns the "
                "same whatever that is; name layers of which each leads to the next"
            )


def _call(layer: str) -> str:
    """The name of a layer's run, "name:0" where it runs once."""
    return layer if ":" in layer else f"{layer}:0"


def _above_noise(subject: Subject, lower: str, upper: str, image: Images) -> Tensor:
    """What one layer returns where another one returns noise, as large as what it returned."""
    name, _, call = _call(lower).partition(":")
    calls = count()
    draws = generator(0, "noise in place of a layer")

    def replaced(output: Any) -> Any:
        if next(calls) != int(call):
            return None
        first = output if isinstance(output, Tensor) else output[0]
        noise = torch.randn(first.shape, generator=draws).to(first) * first.abs().amax().clamp(min=1)
        if first is output:
            return noise
        first.copy_(noise)  # the rest of a tuple stays as it is
        return None

    with listening([(subject.layer(name), replaced)]):
        return Introspection(subject, [upper], probabilities=False).record(image).activations[upper]


def _check_maps(layer: str, activation: Tensor, num_images: int) -> None:
    if activation.ndim != 4 or len(activation) != num_images:
        raise SubjectError(
            f"layer {layer!r} returns {tuple(activation.shape)} for {num_images} images, not maps (images, filters, "
            "rows, columns); name a convolution, its ReLU or a block of them"
        )
    if activation.shape[2] * activation.shape[3] < 2:
        raise SubjectError(
            f"the maps of layer {layer!r} are {activation.shape[2]} x {activation.shape[3]}, so a part has no place in "
            "them; name a layer before a pooling, or give larger images"
        )
