"""Decision trees of a subject's classes: grown on training pictures, measured on test pictures.

A tree explains decisions, so that of both only those pictures count that the network puts into the class.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whynet.base.errors import UnrecognisedError
from whynet.data.example import ExampleDataset
from whynet.models.subject import Subject
from whynet.structures.decision_tree import (
    LEVELS,
    DecisionTree,
    ParsePath,
    TreeSettings,
    fidelity,
    fit_decision_tree,
    reads_monotone,
)
from whynet.workflows.catalogue import Splits
from whynet.workflows.picture_batches import PictureBatches

_log = logging.getLogger(__name__)

Figures = dict[str, dict[str, float]]
"""For each layer of the tree that is looked at, its figures by the keys of the results files."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeOfClass:
    """A tree and how true it is.

    Args:
        tree: The tree.
        parts: The filters of each part.
        figures: By the names of `LEVELS`; empty where there is no test picture to measure it on.
        fitted: The pictures that the tree was fitted to, one a leaf.
        test: The test pictures of the class that the network puts into it. Their paths are not kept, of which a run has
            as many as test pictures; `tree.parse` finds them again.
        reads_monotone: Whether from the top down the error never rises and the fitness never falls.
    """

    tree: DecisionTree
    parts: Mapping[str, Sequence[int]]
    figures: Figures
    fitted: ExampleDataset
    test: ExampleDataset
    reads_monotone: bool


def filters_of_parts(filters: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """The filters of each part, as `measure_filters` found it; those that go with none are left out."""
    found: dict[str, list[int]] = {}
    for own in filters:
        if own["part"]:
            found.setdefault(own["part"], []).append(own["filter"])
    return found


def grow_trees(
    subject: Subject,
    splits: Splits,
    layer: str,
    classes: Sequence[int],
    settings: TreeSettings,
    parts: Mapping[str, Sequence[int]],
) -> Iterator[TreeOfClass]:
    """The tree of each class; of those that the network does not recognise none, which is told.

    Args:
        subject: The network.
        splits: Its data.
        layer: Of maps, whose filters the trees speak of.
        classes: By their numbers.
        settings: How the trees grow.
        parts: The filters of each part.

    Raises:
        WhynetError: What else `fit_decision_tree` raises.
    """
    for index in classes:
        train, test = _of_class(splits.train, index), _of_class(splits.test, index)
        if not len(train):
            _log.warning("no tree of %s: there is no training picture of it", subject.class_names[index])
            continue
        try:
            tree = fit_decision_tree(subject, layer, PictureBatches(subject, train), index, settings=settings)
        except UnrecognisedError as error:
            _log.warning("no tree of %s: %s", subject.class_names[index], error)
            continue
        rows = [int(name) for name in tree.image_names]
        paths = tree.parse(subject, PictureBatches(subject, test)) if len(test) else []
        decided = [row for row, path in enumerate(paths) if int(path.logits.argmax()) == index]
        yield _measured(
            replace(tree, image_names=tuple(train.names[row] for row in rows)), [paths[row] for row in decided], parts,
            fitted=train.subset(rows), test=test.subset(decided),
        )  # fmt: skip


def _measured(
    tree: DecisionTree,
    paths: Sequence[ParsePath],
    parts: Mapping[str, Sequence[int]],
    *,
    fitted: ExampleDataset,
    test: ExampleDataset,
) -> TreeOfClass:
    levels = {name: fidelity(paths, tree.class_index, level, parts=parts) for name, level in LEVELS.items() if paths}
    figures = {
        name: {key: value for key, value in vars(own).items() if value is not None} for name, own in levels.items()
    }
    monotone = bool(levels) and reads_monotone(list(levels.values()))
    return TreeOfClass(tree=tree, parts=parts, figures=figures, fitted=fitted, test=test, reads_monotone=monotone)


def _of_class(examples: ExampleDataset, index: int) -> ExampleDataset:
    return examples.subset([row for row, label in enumerate(examples.labels) if label == index])
