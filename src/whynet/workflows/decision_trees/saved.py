"""The decision trees of a run: one folder a class.

tree/<number>-<class>/  tree.json, tree.safetensors (the tree), figures.json (how true it is, and the filters' parts)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from whynet.base.errors import RunError
from whynet.base.files import read_json
from whynet.structures.decision_tree import DecisionTree
from whynet.structures.decision_tree.saving import DESCRIPTION, NUMBERS
from whynet.workflows.class_folders import class_folder, remove_class_files
from whynet.workflows.decision_trees.growing import TreeOfClass
from whynet.workflows.run import TREES, Run

FIGURES = "figures.json"
FILES = (DESCRIPTION, NUMBERS, FIGURES)
"""All that the folder of a class holds."""


def save_tree(run: Run, own: TreeOfClass) -> None:
    """Write the tree of a class, its figures last; what was there goes first, so that no two trees are ever mixed."""
    folder = class_folder(run, TREES, own.tree.class_index, own.tree.class_name)
    remove_class_files(folder, FILES)
    own.tree.save(folder)
    run.write(
        str(folder.relative_to(run.folder) / FIGURES),
        {"figures": own.figures, "reads_monotone": own.reads_monotone, "parts": own.parts},
    )


def load_tree(folder: Path) -> tuple[DecisionTree, Mapping[str, Sequence[int]]]:
    """The tree of a class, and the filters of each part.

    Args:
        folder: Of the class.

    Raises:
        RunError: A file is absent or damaged.
    """
    kept = read_json(folder / FIGURES, "how true a decision tree is")
    parts = kept.get("parts") if isinstance(kept, dict) else None
    if not isinstance(parts, dict):
        raise RunError(f"{folder / FIGURES} does not tell the parts of filters; make it again with `whynet tree`")
    tree = DecisionTree.load(folder)
    count = len(tree.scales)
    return tree, {str(name): [d for d in own if isinstance(d, int) and 0 <= d < count] for name, own in parts.items()}
