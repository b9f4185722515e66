"""Phase one of a run: the subject, trained here or taken as it is.

Trained here: our convnet with the head of a variant; another built-in network (`alexnet`); a library's network
(`timm:resnet10t`); or, as in the paper, a head on the feature of a network that was trained before (`--backbone`).
As it is: `--subject`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from whynet.base.errors import SubjectError
from whynet.base.seeding import seeded
from whynet.data.example import ExampleDataset
from whynet.models.built_in_networks import build_built_in
from whynet.models.convnet import ConvNet
from whynet.models.interpretable_conv import interpretable_layers, make_interpretable
from whynet.models.introspection import Introspection
from whynet.models.named_network import is_named
from whynet.models.named_subject import untrained_subject
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import load_subject, save_subject
from whynet.models.starting_weights import start_from
from whynet.models.subject import Subject
from whynet.models.variants import VARIANTS
from whynet.training.classifier import FeaturePairs, train_classifier, train_head
from whynet.training.fitting import FitContext
from whynet.training.interpretable import FilterLearning
from whynet.workflows.job import TrainingJob
from whynet.workflows.reading import introspection_of
from whynet.workflows.run import CLASSIFIER, Run
from whynet.workflows.settings import MULTI, TrainSettings
from whynet.workflows.subjects import is_code, open_subject_for_data, preprocessing_for, saved_folder


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedSubject:
    """The subject of a run before phase one.

    Args:
        subject: What the run will hold.
        is_own: Whether it is the user's and stays as it is; else it is still to be trained.
        function: The function whose code builds it, where it is the user's code.
        backbone: The network on whose feature a new head is to be trained.
    """

    subject: Subject
    is_own: bool = False
    function: str | None = None
    backbone: Subject | None = None


def prepare_subject(settings: TrainSettings, class_names: Sequence[str]) -> PreparedSubject:
    """The subject that `settings` ask for, with initial weights where it is to be trained.

    Raises:
        SubjectError: The network, its layers, its backbone or its classes do not fit.
        RunError: Its weights are absent, damaged, or not safetensors.
        MissingDependencyError: The library that builds it is not installed.
    """
    model = settings.model
    if model.subject is not None:
        prepared = _own(settings, class_names)
    elif model.backbone is not None:
        prepared = _head_on(model.backbone, settings, class_names)
    else:
        with seeded(model.seed, "classifier"):
            prepared = PreparedSubject(subject=_untrained(settings, class_names))
    introspection_of(model, prepared.subject)  # a wrong layer is told before any training
    return prepared


def train_subject(job: TrainingJob, prepared: PreparedSubject, checkpoints: Path) -> None:
    """Train a prepared subject unless it is the user's own, and save it to the run.

    Raises:
        TrainingError: The loss became NaN.
    """
    folder = job.run.folder / CLASSIFIER
    if prepared.is_own:
        save_subject(prepared.subject, folder, function=prepared.function)
        return
    fit = _fit_network if prepared.backbone is None else _fit_head
    history = fit(job, prepared, job.context(checkpoints))
    save_subject(prepared.subject, folder)
    job.run.write(f"{CLASSIFIER}/training.json", history)


def check_classes(name: str, subject: Subject, class_names: Sequence[str]) -> None:
    """Raise `SubjectError` unless a subject knows the classes of the data, in their order."""
    if subject.class_names != tuple(class_names):
        raise SubjectError(
            f"{name} knows {len(subject.class_names)} classes ({', '.join(subject.class_names[:3])}, ...), the data "
            f"have {len(class_names)} ({', '.join(class_names[:3])}, ...); both must be the same, in the same order"
        )


def _own(settings: TrainSettings, class_names: Sequence[str]) -> PreparedSubject:
    name, weights = str(settings.model.subject), settings.model.weights
    subject = open_subject_for_data(
        name, class_names, settings.data, weights=None if weights is None else Path(weights)
    )
    check_classes(name, subject, class_names)
    return PreparedSubject(subject=subject, is_own=True, function=name if is_code(name) else None)


def _head_on(name: str, settings: TrainSettings, class_names: Sequence[str]) -> PreparedSubject:
    """The feature of another run's convnet with a new head of this variant."""
    folder = saved_folder(name)
    if folder is None:
        raise SubjectError(f"--backbone needs a run that holds a trained convnet, and {name} holds none; name another")
    backbone = load_subject(folder)
    if not isinstance(backbone.network, ConvNet):
        raise SubjectError(
            f"--backbone needs a convnet, but {name} holds a {type(backbone.network).__name__}; explain it as it is "
            "with --subject"
        )
    check_classes(name, backbone, class_names)
    with seeded(settings.model.seed, "classifier"):
        network = backbone.network.with_head(VARIANTS[settings.model.variant].hidden)
    subject = Subject(network, class_names=backbone.class_names, preprocess=backbone.preprocess)
    return PreparedSubject(subject=subject, backbone=backbone)


