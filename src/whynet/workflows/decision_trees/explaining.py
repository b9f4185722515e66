"""The way of pictures down the decision trees of a run."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from whynet.base.errors import RunError
from whynet.base.tree_step import TreeStep
from whynet.base.types import Images, Logits
from whynet.models.subject import Subject
from whynet.structures.decision_tree import LEVELS, ParsePath
from whynet.structures.decision_tree.explaining import maps_of
from whynet.workflows.class_folders import class_folder
from whynet.workflows.decision_trees.saved import FILES, load_tree
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
        self._opened = cache(load_tree)

    def steps(self, images: Images, logits: Logits) -> list[tuple[TreeStep, ...]]:
        """The way of each image down the tree of its class; none where that class has no tree.

        Raises:
            RunError: A tree is damaged.
            SubjectError: A tree is of another network.
        """
        found: list[tuple[TreeStep, ...]] = [()] * len(images)
        predicted = logits.argmax(1).tolist()
        for index in sorted(set(predicted)):
            if self._has_tree(index):
                rows = [row for row, own in enumerate(predicted) if own == index]
                for row, steps in zip(rows, self._steps(images[rows], index), strict=True):
                    found[row] = steps
        return found

    def paths(self, index: int, images: Images) -> list[ParsePath] | None:
        """The way of images down the tree of a class, whatever the network makes of them; None where it has no tree."""
        return self._opened(self._folder(index))[0].parse(self.subject, images) if self._has_tree(index) else None

    def _has_tree(self, index: int) -> bool:
        """Whether there is any file of it, so that one that is not whole is told and not passed over."""
        return any((self._folder(index) / name).is_file() for name in FILES)

    def _folder(self, index: int) -> Path:
        return class_folder(self.run, TREES, index, self.subject.class_names[index])

    def _steps(self, images: Images, index: int) -> Iterator[tuple[TreeStep, ...]]:
        """For each image, one step for each of the layers that its way has."""
        tree, parts = self._opened(self._folder(index))
        maps = maps_of(self.subject, tree.layer, images)
        for path, own in zip(tree.parse(self.subject, images), maps, strict=True):
            # By the place on the way: a short one reaches its leaf before the tree's last layers.
            levels = {path.place(level): (name, level) for name, level in reversed(list(LEVELS.items()))}
            yield tuple(
                TreeStep(
                    layer=TITLES["leaves" if place == len(path.nodes) - 1 else name],
                    logit=float(path.predictions[place]),
                    bias=float(tree.biases[path.nodes[place]]),
                    reasons=tree.reasons(path, own, level=level, parts=parts),
                    like=tree.image_names[path.nodes[-1]] if place == len(path.nodes) - 1 else None,
                )
                for place, (name, level) in sorted(levels.items())
            )
