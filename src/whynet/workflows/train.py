"""`whynet train`: data in, a run with a classifier and an explainer out.

Stage "classifier": phase one, or the user's own subject taken as it is. Stage "interpnet": phase two.
"""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from whynet.base.errors import SettingError, SubjectError
from whynet.base.seeding import seeded
from whynet.base.tokens import STOP
from whynet.base.types import Reading
from whynet.data.example import ExampleDataset
from whynet.data.vocabulary import Vocabulary
from whynet.models.convnet import ConvNet
from whynet.models.interpnet import InterpNET
from whynet.models.introspection import Introspection
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_network import save_network
from whynet.models.saved_subject import DESCRIPTION, import_subject, load_subject, save_subject
from whynet.models.subject import Subject
from whynet.models.variants import VARIANTS
from whynet.training.augmentation import augmented
from whynet.training.classifier import train_classifier
from whynet.training.hardware import Hardware
from whynet.training.interpnet import CaptionPairs, train_interpnet
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.reading import introspection_of, read_all
from whynet.workflows.run import CLASSIFIER, EXPLAINER, Run
from whynet.workflows.settings import TrainSettings, settings_with


def train(
    folder: Path,
    settings: TrainSettings,
    *,
    hardware: Hardware | None = None,
    resume: bool = False,
    skip_bad: bool = False,
    progress: bool = True,
) -> Run:
    """Train what `settings` ask for.

    Args:
        folder: Of the run.
        settings: What to train, on what, and how; with `resume`, those that the run was begun with.
        hardware: Where.
        resume: Go on with a run that was broken off, from its last completed epoch.
        skip_bad: Leave out pictures that cannot be used, and name them in the log.
        progress: Whether progress bars are shown.

    Returns:
        The run; its explainer is absent where the data have no captions.

    Raises:
        RunError: The folder holds a run and `resume` is off, or it holds none and `resume` is on.
        SettingError: The settings differ from those that the run was begun with.
        DataError: The data cannot be used.
        TrainingError: The loss became NaN.
    """
    hardware = hardware or Hardware()
    if resume:
        run = _begun(folder, settings)
        if run.is_complete(CLASSIFIER) and run.is_complete(EXPLAINER):
            return run
    else:
        Run.check_free(folder)
    begin = time.perf_counter()
    splits = open_data(settings.data, skip_bad=skip_bad)
    own = None if settings.model.subject is None else _own_subject(settings, splits.train.class_names)
    if not resume:  # only now: a wrong path or layer leaves no run behind
        run = Run.create(folder, settings.to_json())
    counts = {part: len(examples) for part, examples in splits.parts.items()}
    run.complete("data", time.perf_counter() - begin, **counts)
    with seeded(settings.model.seed, "train"):
        if not run.is_complete(CLASSIFIER):
            with run.stage(CLASSIFIER) as checkpoints:
                if own is not None:
                    save_subject(own[0], run.folder / CLASSIFIER, function=own[1])
                else:
                    _train_classifier(run, settings, splits, checkpoints, hardware, progress)
        if not run.is_complete(EXPLAINER) and has_captions(splits):
            with run.stage(EXPLAINER) as checkpoints:
                _train_explainer(run, settings, splits, checkpoints, hardware, progress)
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
    named = settings_with({group: {**begun[group], **given.get(group, {})} for group in begun}).to_json()
    for group, values in settings.to_json().items():
        for name, value in values.items():
            if named[group][name] != value:
                raise SettingError(
                    f"{folder} was begun with {group} {name} = {value!r}, not {named[group][name]!r}; leave it out"
                )
    subject = settings.model.subject
    if subject is not None and not _saved_folder(subject) and "subject" not in given.get("model", {}):
        raise SubjectError(f"{folder} explains {subject}; to let that code run, name it again: --subject {subject}")
    return settings


def _begun(folder: Path, settings: TrainSettings) -> Run:
    run = Run.open(folder)
    if run.settings != settings.to_json():
        raise SettingError(f"{folder} was begun with other settings; resume it with `resumed_settings`")
    return run


