"""The two sentence networks of "Generating Visual Explanations", trained before its decoder.

Hendricks et al., ECCV 2016, arXiv:1603.08507, section 3. The sentence classifier (`sentence_classifier`) learns to tell
from a caption alone which class it describes, by the cross-entropy of the class; validation accuracy decides. The
language model (`language_model`) learns to predict the next word of the captions, by the cross-entropy of the words;
validation loss decides. Its states give the class embeddings,

    e_c = mean over the training sentences of class c of the mean state of the sentence

A sentence classifier that has learned nothing rewards nothing, or noise, so it is refused: with m the share of the
most frequent class among the n validation images' captions, its validation accuracy must exceed

    m + min(3 sqrt(m (1 - m) / n), (1 - m) / 2)

three standard errors of one who always guesses that class. Images are counted, not captions, because the captions of
one image share their class. The second term lets a validation set of a few images pass as well.
"""

import math
from collections.abc import Sequence

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from torchmetrics.classification import MulticlassAccuracy

from whynet.base.errors import DataError, RewardError
from whynet.base.tokens import PADDING, START
from whynet.base.types import Labels, TokenIds
from whynet.models.language_model import LanguageModel
from whynet.models.sentence_classifier import SentenceClassifier
from whynet.training.fitting import FitContext, fit
from whynet.training.interpnet import sentence_loss
from whynet.training.sampling import EpochSampler
from whynet.training.settings import GVESettings

Item = tuple[Tensor, int]


class LabelledSentences(Dataset[Item]):
    """Pairs of one caption and the class of its image.

    Args:
        captions: For each image its captions as ids, each ending with STOP and without START.
        labels: The class of each image.
        class_names: Of all classes.

    Raises:
        DataError: The counts differ, no image has a caption, or a label names no class.
    """

    def __init__(self, captions: Sequence[Sequence[Sequence[int]]], labels: Labels, class_names: Sequence[str]) -> None:
        if len(labels) != len(captions):
            raise DataError(f"captions of {len(labels)} images were expected, not of {len(captions)}")
        self.class_names = tuple(class_names)
        outside = (labels < 0) | (labels >= len(self.class_names))
        if bool(outside.any()):
            raise DataError(
                f"labels from 0 to {len(self.class_names) - 1} were expected, not {int(labels[outside][0])}; name all "
                "classes"
            )
        self.sentences = [torch.tensor(ids) for sentences in captions for ids in sentences]
        if not self.sentences:
            raise DataError("no image has a caption; the sentence networks need captions to learn from")
        self.image_of = torch.tensor([image for image, sentences in enumerate(captions) for _ in sentences])
        self.labels = labels[self.image_of]  # of each caption

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, index: int) -> Item:
        return self.sentences[index], int(self.labels[index])

    def require_every_class(self) -> None:
        """Raise `DataError` if a class has no caption, because it would have no embedding."""
        counts = self.labels.bincount(minlength=len(self.class_names))
        bare = [name for name, count in zip(self.class_names, counts.tolist(), strict=True) if not count]
        if bare:
            raise DataError(
                f"every class needs a training caption for its embedding, but {len(bare)} have none "
                f"({', '.join(bare[:3])}); add captions, or leave these classes out"
            )


def collate(items: Sequence[Item]) -> tuple[TokenIds, Labels]:
    """Captions (B, T), the shorter ones padded, and their classes (B,)."""
    sentences, labels = zip(*items, strict=True)
    return pad_sequence(list(sentences), batch_first=True, padding_value=PADDING), torch.tensor(labels)


class SentenceClassifierTraining(pl.LightningModule):
    """Adam on the cross-entropy of the class; validation accuracy decides."""

    def __init__(self, network: SentenceClassifier, learning_rate: float) -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate
        self.accuracy = MulticlassAccuracy(network.num_classes, average="micro")

    def training_step(self, batch: tuple[TokenIds, Labels], _index: int) -> Tensor:
        """The loss of one batch."""
        ids, labels = batch
        loss = F.cross_entropy(self.network(ids), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(ids), sync_dist=True)
        return loss

    def validation_step(self, batch: tuple[TokenIds, Labels], _index: int) -> None:
        """Loss and accuracy of one batch."""
        ids, labels = batch
        logits = self.network(ids)
        self.accuracy(logits, labels)
        self.log("val_loss", F.cross_entropy(logits, labels), batch_size=len(ids), sync_dist=True)
        self.log("val_accuracy", self.accuracy, batch_size=len(ids))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all parameters."""
        return torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)


class LanguageModelTraining(pl.LightningModule):
    """Adam on the words' cross-entropy, as the explainer's; validation loss decides."""

    def __init__(self, network: LanguageModel, learning_rate: float) -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate

    def _loss(self, ids: TokenIds) -> Tensor:
        return sentence_loss(self.network(F.pad(ids[:, :-1], (1, 0), value=START)), ids)

    def training_step(self, batch: tuple[TokenIds, Labels], _index: int) -> Tensor:
        """The loss of one batch."""
        loss = self._loss(batch[0])
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]), sync_dist=True)
        return loss

    def validation_step(self, batch: tuple[TokenIds, Labels], _index: int) -> None:
        """The loss of one batch."""
        self.log("val_loss", self._loss(batch[0]), batch_size=len(batch[0]), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all parameters."""
        return torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)


