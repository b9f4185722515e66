"""`whynet train`: data in, a run with a classifier and an explainer out.

Stage "classifier": phase one, or the user's own subject taken as it is. Stage "interpnet": phase two.
"""

import time
from pathlib import Path
from typing import Any

from whynet.base.errors import SettingError, SubjectError
from whynet.base.seeding import seeded
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.job import TrainingJob
from whynet.workflows.phase_one import prepare_subject, train_subject
from whynet.workflows.phase_two import train_explainer
from whynet.workflows.run import CLASSIFIER, EXPLAINER, Run
from whynet.workflows.settings import TrainSettings, settings_with
from whynet.workflows.subjects import is_code


def train(
    folder: Path,
    settings: TrainSettings,
    *,
    hardware: Hardware | None = None,
    resume: bool = False,
    skip_bad: bool = False,
    explainer: bool = True,
    cache: FeatureCache | None = None,
    progress: bool = True,
) -> Run:
    """Train what `settings` ask for.

    Args:
        folder: Of the run.
        settings: What to train, on what, and how; with `resume`, those that the run was begun with.
        hardware: Where.
        resume: Go on with a run that was broken off, from its last completed epoch.
        skip_bad: Leave out pictures that cannot be used, and name them in the log.
        explainer: Whether phase two follows; without it the run holds a classifier alone.
        cache: Where readings are kept for whoever reads the same again; by default the user's own.
        progress: Whether progress bars are shown.

    Returns:
        The run; its explainer is absent where the data have no captions.

    Raises:
        RunError: The folder holds a run and `resume` is off, or it holds none and `resume` is on.
        SettingError: The settings differ from those that the run was begun with.
        DataError: The data cannot be used.
        SubjectError: The network, its layers, its backbone or its classes do not fit.
        TrainingError: The loss became NaN.
    """
    hardware = hardware or Hardware()
    cache = cache or FeatureCache()
    if resume:
        run = _begun(folder, settings)
        if run.is_complete(CLASSIFIER) and run.is_complete(EXPLAINER):
            return run
    else:
        Run.check_free(folder)
    begin = time.perf_counter()
    splits = open_data(settings.data, skip_bad=skip_bad)
    begun = resume and run.is_complete(CLASSIFIER)
    prepared = None if begun else prepare_subject(settings, splits.train.class_names)
    if not resume:  # only now: a wrong path or layer leaves no run behind
        run = Run.create(folder, settings.to_json())
    counts = {part: len(examples) for part, examples in splits.parts.items()}
    run.complete("data", time.perf_counter() - begin, **counts)
    job = TrainingJob(run=run, settings=settings, splits=splits, hardware=hardware, cache=cache, progress=progress)
    with seeded(settings.model.seed, "train"):
        if prepared is not None:
            with run.stage(CLASSIFIER) as checkpoints:
                train_subject(job, prepared, checkpoints)
            prepared = None  # a backbone makes room for phase two
        if explainer and not run.is_complete(EXPLAINER) and has_captions(splits):
            with run.stage(EXPLAINER) as checkpoints:
                train_explainer(job, checkpoints)
    return run


def has_captions(splits: Splits) -> bool:
    """Whether an explainer can be trained: training and validation pictures with captions."""
    return any(splits.train.captions) and any(splits.validation.captions)


def resumed_settings(folder: Path, given: dict[str, dict[str, Any]]) -> TrainSettings:
    """The settings that a run was begun with.

    Args:
        folder: Of the run.
        given: Settings that the user named all the same, by group and field.

    Raises:
        SettingError: A given setting differs from the run's.
        SubjectError: The run explains a network whose code the user has not named.
    """
    begun = Run.open(folder).settings
    settings = TrainSettings.from_json(begun)
    groups = settings.to_json()
    named = settings_with({group: {**groups[group], **given.get(group, {})} for group in groups}).to_json()
    for group, values in groups.items():
        for name, value in values.items():
            if named[group][name] != value:
                raise SettingError(
                    f"{folder} was begun with {group} {name} = {value!r}, not {named[group][name]!r}; leave it out"
                )
    subject = settings.model.subject
    if subject is not None and is_code(subject) and "subject" not in given.get("model", {}):
        raise SubjectError(f"{folder} explains {subject}; to let that code run, name it again: --subject {subject}")
    return settings


def _begun(folder: Path, settings: TrainSettings) -> Run:
    run = Run.open(folder)
    if TrainSettings.from_json(run.settings) != settings:
        raise SettingError(
            f"{folder} was begun with other settings; go on with those, or choose another folder, or remove this one"
        )
    return run