def _untrained(settings: TrainSettings, class_names: Sequence[str]) -> Subject:
    model = settings.model
    subject = _ordinary(settings, class_names)
    if model.start is not None:
        folder = saved_folder(model.start)
        if folder is None:
            raise SubjectError(
                f"--start needs a run that holds a trained network, and {model.start} holds none; name another"
            )
        _check_held_out(settings, Path(model.start))
        start_from(subject, load_subject(folder, option="--start"), model.start)
    if model.interpretable:
        assert isinstance(subject.preprocess, Preprocessing)
        layer = model.interpretable_layer or str(getattr(subject.network, "top_layer", ""))
        subject.network = make_interpretable(
            subject.network, layer, images=subject.preprocess.blank(), settings=settings.filters
        )
    return subject


def _check_held_out(settings: TrainSettings, start: Path) -> None:
    """Pictures that are held out here must not have been trained on there."""
    if not (start / "run.json").is_file():  # a saved subject, of whose data nothing is known
        return
    ours, theirs = settings.data, TrainSettings.from_json(Run.open(start).settings).data
    if (ours.name, ours.root) != (theirs.name, theirs.root):
        return
    for option in ("data_seed", "held_out"):
        if (here := getattr(ours, option)) != (there := getattr(theirs, option)):
            raise SubjectError(
                f"--{option.replace('_', '-')} {there} of {start} was expected, not {here}: pictures held out here "
                "would have been trained on there; give the same, or name another run to --start with"
            )


def _ordinary(settings: TrainSettings, class_names: Sequence[str]) -> Subject:
    model = settings.model
    if is_named(model.network):
        return untrained_subject(model.network, class_names=class_names, image_size=settings.data.input_size)
    preprocess = preprocessing_for(settings.data)
    if model.is_convnet:
        convnet = ConvNet(len(class_names), hidden=VARIANTS[model.variant].hidden, bilinear=model.bilinear)
        return Subject(convnet, class_names=class_names, preprocess=preprocess)
    network = build_built_in(model.network, len(class_names), width=model.width)
    subject = Subject(network, class_names=class_names, preprocess=preprocess, name=model.network)
    subject.logits(preprocess.blank())  # too small a picture is told at once
    return subject


def _fit_network(job: TrainingJob, prepared: PreparedSubject, context: FitContext) -> list[dict[str, float]]:
    subject, splits = prepared.subject, job.splits
    assert isinstance(subject.preprocess, Preprocessing)
    return train_classifier(
        subject.network, subject.preprocess, splits.train, splits.validation, job.settings.classifier, context,
        filters=_filters(job, subject),
    )  # fmt: skip


def _filters(job: TrainingJob, subject: Subject) -> FilterLearning | None:
    """The filter losses of a subject with interpretable layers; of a single category, filters stand for it alone."""
    if not interpretable_layers(subject.network):
        return None
    assert isinstance(subject.preprocess, Preprocessing)
    categories = None if job.settings.data.task == MULTI else (0,)
    return FilterLearning(
        subject.network, subject.preprocess.blank(), len(subject.class_names), job.settings.filters,
        categories=categories,
    )  # fmt: skip


def _fit_head(job: TrainingJob, prepared: PreparedSubject, context: FitContext) -> list[dict[str, float]]:
    assert prepared.backbone is not None
    assert isinstance(prepared.subject.network, ConvNet)
    # The backbone's own feature and not the equal one below the new head: all heads on it share one cache entry.
    backbone = prepared.backbone.to(job.hardware.torch_device())
    features = Introspection(backbone, ("feature",), probabilities=False)

    def pairs(examples: ExampleDataset, *, views: int) -> FeaturePairs:
        labels = torch.tensor(examples.labels).repeat(views)
        return FeaturePairs(job.read_views(features, examples, views=views), labels)

    train, validation = (
        pairs(job.splits.train, views=job.settings.explainer.views),
        pairs(job.splits.validation, views=1),
    )
    return train_head(prepared.subject.network, train, validation, job.settings.classifier, context)