def train_sentence_classifier(
    classifier: SentenceClassifier,
    train: LabelledSentences,
    validation: LabelledSentences,
    settings: GVESettings,
    context: FitContext,
) -> list[dict[str, float]]:
    """Train `classifier` in place; it ends with the weights of the epoch of highest validation accuracy.

    Args:
        classifier: Knows the classes and the words of `train`.
        train: What it learns from.
        validation: What decides when to stop, and whether it has learned anything.
        settings: How.
        context: Where, and from which seed.

    Returns:
        One row of figures an epoch: epoch, train_loss, val_loss, val_accuracy, learning_rate.

    Raises:
        RewardError: The classifier is no better than one that always says the same.
        TrainingError: The loss became NaN.
    """
    module = SentenceClassifierTraining(classifier, settings.learning_rate)
    batches = _batches(train, validation, settings, context.seed)
    rows = fit(
        module, *batches, settings, context, description="Sentence classifier", monitor="val_accuracy", mode="max"
    )
    _refuse_a_guesser(max(row["val_accuracy"] for row in rows), validation)
    return rows


def train_language_model(
    model: LanguageModel,
    train: LabelledSentences,
    validation: LabelledSentences,
    settings: GVESettings,
    context: FitContext,
) -> list[dict[str, float]]:
    """Train `model` in place; it ends with the weights of the epoch of lowest validation loss.

    Args and what is raised are those of `train_sentence_classifier`, but that nothing is expected of its accuracy.

    Returns:
        One row of figures an epoch: epoch, train_loss, val_loss, learning_rate.
    """
    module = LanguageModelTraining(model, settings.learning_rate)
    batches = _batches(train, validation, settings, context.seed)
    return fit(module, *batches, settings, context, description="Language model", monitor="val_loss", mode="min")


def class_embeddings(model: LanguageModel, sentences: LabelledSentences) -> Float[Tensor, "classes size"]:
    """The mean over each class's sentences of the sentence's mean state, each sentence weighing alike.

    Args:
        model: The trained language model; it computes where its parameters lie.
        sentences: The training captions.

    Returns:
        One vector a class, on the CPU.

    Raises:
        DataError: A class has no sentence.
    """
    sentences.require_every_class()
    device = model.output.weight.device
    sums = torch.zeros(len(sentences.class_names), model.hidden_size, dtype=torch.float64)
    for ids, labels in DataLoader(sentences, 256, collate_fn=collate):
        sums.index_add_(0, labels, model.mean_states(ids.to(device)).cpu().double())
    counts = sentences.labels.bincount(minlength=len(sums))
    return (sums / counts[:, None]).float()


def _batches(
    train: LabelledSentences, validation: LabelledSentences, settings: GVESettings, seed: int
) -> tuple[DataLoader[Item], DataLoader[Item]]:
    sampler = EpochSampler(train.image_of, per_group=settings.captions_per_epoch, seed=seed)
    return (
        DataLoader(train, settings.batch_size, sampler=sampler, collate_fn=collate),
        DataLoader(validation, 256, collate_fn=collate),
    )


def _refuse_a_guesser(accuracy: float, validation: LabelledSentences) -> None:
    share = int(validation.labels.bincount().max()) / len(validation)
    num_images = len(set(validation.image_of.tolist()))
    needed = share + min(3 * math.sqrt(share * (1 - share) / num_images), (1 - share) / 2)
    if accuracy <= needed:
        raise RewardError(
            f"the sentence classifier is right about {accuracy:.1%} of the validation captions, but above {needed:.1%} "
            f"was expected where the most frequent class has {share:.1%}; train it for more epochs, use captions that "
            "tell the classes apart, or train without reward (--gve-reward-weight 0)"
        )
