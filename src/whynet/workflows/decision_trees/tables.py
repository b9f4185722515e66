"""What was measured of decision trees, in rows for the terminal and the page."""

from collections.abc import Sequence
from statistics import fmean

from whynet.structures.decision_tree import LEVELS
from whynet.workflows.decision_trees.growing import TreeOfClass

TITLES = {"top": "below the root", "5": "5th layer", "10": "10th layer", "50": "50th layer", "leaves": "leaves"}
COLUMNS = ["layer", "error, %", "fitness, %", "part error, %", "decides alike, %"]
KEYS = ("relative_error", "fitness", "part_error", "accuracy")
READING = (
    "error: of the tree's logit, over the range of the network's; fitness: how much of what each filter adds the tree "
    "accounts for; part error: of what parts add; decides alike: share of the test pictures that the network puts "
    "into the class for which the tree does so, too. From the top down the error should fall and the fitness rise."
)
ONE_MODE = (
    "The network decides for all of them alike: each filter counts for as much in one as in another, so there is no "
    "second mode to find. So it is where the logit is one weighted sum behind this layer; networks with fully "
    "connected layers have several modes."
)


def level_lines(trees: Sequence[TreeOfClass]) -> list[list[str]]:
    """A row for each layer of the tree, each figure the mean over the trees that have it."""
    rows = []
    for name in LEVELS:
        found = [own.figures[name] for own in trees if name in own.figures]
        means = {key: [figures[key] for figures in found if key in figures] for key in KEYS}
        rows.append([TITLES[name], *(f"{100 * fmean(means[key]):.1f}" if means[key] else "-" for key in KEYS)])
    return rows


def tree_lines(trees: Sequence[TreeOfClass]) -> tuple[list[str], list[list[str]]]:
    """Columns, and a row for each tree."""
    columns = ["class", "pictures", "layers", "error at the top, %", "at the leaves, %", "test pictures"]
    return columns, [
        [
            own.tree.class_name, str(len(own.tree.image_names)), str(own.tree.depth),
            *(_percent(own, name) for name in ("top", "leaves")), str(len(own.test)),
        ]
        for own in trees
    ]  # fmt: skip


def _percent(own: TreeOfClass, level: str) -> str:
    value = own.figures.get(level, {}).get("relative_error")
    return "-" if value is None else f"{100 * value:.1f}"
