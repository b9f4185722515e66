"""Phase one of a run: the subject, trained here or taken as it is.

Trained here: our convnet with the head of a variant; a network by name (`timm:resnet10t`); or, as in the paper, a head
on the feature of a network that was trained before (`--backbone`). As it is: `--subject`.
"""

import inspect
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path

import torch

from whynet.base.errors import SubjectError
from whynet.base.seeding import seeded
from whynet.base.types import Reading
from whynet.data.example import ExampleDataset
from whynet.models.convnet import ConvNet
from whynet.models.introspection import Introspection
from whynet.models.named_network import is_named
from whynet.models.named_subject import named_subject, untrained_subject
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import DESCRIPTION, import_subject, load_subject, save_subject
from whynet.models.subject import Subject
from whynet.models.variants import VARIANTS
from whynet.training.augmentation import augmented
from whynet.training.classifier import FeaturePairs, train_classifier, train_head
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.reading import BATCH_SIZE, introspection_of, read_all
from whynet.workflows.run import CLASSIFIER, Run
from whynet.workflows.settings import TrainSettings


def train_subject(
    run: Run,
    settings: TrainSettings,
    splits: Splits,
    checkpoints: Path,
    hardware: Hardware,
    cache: FeatureCache,
    progress: bool,
) -> None:
    """Train the classifier that `settings` ask for, and save it to the run.

    Raises:
        SubjectError: The network's name, its layers or its backbone do not fit.
        TrainingError: The loss became NaN.
    """
    model, class_names = settings.model, splits.train.class_names
    if model.backbone is not None:
        subject, history = _head_on(model.backbone, settings, splits, checkpoints, hardware, cache, progress)
    else:
        with seeded(model.seed, "classifier"):
            subject = _untrained(settings, class_names)
        assert isinstance(subject.preprocess, Preprocessing)
        history = train_classifier(
            subject.network, subject.preprocess, splits.train, splits.validation, settings.classifier,
            folder=checkpoints, seed=model.seed, hardware=hardware, progress=progress,
        )  # fmt: skip
    save_subject(subject, run.folder / CLASSIFIER)
    run.write(f"{CLASSIFIER}/training.json", history)


def check_network(settings: TrainSettings, class_names: Sequence[str]) -> None:
    """Raise `SubjectError` if phase one cannot begin: no such network, layer or backbone, or one of other classes."""
    if settings.model.backbone is not None:
        _backbone(settings.model.backbone, class_names)
    elif not settings.model.is_convnet and settings.model.subject is None:
        with seeded(settings.model.seed, "classifier"):
            introspection_of(settings.model, _untrained(settings, class_names))


def own_subject(settings: TrainSettings, class_names: Sequence[str]) -> tuple[Subject, str | None]:
    """The network that `--subject` names and, if the user's code builds it, the function's name.

    Raises:
        SubjectError: It cannot be had, lacks a layer, or knows other classes than the data.
    """
    name, weights = str(settings.model.subject), settings.model.weights
    folder = saved_folder(name)
    file = None if weights is None else Path(weights)
    function = None
    if folder is not None:
        subject = load_subject(folder)
    elif is_named(name):
        size = settings.data.image_size  # None: the network's own
        subject = named_subject(name, class_names=class_names if file else None, weights=file, image_size=size)
    else:
        function = name
        subject = import_subject(
            name, weights=file, class_names=class_names, preprocessing=_preprocessing(settings)
        )  # fmt: skip
    _check_classes(name, subject, class_names)
    introspection_of(settings.model, subject)
    return subject, function


def saved_folder(name: str) -> Path | None:
    """The folder of a saved subject, or of a run's; None if there is none of that name."""
    return next((path for path in (Path(name), Path(name) / CLASSIFIER) if (path / DESCRIPTION).is_file()), None)


def read_views(
    introspection: Introspection,
    examples: ExampleDataset,
    settings: TrainSettings,
    cache: FeatureCache,
    *,
    views: int,
) -> Reading:
    """r(x) of each picture as it is, then of all pictures changed at random, once for each further view."""
    shift, relight = settings.classifier.shift, settings.classifier.relight
    change = partial(augmented, shift=shift, relight=relight)
    code = blake2b(inspect.getsource(augmented).encode(), digest_size=8).hexdigest()
    readings = [read_all(introspection, examples, cache=cache)[0]]
    for view in range(1, views):
        name = (
            f"view {view}, seed {settings.model.seed}, shift {shift}, relight {relight}, {BATCH_SIZE} at once, {code}"
        )
        with seeded(settings.model.seed, "view", view):
            readings.append(read_all(introspection, examples, change=change, change_name=name, cache=cache)[0])
    return torch.cat(readings)


def _untrained(settings: TrainSettings, class_names: Sequence[str]) -> Subject:
    model = settings.model
    if model.network != "convnet":
        return untrained_subject(model.network, class_names=class_names, image_size=settings.data.input_size)
    network = ConvNet(len(class_names), hidden=VARIANTS[model.variant].hidden, bilinear=model.bilinear)
    return Subject(network, class_names=class_names, preprocess=_preprocessing(settings))


def _head_on(
    backbone: str,
    settings: TrainSettings,
    splits: Splits,
    checkpoints: Path,
    hardware: Hardware,
    cache: FeatureCache,
    progress: bool,
) -> tuple[Subject, list[dict[str, float]]]:
    """The feature of another run's convnet with a head of this variant, trained on it."""
    subject = _backbone(backbone, splits.train.class_names).to(hardware.torch_device())
    assert isinstance(subject.network, ConvNet)
    with seeded(settings.model.seed, "classifier"):
        network = subject.network.with_head(VARIANTS[settings.model.variant].hidden)
    features = Introspection(subject, ("feature",), probabilities=False)

    def pairs(examples: ExampleDataset, *, views: int) -> FeaturePairs:
        labels = torch.tensor(examples.labels).repeat(views)
        return FeaturePairs(read_views(features, examples, settings, cache, views=views), labels)

    history = train_head(
        network, pairs(splits.train, views=settings.explainer.views), pairs(splits.validation, views=1),
        settings.classifier, folder=checkpoints, seed=settings.model.seed, hardware=hardware, progress=progress,
    )  # fmt: skip
    return Subject(network, class_names=subject.class_names, preprocess=subject.preprocess), history


def _backbone(name: str, class_names: Sequence[str]) -> Subject:
    folder = saved_folder(name)
    if folder is None:
        raise SubjectError(f"--backbone needs a run that holds a trained convnet, and {name} holds none; name another")
    subject = load_subject(folder)
    if not isinstance(subject.network, ConvNet):
        raise SubjectError(
            f"--backbone needs a convnet, but {name} holds a {type(subject.network).__name__}; explain it as it is "
            "with --subject"
        )
    _check_classes(name, subject, class_names)
    return subject


def _check_classes(name: str, subject: Subject, class_names: Sequence[str]) -> None:
    if subject.class_names != tuple(class_names):
        raise SubjectError(
            f"{name} knows {len(subject.class_names)} classes ({', '.join(subject.class_names[:3])}, ...), the data "
            f"have {len(class_names)} ({', '.join(class_names[:3])}, ...); both must be the same, in the same order"
        )


def _preprocessing(settings: TrainSettings) -> Preprocessing:
    return Preprocessing(height=settings.data.input_size, width=settings.data.input_size)
