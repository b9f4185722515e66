"""`whynet tree`: the decision trees of a run's classifier, kept in the run.

The folder holds the trees that were asked for last, which are those of the page: an earlier tree of another class may
be of another layer or grown otherwise, and an explanation that mixes them compares what is not alike.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whynet.base.errors import UnrecognisedError
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.structures.decision_tree import TreeSettings
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.class_folders import class_folder, other_folders, remove_class_files, wanted_classes
from whynet.workflows.decision_trees.growing import TreeOfClass, filters_of_parts, grow_trees
from whynet.workflows.decision_trees.saved import FILES, save_tree
from whynet.workflows.filters.measuring import filters_layer
from whynet.workflows.filters.run_filters import filters_of_subject
from whynet.workflows.phase_one import check_classes
from whynet.workflows.run import CLASSIFIER, FILTERS, TREES, Run
from whynet.workflows.settings import TrainSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class TreesOfRun:
    """The decision trees of a run.

    Args:
        run: Whose.
        subject: Its classifier.
        splits: Its data.
        trees: One a class that was asked for.
    """

    run: Run
    subject: Subject
    splits: Splits
    trees: Sequence[TreeOfClass]


def trees_of_run(
    run: Run | Path,
    *,
    classes: str = "all",
    layer: str | None = None,
    settings: TreeSettings | None = None,
    skip_bad: bool = False,
    allow: str | None = None,
    device: str = "auto",
) -> TreesOfRun:
    """Grow the decision trees of a run's classes, and keep them in the run in place of earlier ones.

    Args:
        run: With a trained classifier, or its folder.
        classes: "all", or names or numbers, comma-separated.
        layer: Of maps; None: the interpretable one, or the top layer of one of our networks.
        settings: How trees grow.
        skip_bad: Leave out pictures that cannot be used.
        allow: "package.module:function" that may run, where the run explains the user's own network.
        device: Where to compute.

    Raises:
        RunError: The run has no classifier.
        UnrecognisedError: The network recognises no training picture of any of the classes; earlier trees are left.
        StorageError: A tree cannot be written, or an earlier one not removed.
        WhynetError: What `fit_decision_tree` raises.
    """
    run = Run.open(run) if isinstance(run, Path) else run
    run.check_classifier()
    subject = load_subject(run.folder / CLASSIFIER, function=allow).to(Hardware(device=device).torch_device())
    chosen = wanted_classes(subject, classes)
    data = TrainSettings.from_json(run.settings).data
    splits = open_data(data, skip_bad=skip_bad)
    check_classes(f"{run.folder}", subject, splits.test.class_names)
    layer = filters_layer(subject, layer)
    parts = _parts(run, subject, splits, data.task, layer)
    trees = []
    for own in grow_trees(subject, splits, layer, chosen, settings or TreeSettings(), parts):
        save_tree(run, own)
        trees.append(own)
    if not trees:
        raise UnrecognisedError(
            f"the network recognises no training picture of {len(chosen)} classes, so there is no decision to explain; "
            "name others, or train it longer"
        )
    _remove_earlier(run, [class_folder(run, TREES, own.tree.class_index, own.tree.class_name) for own in trees])
    return TreesOfRun(run=run, subject=subject, splits=splits, trees=trees)


def _remove_earlier(run: Run, keep: Sequence[Path]) -> None:
    """Remove the trees of classes that were not asked for now, or are no longer recognised, and tell it."""
    earlier = other_folders(run, TREES, keep, FILES)
    for folder in earlier:
        remove_class_files(folder, FILES)
    if earlier:
        names = ", ".join(folder.name for folder in earlier)
        _log.warning("removed the trees of an earlier request: %s; name all classes to have them again", names)


def _parts(run: Run, subject: Subject, splits: Splits, task: str, layer: str) -> Mapping[str, Sequence[int]]:
    """The part of each filter, as `whynet filters` found it, or measured now; none where the data know no parts."""
    if (run.folder / FILTERS).is_file():
        known = run.read(FILTERS)
        if known.get("layer") == layer:
            return filters_of_parts(known["filters"])
    if not splits.landmarks:
        return {}
    return filters_of_parts(filters_of_subject(subject, splits, task, layer=layer).filters)
