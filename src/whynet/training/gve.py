"""Generating Visual Explanations, the baseline of InterpNET's table 1: sentences that fit the picture and its class.

Hendricks, Akata, Rohrbach, Donahue, Schiele & Darrell, "Generating Visual Explanations", ECCV 2016, arXiv:1603.08507.
Four steps, of which the first is skipped where the reward weighs nothing:

1. a sentence classifier learns to tell the class from a caption (`sentences`): it gives the reward;
2. a language model learns the captions (`sentences`);
3. the mean states of the language model over each class's captions become the class embeddings (`class_embedding`);
4. the decoder, InterpNET's own, learns to write from [r(x), embedding of the class] with the reward (`reinforce`).

The class is the true one in training and validation; at test it is the predicted one. What steps 1 and 2 have finished
is kept beside their checkpoints, so a fit that was killed in a later step does not train it on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from whynet.base.files import read_json, write_json_atomically
from whynet.base.seeding import seeded
from whynet.base.types import Labels, Reading
from whynet.models.class_embedding import ClassEmbedding
from whynet.models.interpnet import InterpNET
from whynet.models.language_model import LanguageModel
from whynet.models.saved_network import load_network, save_network
from whynet.models.sentence_classifier import SentenceClassifier
from whynet.training.fitting import FitContext
from whynet.training.interpnet import CaptionPairs
from whynet.training.reinforce import LabelledPairs, train_gve
from whynet.training.sentences import (
    LabelledSentences,
    class_embeddings,
    train_language_model,
    train_sentence_classifier,
)
from whynet.training.settings import ExplainerSettings, GVESettings

History = list[dict[str, float]]
Network = TypeVar("Network", SentenceClassifier, LanguageModel)


@dataclass(frozen=True, kw_only=True, eq=False)
class CaptionedReadings:
    """What is known of some images.

    Args:
        readings: r(x) of each, without a class embedding.
        labels: The true class of each.
        captions: For each image its captions as ids, each ending with STOP and without START.
        sizes: Numbers of entries of the layers in r(x), for who balances them; None takes r(x) as one layer.
        views: How many times the same images with the same captions follow one another, each time read otherwise.
    """

    readings: Reading
    labels: Labels
    captions: Sequence[Sequence[Sequence[int]]]
    sizes: Sequence[int] | None = None
    views: int = 1

    def sentences(self, class_names: Sequence[str]) -> LabelledSentences:
        """The captions, each once whatever the number of views."""
        count = len(self.captions) // self.views
        return LabelledSentences(self.captions[:count], self.labels[:count], class_names)


class FittedGVE(NamedTuple):
    """What `fit_gve` has fitted; `interpnet` reads what `class_embedding` returns."""

    class_embedding: ClassEmbedding
    interpnet: InterpNET
    sentence_classifier: SentenceClassifier | None
    """None where the reward weighs nothing."""
    histories: dict[str, History]
    """One row of figures an epoch, by fit: "sentence_classifier", "language_model", "explainer"."""


def fit_gve(
    build: Callable[[int], InterpNET],
    train: CaptionedReadings,
    validation: CaptionedReadings,
    class_names: Sequence[str],
    settings: ExplainerSettings,
    gve: GVESettings,
    context: FitContext,
) -> FittedGVE:
    """Fit all networks of "Generating Visual Explanations".

    Args:
        build: Makes the decoder for readings of a given length; called once, with seeded initial weights.
        train: What to learn from.
        validation: What decides when each fit stops.
        class_names: Of all classes, in the order of the labels.
        settings: How the decoder is trained.
        gve: The reward, and how the sentence networks are built and trained.
        context: Where, and from which seed; finished networks are kept in its folder, too.

    Returns:
        The class embedding, the decoder, the sentence classifier and the figures of each fit, all on the CPU.

    Raises:
        DataError: Counts differ, a class has no training caption, or r(x) holds NaN.
        TrainingError: A loss became NaN, or the captions did not teach the sentence classifier to tell the classes.
    """
    sentences, validation_sentences = train.sentences(class_names), validation.sentences(class_names)
    sentences.require_every_class()  # before the minutes that the fits take
    with seeded(context.seed, "interpnet"):
        interpnet = build(train.readings.shape[1] + gve.hidden_size)
    histories: dict[str, History] = {}

    def finished(name: str, make: Callable[..., Network], fit: Callable[..., History]) -> Network:
        with seeded(context.seed, name):
            network = make(embedding_size=gve.embedding_size, hidden_size=gve.hidden_size, dropout=gve.dropout)
        run = partial(fit, network, sentences, validation_sentences, gve)
        network, histories[name] = _finished(network, run, context.within(name))
        return network

    classifier: SentenceClassifier | None = None
    if gve.reward_weight > 0:
        make_classifier = partial(SentenceClassifier, len(class_names), interpnet.vocabulary_size)
        classifier = finished("sentence_classifier", make_classifier, train_sentence_classifier)
    make_language_model = partial(LanguageModel, interpnet.vocabulary_size)
    language_model = finished("language_model", make_language_model, train_language_model)
    embedding = ClassEmbedding(len(class_names), gve.hidden_size)
    embedding.vectors.copy_(class_embeddings(language_model.to(context.hardware.torch_device()), sentences))

    def pairs(images: CaptionedReadings) -> LabelledPairs:
        readings = embedding(images.readings, images.labels)
        sizes = None if images.sizes is None else [*images.sizes, gve.hidden_size]
        return LabelledPairs(CaptionPairs(readings, images.captions, sizes), images.labels)

    histories["explainer"] = train_gve(
        interpnet, classifier, pairs(train), pairs(validation), settings, gve, context.within("explainer")
    )
    return FittedGVE(embedding, interpnet, classifier, histories)


def _finished(network: Network, fit: Callable[..., History], context: FitContext) -> tuple[Network, History]:
    """The finished network in the folder and its history; if there is none, `network` is fitted and kept there."""
    history = context.folder / "training.json"  # written last: where it is, all is
    if not history.exists():
        rows = fit(context.within("checkpoints"))
        save_network(network, context.folder)
        write_json_atomically(history, rows)
    return load_network(type(network), context.folder), read_json(history, "the history of a fit")
