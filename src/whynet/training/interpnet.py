"""Phase two of InterpNET: the explainer, trained on a classifier that stays as it is.

Barratt 2017, arXiv:1710.09511, algorithm 1: Adam on L_E, the cross-entropy of the words under teacher forcing, with
early stopping. Each of an image's captions is one training pair. L_E is the mean over the words of a sentence, then
over sentences, as in the authors' code.
"""

from collections.abc import Sequence

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import PADDING, START, UNKNOWN
from whynet.base.types import Reading, TokenIds
from whynet.models.interpnet import InterpNET
from whynet.training.fitting import FitContext, fit
from whynet.training.sampling import EpochSampler
from whynet.training.settings import ExplainerSettings

Pair = tuple[Tensor, Tensor]


class CaptionPairs(Dataset[Pair]):
    """Pairs of r(x) and one caption of the same image.

    Args:
        readings: r(x) of each image.
        captions: For each image its captions as ids, each ending with STOP and without START.
        sizes: Numbers of entries of the layers in r(x), for who balances them; None takes r(x) as one layer.

    Raises:
        DataError: The counts differ, no image has a caption, or r(x) holds NaN.
    """

    def __init__(
        self, readings: Reading, captions: Sequence[Sequence[Sequence[int]]], sizes: Sequence[int] | None = None
    ) -> None:
        if len(readings) != len(captions):
            raise DataError(f"captions of {len(readings)} images were expected, not of {len(captions)}")
        if not readings.isfinite().all():
            row = int((~readings.isfinite().all(1)).nonzero()[0])
            raise DataError(f"r(x) of image {row} holds NaN or infinite values; check the network and its input")
        self.readings = readings
        self.sizes = sizes
        self.sentences = [torch.tensor(ids) for sentences in captions for ids in sentences]
        self.image_of = torch.tensor([image for image, sentences in enumerate(captions) for _ in sentences])
        if not self.sentences:
            raise DataError("no image has a caption; the explainer needs captions to learn from")

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, index: int) -> Pair:
        return self.readings[self.image_of[index]], self.sentences[index]


def collate(pairs: Sequence[Pair]) -> tuple[Reading, TokenIds]:
    """Readings (B, R) and captions (B, T), the shorter ones padded."""
    readings, sentences = zip(*pairs, strict=True)
    return torch.stack(readings), pad_sequence(list(sentences), batch_first=True, padding_value=PADDING)


def sentence_loss(scores: Float[Tensor, "batch time vocabulary"], targets: TokenIds) -> Float[Tensor, ""]:
    """Cross-entropy: mean over the words of each sentence, then over sentences; padding counts nothing. In nats.

    Nor does a word that the vocabulary lacks: in validation it would reward a model for expecting what it never met.
    """
    known = targets.masked_fill(targets == UNKNOWN, PADDING)
    losses = F.cross_entropy(scores.transpose(1, 2), known, ignore_index=PADDING, reduction="none")  # (B, T)
    return (losses.sum(1) / (known != PADDING).sum(1)).mean()


def standardise(interpnet: InterpNET, train: CaptionPairs, settings: ExplainerSettings) -> None:
    """Bring r(x) to the scale of the training pictures, as the settings ask for.

    Raises:
        SettingError: The layers are to be balanced, but their sizes are unknown.
    """
    if settings.balance and train.sizes is None:
        raise SettingError("layers can be balanced where their sizes are known; give the pairs their sizes")
    if settings.standardise:
        interpnet.standardise(train.readings, train.sizes if settings.balance else None)


class ExplainerTraining(pl.LightningModule):
    """Adam on the words' cross-entropy; validation loss decides."""

    def __init__(self, interpnet: InterpNET, learning_rate: float) -> None:
        super().__init__()
        self.interpnet = interpnet
        self.learning_rate = learning_rate

    def _loss(self, batch: tuple[Reading, TokenIds]) -> Tensor:
        readings, targets = batch
        inputs = F.pad(targets[:, :-1], (1, 0), value=START)
        return sentence_loss(self.interpnet(readings, inputs), targets)

    def training_step(self, batch: tuple[Reading, TokenIds], _index: int) -> Tensor:
        """The loss of one batch."""
        loss = self._loss(batch)
        self.log(
            "train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]), sync_dist=True, prog_bar=True
        )
        return loss

    def validation_step(self, batch: tuple[Reading, TokenIds], _index: int) -> None:
        """The loss of one batch."""
        self.log("val_loss", self._loss(batch), batch_size=len(batch[0]), sync_dist=True, prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all parameters."""
        return torch.optim.Adam(self.interpnet.parameters(), lr=self.learning_rate)


def train_interpnet(
    interpnet: InterpNET,
    train: CaptionPairs,
    validation: CaptionPairs,
    settings: ExplainerSettings,
    context: FitContext,
) -> list[dict[str, float]]:
    """Train `interpnet` in place; it ends with the weights of the epoch of lowest validation loss.

    Args:
        interpnet: Takes the readings of `train`.
        train: What it learns from.
        validation: What decides when to stop.
        settings: How.
        context: Where, and from which seed.

    Returns:
        One row of figures an epoch: epoch, train_loss, val_loss, learning_rate.

    Raises:
        SettingError: The layers are to be balanced, but `train` does not know their sizes.
        TrainingError: The loss became NaN.
    """
    standardise(interpnet, train, settings)
    sampler = EpochSampler(train.image_of, per_group=settings.captions_per_epoch, seed=context.seed)
    return fit(
        ExplainerTraining(interpnet, settings.learning_rate),
        DataLoader(train, settings.batch_size, sampler=sampler, collate_fn=collate),
        DataLoader(validation, 256, collate_fn=collate),
        settings,
        context,
        description="Explainer",
        monitor="val_loss",
        mode="min",
    )