def _train_classifier(
    run: Run, settings: TrainSettings, splits: Splits, checkpoints: Path, hardware: Hardware, progress: bool
) -> None:
    class_names = splits.train.class_names
    preprocessing = _preprocessing(settings)
    with seeded(settings.model.seed, "classifier"):
        network = ConvNet(len(class_names), hidden=VARIANTS[settings.model.variant].hidden)
    history = train_classifier(
        network, preprocessing, splits.train, splits.validation, settings.classifier,
        folder=checkpoints, seed=settings.model.seed, hardware=hardware, progress=progress,
    )  # fmt: skip
    save_subject(Subject(network, class_names=class_names, preprocess=preprocessing), run.folder / CLASSIFIER)
    run.write(f"{CLASSIFIER}/training.json", history)


def _preprocessing(settings: TrainSettings) -> Preprocessing:
    return Preprocessing(height=settings.data.input_size, width=settings.data.input_size)


def _saved_folder(name: str) -> Path | None:
    """The folder of a saved subject, or of the one in a run; None if `name` is neither."""
    return next((path for path in (Path(name), Path(name) / CLASSIFIER) if (path / DESCRIPTION).is_file()), None)


def _own_subject(settings: TrainSettings, class_names: Sequence[str]) -> tuple[Subject, str | None]:
    """The user's network and, if code builds it, the function's name; its layers and classes fit."""
    name = str(settings.model.subject)
    folder = _saved_folder(name)
    if folder is not None:
        subject, function = load_subject(folder), None
    else:
        weights = None if settings.model.weights is None else Path(settings.model.weights)
        preprocessing = _preprocessing(settings)
        subject = import_subject(name, weights=weights, class_names=class_names, preprocessing=preprocessing)
        function = name
    if subject.class_names != tuple(class_names):
        raise SubjectError(
            f"{name} knows {len(subject.class_names)} classes ({', '.join(subject.class_names[:3])}, ...), the data "
            f"have {len(class_names)} ({', '.join(class_names[:3])}, ...); both must be the same, in the same order"
        )
    introspection_of(settings.model, subject)
    return subject, function


def _train_explainer(
    run: Run, settings: TrainSettings, splits: Splits, checkpoints: Path, hardware: Hardware, progress: bool
) -> None:
    subject = load_subject(run.folder / CLASSIFIER, function=settings.model.subject).to(hardware.torch_device())
    introspection = introspection_of(settings.model, subject)
    vocabulary = Vocabulary.from_captions([caption for captions in splits.train.captions for caption in captions])
    limit = settings.explainer.max_length

    def pairs(examples: ExampleDataset, *, views: int) -> CaptionPairs:
        captioned = examples.subset([i for i, captions in enumerate(examples.captions) if captions])
        ids = [[_cut(vocabulary.encode(caption), limit) for caption in own] for own in captioned.captions]
        return CaptionPairs(_read_views(introspection, captioned, settings, views), ids * views)

    train_pairs = pairs(splits.train, views=settings.explainer.views)
    validation_pairs = pairs(splits.validation, views=1)
    with seeded(settings.model.seed, "interpnet"):
        interpnet = InterpNET(
            reading_size=train_pairs.readings.shape[1],
            vocabulary_size=len(vocabulary),
            embedding_size=settings.explainer.embedding_size,
            hidden_size=settings.explainer.hidden_size,
            projection_size=settings.explainer.projection_size,
            dropout=settings.explainer.dropout,
            max_length=limit,
        )
    history = train_interpnet(
        interpnet, train_pairs, validation_pairs, settings.explainer,
        folder=checkpoints, seed=settings.model.seed, hardware=hardware, progress=progress,
    )  # fmt: skip
    save_network(interpnet, run.folder / EXPLAINER)
    run.write(f"{EXPLAINER}/vocabulary.json", vocabulary.to_json())
    run.write(f"{EXPLAINER}/training.json", history)


def _read_views(introspection: Introspection, examples: ExampleDataset, settings: TrainSettings, views: int) -> Reading:
    """r(x) of each picture as it is, then of all pictures changed at random, once for each further view."""
    change = partial(augmented, shift=settings.classifier.shift, relight=settings.classifier.relight)
    readings = [read_all(introspection, examples)[0]]
    for view in range(1, views):
        with seeded(settings.model.seed, "view", view):
            readings.append(read_all(introspection, examples, change=change)[0])
    return torch.cat(readings)


def _cut(ids: list[int], length: int) -> list[int]:
    """A caption of at most `length` words and its full stop."""
    return ids if len(ids) <= length + 1 else [*ids[:length], STOP]
