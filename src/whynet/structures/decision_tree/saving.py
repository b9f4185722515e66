"""A decision tree on the disk: `tree.json` for people and programs, `tree.safetensors` for its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from whynet.base.errors import RunError, StorageError
from whynet.base.files import atomic_path, read_json, write_json_atomically
from whynet.structures.tree_settings import TreeSettings

DESCRIPTION, NUMBERS = "tree.json", "tree.safetensors"
FORMAT = 1
TENSORS = ("scales", "directions", "weights", "biases")


def save_tree(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write the fields of a tree into a folder; raises `StorageError` if that cannot be done.

    Where writing is broken off there is no description, so that the numbers are never read as those of an earlier tree.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write to {folder} ({error}); choose another folder") from error
    with atomic_path(folder / NUMBERS) as path:
        save_file({name: fields[name].contiguous() for name in TENSORS}, path)
    plain = {name: value for name, value in fields.items() if name not in (*TENSORS, "settings")}
    write_json_atomically(folder / DESCRIPTION, {"format": FORMAT, **plain, "settings": asdict(fields["settings"])})


def load_tree(folder: Path) -> dict[str, Any]:
    """The fields that `save_tree` wrote; raises `RunError` if a file is absent or damaged."""
    try:
        value = read_json(folder / DESCRIPTION, "a decision tree")
        if value["format"] != FORMAT:
            raise ValueError(f"format {FORMAT} was expected, not {value['format']}")
        stored = load_file(folder / NUMBERS)
        numbers = {name: stored[name].double() for name in TENSORS}
        children = tuple(tuple(int(child) for child in own) for own in value["children"])
        names = tuple(str(name) for name in value["image_names"])
        _check(numbers, children, len(names))
        return {
            "layer": str(value["layer"]), "class_index": int(value["class_index"]),
            "class_name": str(value["class_name"]), "network": str(value["network"]),
            "settings": TreeSettings(**value["settings"]), "children": children, "image_names": names, **numbers,
        }  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, OSError, SafetensorError, StorageError) as error:
        raise RunError(f"{folder} does not hold a decision tree ({error}); make it again with `whynet tree`") from error


def _check(numbers: Mapping[str, Tensor], children: Sequence[tuple[int, ...]], num_leaves: int) -> None:
    """Raise `ValueError` unless the numbers and the nodes fit each other, and each node has one parent above it."""
    num_nodes, num_filters = len(children) - 1, len(numbers["scales"])
    shapes = {name: tuple(own.shape) for name, own in numbers.items()}
    of_nodes = (num_nodes, num_filters)
    expected = {"scales": (num_filters,), "directions": of_nodes, "weights": of_nodes, "biases": (num_nodes,)}
    if shapes != expected:
        raise ValueError(f"tensors of {expected} were expected, not of {shapes}")
    if not all(bool(own.isfinite().all()) for own in numbers.values()):
        raise ValueError("a number is not finite")
    below = sorted(child for own in children for child in own)
    if below != list(range(num_nodes)) or any(child >= node for node, own in enumerate(children) for child in own):
        raise ValueError("the nodes form no tree")
    if [bool(own) for own in children] != [node >= num_leaves for node in range(num_nodes + 1)]:
        raise ValueError(f"the leaves are not the {num_leaves} images")
