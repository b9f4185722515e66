"""A decision tree on the disk: `tree.json` for people and programs, `tree.safetensors` for its numbers."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from whynet.base.errors import RunError, StorageError
from whynet.base.files import atomic_path, read_json, write_json_atomically
from whynet.structures.decision_tree.settings import TreeSettings
from whynet.structures.decision_tree.tree import DecisionTree

DESCRIPTION, NUMBERS = "tree.json", "tree.safetensors"
_TENSORS = ("scales", "directions", "weights", "biases")


def save_tree(tree: DecisionTree, folder: Path) -> None:
    """Write a tree into a folder; raises `StorageError` if that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create {folder} ({error}); choose another folder") from error
    with atomic_path(folder / NUMBERS) as path:
        save_file({name: getattr(tree, name).contiguous() for name in _TENSORS}, path)
    write_json_atomically(
        folder / DESCRIPTION,
        {
            "format": 1,
            "layer": tree.layer,
            "class_index": tree.class_index,
            "class": tree.class_name,
            "settings": asdict(tree.settings),
            "children": [list(own) for own in tree.children],
            "images": list(tree.image_names),
            "network": tree.network,
        },
    )


def load_tree(folder: Path) -> DecisionTree:
    """The tree that `save_tree` wrote; raises `RunError` if a file is absent or damaged."""
    try:
        value = read_json(folder / DESCRIPTION, "a decision tree")
        numbers = load_file(folder / NUMBERS)
        tree = DecisionTree(
            layer=str(value["layer"]), class_index=int(value["class_index"]), class_name=str(value["class"]),
            settings=TreeSettings(**value["settings"]), **{name: numbers[name].double() for name in _TENSORS},
            children=tuple(tuple(int(child) for child in own) for own in value["children"]),
            image_names=tuple(str(name) for name in value["images"]), network=str(value["network"]),
        )  # fmt: skip
        _check(tree)
    except (KeyError, TypeError, ValueError, AttributeError, OSError, SafetensorError, StorageError) as error:
        raise RunError(f"{folder} does not hold a decision tree ({error}); make it again with `whynet tree`") from error
    return tree


def _check(tree: DecisionTree) -> None:
    """Raise `ValueError` unless the numbers and the nodes fit each other, and each node has one parent above it."""
    num_nodes, num_filters = tree.root, len(tree.scales)
    shapes: dict[str, Any] = {name: tuple(getattr(tree, name).shape) for name in _TENSORS}
    expected = {
        "scales": (num_filters,), "directions": (num_nodes, num_filters), "weights": (num_nodes, num_filters),
        "biases": (num_nodes,),
    }  # fmt: skip
    if shapes != expected:
        raise ValueError(f"tensors of {expected} were expected, not of {shapes}")
    if not all(bool(getattr(tree, name).isfinite().all()) for name in _TENSORS):
        raise ValueError("a number is not finite")
    below = sorted(child for own in tree.children for child in own)
    if below != list(range(num_nodes)) or any(child >= node for node, own in enumerate(tree.children) for child in own):
        raise ValueError("the nodes form no tree")
    if [bool(own) for own in tree.children] != [row >= len(tree.image_names) for row in range(num_nodes + 1)]:
        raise ValueError(f"the leaves are not the {len(tree.image_names)} images")
