"""An explanatory graph in a folder: `graph.json` says what it is, `graph.safetensors` holds its numbers.

Never a pickle. The description holds a digest of the numbers and is written last: where writing was broken off between
the two, or one of them is damaged or replaced, reading says so.
"""

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from whynet.base.errors import RunError, SettingError, StorageError
from whynet.base.files import read_json, write_bytes_atomically, write_json_atomically
from whynet.structures.explanatory_graph.layer import GraphLayer
from whynet.structures.graph_settings import GraphSettings

DESCRIPTION = "graph.json"
NUMBERS = "graph.safetensors"
FORMAT = 1
LARGEST_SIDE = 1 << 20
"""Rows or columns of an image or a map."""
_FLOATS = ("scales", "mu", "sigma", "shares", "edge_sigmas")
_INTEGERS = ("filters", "parents")


def save_graph(
    folder: Path, *, layers: Sequence[GraphLayer], image_size: tuple[int, int], network: str, settings: GraphSettings
) -> None:
    """Write the parts of an `ExplanatoryGraph`, each file whole or not at all; raises `StorageError` if that fails."""
    tensors = {
        f"{index}.{name}": getattr(layer, name).contiguous()
        for index, layer in enumerate(layers)
        for name in (*_FLOATS, *_INTEGERS)
    }
    numbers = save(tensors)
    description = {
        "format": FORMAT,
        "network": network,
        "image_size": list(image_size),
        "settings": asdict(settings),
        "layers": [{"name": layer.name, "map_size": list(layer.map_size)} for layer in layers],
        "numbers": _digest(numbers),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be made ({error.strerror or error}); choose a folder that you may write to"
        ) from error
    write_bytes_atomically(folder / NUMBERS, numbers)
    write_json_atomically(folder / DESCRIPTION, description)


def load_graph(folder: Path) -> dict[str, Any]:
    """The parts of an `ExplanatoryGraph` by the names of its fields.

    Raises:
        RunError: A file is absent or damaged, they do not belong together, or a newer version wrote them.
    """
    try:
        description = read_json(folder / DESCRIPTION, "an explanatory graph")
        if description["format"] != FORMAT:
            raise ValueError(f"its format is {description['format']!r}, and this version reads {FORMAT}")
        numbers = (folder / NUMBERS).read_bytes()
        if _digest(numbers) != description["numbers"]:
            raise ValueError(f"{NUMBERS} is not the file that it was written with")
        tensors, height_and_width = load(numbers), _size(description["image_size"])
        layers: list[GraphLayer] = []
        for index, own in reversed(list(enumerate(description["layers"]))):
            above = layers[0].num_nodes if layers else 0
            layers.insert(0, _layer(own, index, tensors, above))
        if not layers:
            raise ValueError("it has no layers")
        given = dict(description["settings"])
        if isinstance(given["nodes_per_filter"], list):
            given["nodes_per_filter"] = tuple(given["nodes_per_filter"])
        return {
            "layers": tuple(layers),
            "image_size": height_and_width,
            "network": str(description["network"]),
            "settings": GraphSettings(**given),
        }
    except (LookupError, TypeError, ValueError, OSError, SafetensorError, StorageError, SettingError) as error:
        raise RunError(f"{folder} does not hold a whole explanatory graph ({error}); fit it anew") from error


def _layer(own: dict[str, Any], index: int, tensors: dict[str, Tensor], above: int) -> GraphLayer:
    """One layer, whose numbers fit each other and `above` nodes of the layer above."""
    values = {name: tensors[f"{index}.{name}"] for name in (*_FLOATS, *_INTEGERS)}
    filters, nodes, parents = values["scales"].shape[0], values["filters"].shape[0], values["parents"].shape[-1]
    shapes = {"scales": (filters,), "mu": (nodes, 2), "parents": (nodes, parents), "edge_sigmas": (nodes, parents)}
    for name, value in values.items():
        wanted = torch.float if name in _FLOATS else torch.long
        if value.shape != shapes.get(name, (nodes,)) or value.dtype != wanted or not bool(value.isfinite().all()):
            raise ValueError(f"{name} of layer {index} is not what a graph of {nodes} nodes has")
    in_range = (
        (values["filters"] >= 0) & (values["filters"] < filters),
        (values["parents"] >= 0) & (values["parents"] < above),
        values["sigma"] > 0,
        values["edge_sigmas"] > 0,
        values["scales"] >= 0,
    )
    if not nodes or (parents > 0) != (above > 0) or not all(bool(right.all()) for right in in_range):
        raise ValueError(f"a number of layer {index} is out of its range")
    return GraphLayer(name=str(own["name"]), map_size=_size(own["map_size"]), **values)


def _size(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(side) is int for side in value):
        raise ValueError(f"a size is two whole numbers, not {value!r:.60}")
    height, width = value
    if not 1 <= min(value) <= max(value) <= LARGEST_SIDE:
        raise ValueError(f"the sides of a size are 1 to {LARGEST_SIDE}, not {value!r:.60}")
    return height, width


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
