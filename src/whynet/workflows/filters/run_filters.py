"""`whynet filters`: the filters of a run's classifier, measured on its test pictures and kept in the run."""

from dataclasses import dataclass
from pathlib import Path

from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.filters.measuring import MeasuredFilters, filters_layer, measure_filters
from whynet.workflows.phase_one import check_classes
from whynet.workflows.run import CLASSIFIER, FILTERS, Run
from whynet.workflows.settings import MULTI, TrainSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class FiltersOfRun:
    """The measured filters of a run.

    Args:
        run: Whose.
        subject: Its classifier.
        measured: What was measured.
    """

    run: Run
    subject: Subject
    measured: MeasuredFilters

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the categories."""
        return self.subject.class_names


def filters_of_subject(
    subject: Subject, splits: Splits, task: str, *, layer: str | None = None, fields_of: Subject | None = None
) -> MeasuredFilters:
    """Measure filters on the test pictures of a task: of a single category on its own alone; see `measure_filters`."""
    return measure_filters(
        subject, filters_layer(subject, layer), splits.test, splits.landmarks,
        num_categories=None if task == MULTI else 1, fields_of=fields_of,
    )  # fmt: skip


def filters_of_run(
    run: Run | Path,
    *,
    layer: str | None = None,
    skip_bad: bool = False,
    allow: str | None = None,
    device: str = "auto",
) -> FiltersOfRun:
    """Measure the filters of a run, and write what was found to `filters.json`.

    Args:
        run: With a trained classifier, or its folder.
        layer: Of maps; None: the interpretable one, or the top layer of one of our networks.
        skip_bad: Leave out pictures that cannot be used.
        allow: "package.module:function" that may run, where the run explains the user's own network.
        device: Where to compute.

    Returns:
        What was measured, and of what.

    Raises:
        RunError: The run has no classifier.
        WhynetError: What `measure_filters` raises.
    """
    run = Run.open(run) if isinstance(run, Path) else run
    run.check_classifier()
    subject = load_subject(run.folder / CLASSIFIER, function=allow).to(Hardware(device=device).torch_device())
    data = TrainSettings.from_json(run.settings).data
    splits = open_data(data, skip_bad=skip_bad)
    check_classes(f"{run.folder}", subject, splits.test.class_names)
    found = filters_of_subject(subject, splits, data.task, layer=layer)
    run.write(FILTERS, {"layer": found.layer, "figures": found.figures, "filters": found.filters})
    return FiltersOfRun(run=run, subject=subject, measured=found)
