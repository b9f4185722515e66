"""The way of pictures down the decision trees of a run."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from whynet.base.errors import RunError
from whynet.base.files import read_json
from whynet.base.tree_step import TreeStep
from whynet.base.types import Images, Logits
from whynet.models.subject import Subject
from whynet.structures.decision_tree import LEVELS, DecisionTree, ParsePath
from whynet.workflows.class_folders import class_folder
from whynet.workflows.decision_trees.run_trees import FIGURES
from whynet.workflows.decision_trees.tables import TITLES
from whynet.workflows.run import TREES, Run


class TreeReader:
    """The decision trees of a run, opened when they are needed.

    Args:
        run: That has some.
        subject: Its classifier.

    Raises:
        RunError: It has none.
    """

    def __init__(self, run: Run, subject: Subject) -> None:
        self.run, self.subject = run, subject
        if not (run.folder / TREES).is_dir():
            raise RunError(f"{run.folder} has no decision trees; grow them with `whynet tree {run.folder}`")
        self._opened = cache(_opened)

    def steps(self, images: Images, logits: Logits) -> list[tuple[TreeStep, ...]]:
        """The way of each image down the tree of its class; none where that class has no tree.

        Raises:
            RunError: A tree is damaged.
            SubjectError: A tree is of another network.
        """
        return [self._steps(images[row : row + 1], int(index)) for row, index in enumerate(logits.argmax(1).tolist())]

    def paths(self, index: int, images: Images) -> list[ParsePath] | None:
        """The way of images down the tree of a class, whatever the network makes of them; None where it has no tree."""
        folder = self._folder(index)
        return self._opened(folder)[0].parse(self.subject, images) if folder.is_dir() else None

    def _folder(self, index: int) -> Path:
        return class_folder(self.run, TREES, index, self.subject.class_names[index])

    def _steps(self, image: Images, index: int) -> tuple[TreeStep, ...]:
        folder = self._folder(index)
        if not folder.is_dir():
            return ()
        tree, parts = self._opened(folder)
        (path,) = tree.parse(self.subject, image)
        found, places = [], set()
        for name, level in LEVELS.items():
            place = path.place(level)
            if place in places:  # the path is shorter than that
                continue
            places.add(place)
            (explanation,) = tree.explain(self.subject, image, level=level, parts=parts)
            is_leaf = place == len(path.nodes) - 1
            found.append(
                TreeStep(
                    layer=TITLES["leaves" if is_leaf else name],
                    logit=float(path.predictions[place]),
                    reasons=explanation.reasons,
                    like=tree.image_names[path.nodes[-1]] if is_leaf else None,
                )
            )
        return tuple(found)


def _opened(folder: Path) -> tuple[DecisionTree, Mapping[str, Sequence[int]]]:
    kept = read_json(folder / FIGURES, "how true a decision tree is")
    parts = kept.get("parts") if isinstance(kept, dict) else None
    if not isinstance(parts, dict):
        raise RunError(f"{folder / FIGURES} does not tell the parts of filters; make it again with `whynet tree`")
    tree = DecisionTree.load(folder)
    count = len(tree.scales)
    return tree, {str(name): [d for d in own if isinstance(d, int) and 0 <= d < count] for name, own in parts.items()}
