"""Where maps that shall show parts are read if nobody says where: at a layer that is neither coarse nor signed."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from whynet.attribution.passage import Reached, layer_of, listening, network_of
from whynet.attribution.signal import Model
from whynet.base.errors import SubjectError
from whynet.base.types import Images
from whynet.models.subject import evaluating

MIN_POSITIONS = 14
"""Rows and columns of a map in which the parts of an object can still be told apart, as the last pooling but one of
VGG-16 has."""


def map_layer_before(model: Model, images: Images, source: str, *, min_positions: int = MIN_POSITIONS) -> str:
    """The last layer before `source` whose maps have enough positions, run once, and no negative entry.

    Where no layer has that many, it is the one that has the most.

    Args:
        model: Any classifier; run once in evaluation mode up to `source`.
        images: Preprocessed; one is enough.
        source: What is explained.
        min_positions: Least number of rows and of columns.

    Raises:
        SubjectError: There is no such source, or no layer of maps without negative entries before it.
    """
    network = network_of(model)
    explained = layer_of(network, source)
    ran: dict[str, list[tuple[int, bool]]] = {}

    def note(name: str, module: nn.Module) -> Callable[[Any], None]:
        def hook(output: Any) -> None:
            if module is explained:
                raise Reached
            if isinstance(output, Tensor) and output.ndim == 4:
                ran.setdefault(name, []).append((min(output.shape[2:]), bool((output >= 0).all())))

        return hook

    hooks = [(module, note(name, module)) for name, module in network.named_modules() if name]
    with listening(hooks), evaluating(network), torch.no_grad():
        network(images[:1].detach().clone())
    usable = {name: found[0][0] for name, found in ran.items() if len(found) == 1 and found[0][1] and found[0][0] > 1}
    if not usable:
        raise SubjectError(
            f"no layer before {source!r} has maps without negative entries, at which heat maps could be read; name one "
            "with --map-layer"
        )
    fine = [name for name, positions in usable.items() if positions >= min_positions]
    return fine[-1] if fine else max(usable, key=lambda name: usable[name])
