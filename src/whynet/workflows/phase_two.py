"""Phase two of a run: the explainer, trained on a subject that stays as it is."""

from functools import partial
from pathlib import Path

import torch

from whynet.base.seeding import seeded
from whynet.base.tokens import STOP
from whynet.data.example import ExampleDataset
from whynet.data.vocabulary import Vocabulary
from whynet.models.interpnet import InterpNET
from whynet.models.saved_network import save_network
from whynet.models.saved_subject import load_subject
from whynet.models.variants import VARIANTS
from whynet.training.gve import CaptionedReadings, fit_gve
from whynet.training.interpnet import CaptionPairs, train_interpnet
from whynet.training.settings import ExplainerSettings
from whynet.workflows.job import TrainingJob
from whynet.workflows.phase_one import check_classes
from whynet.workflows.reading import introspection_of
from whynet.workflows.run import CLASS_EMBEDDING, CLASSIFIER, EXPLAINER


def train_explainer(job: TrainingJob, checkpoints: Path) -> None:
    """Train the explainer of a run that holds its subject, and save it there.

    Raises:
        SubjectError: The classes of the data are no longer those that the subject knows.
        DataError: No picture has a caption.
        TrainingError: The loss became NaN, or the baseline's reward learned nothing.
    """
    run, settings, splits = job.run, job.settings, job.splits
    context = job.context(checkpoints)
    subject = load_subject(run.folder / CLASSIFIER, function=settings.model.subject).to(job.hardware.torch_device())
    check_classes(f"{run.folder}", subject, splits.train.class_names)
    introspection = introspection_of(settings.model, subject)
    vocabulary = Vocabulary.from_captions([caption for captions in splits.train.captions for caption in captions])
    limit = settings.explainer.max_length
    sizes = [size for _, size in introspection.segments()] if settings.explainer.balance else None

    def captioned(examples: ExampleDataset, *, views: int) -> CaptionedReadings:
        own = examples.subset([index for index, captions in enumerate(examples.captions) if captions])
        return CaptionedReadings(
            readings=job.read_views(introspection, own, views=views),
            labels=torch.tensor(own.labels).repeat(views),
            captions=[[_cut(vocabulary.encode(caption), limit) for caption in captions] for captions in own.captions]
            * views,
            sizes=sizes,
            views=views,
        )

    build = partial(_interpnet, settings.explainer, len(vocabulary))
    train, validation = captioned(splits.train, views=settings.explainer.views), captioned(splits.validation, views=1)
    if VARIANTS[settings.model.variant].class_embedding:
        fitted = fit_gve(build, train, validation, subject.class_names, settings.explainer, settings.gve, context)
        interpnet, histories = fitted.interpnet, fitted.histories
        save_network(fitted.class_embedding, run.folder / CLASS_EMBEDDING)
    else:
        with seeded(settings.model.seed, "interpnet"):
            interpnet = build(train.readings.shape[1])
        pairs = [CaptionPairs(own.readings, own.captions, own.sizes) for own in (train, validation)]
        history = train_interpnet(interpnet, pairs[0], pairs[1], settings.explainer, context)
        histories = {"explainer": history}
    save_network(interpnet, run.folder / EXPLAINER)
    run.write(f"{EXPLAINER}/vocabulary.json", vocabulary.to_json())
    run.write(f"{EXPLAINER}/training.json", histories.pop("explainer"))
    for name, history in histories.items():
        run.write(f"{EXPLAINER}/{name}.json", history)


def _interpnet(settings: ExplainerSettings, vocabulary_size: int, reading_size: int) -> InterpNET:
    return InterpNET(
        reading_size=reading_size,
        vocabulary_size=vocabulary_size,
        embedding_size=settings.embedding_size,
        hidden_size=settings.hidden_size,
        projection_size=settings.projection_size,
        dropout=settings.dropout,
        max_length=settings.max_length,
    )


def _cut(ids: list[int], length: int) -> list[int]:
    """A caption of at most `length` words and its full stop."""
    return ids if len(ids) <= length + 1 else [*ids[:length], STOP]
