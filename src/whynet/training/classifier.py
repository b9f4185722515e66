"""Phase one of InterpNET: the classifier, trained to convergence with early stopping.

Barratt 2017, arXiv:1710.09511, algorithm 1: Adam on L_C, the cross-entropy of the class.

Differs from the paper: the network is trained from its pixels on, so pictures are shifted, mirrored and relit at
random.
"""

from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy

from whynet.base.types import Images
from whynet.data.example import ExampleDataset
from whynet.models.preprocessing import Preprocessing
from whynet.training.augmentation import augmented
from whynet.training.fitting import Fitting
from whynet.training.hardware import Hardware
from whynet.training.pictures import ResizedPictures
from whynet.training.sampling import EpochSampler
from whynet.training.settings import ClassifierSettings


class ClassifierTraining(pl.LightningModule):
    """Adam on the cross-entropy; validation accuracy decides."""

    def __init__(
        self, network: nn.Module, preprocessing: Preprocessing, num_classes: int, settings: ClassifierSettings
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.settings = settings
        self.accuracy = MulticlassAccuracy(num_classes, average="micro")

    def _images(self, pictures: Tensor) -> Images:
        return self.preprocessing.normalise(pictures).contiguous(memory_format=torch.channels_last)

    def training_step(self, batch: Sequence[Tensor], _index: int) -> Tensor:
        """The loss of one batch."""
        pictures, labels = batch
        images = augmented(self._images(pictures), shift=self.settings.shift, relight=self.settings.relight)
        loss = F.cross_entropy(self.network(images), labels)
        self.log(
            "train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels), sync_dist=True, prog_bar=True
        )
        return loss

    def validation_step(self, batch: Sequence[Tensor], _index: int) -> None:
        """Loss and accuracy of one batch."""
        pictures, labels = batch
        logits = self.network(self._images(pictures))
        self.accuracy(logits, labels)
        self.log("val_loss", F.cross_entropy(logits, labels), batch_size=len(labels), sync_dist=True)
        self.log("val_accuracy", self.accuracy, batch_size=len(labels), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over all parameters."""
        return torch.optim.AdamW(
            self.network.parameters(), lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay
        )


def train_classifier(
    network: nn.Module,
    preprocessing: Preprocessing,
    train: ExampleDataset,
    validation: ExampleDataset,
    settings: ClassifierSettings,
    *,
    folder: Path,
    seed: int,
    hardware: Hardware,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train `network` in place; it ends with the weights of the epoch of highest validation accuracy.

    Args:
        network: Maps images to one logit for each class of `train`.
        preprocessing: Of the network's input.
        train: What it learns from.
        validation: What decides when to stop.
        settings: How.
        folder: For the checkpoints; a fit that was killed goes on from those it finds there.
        seed: Of order, dropout and augmentation.
        hardware: Where.
        progress: Whether a progress bar is shown.

    Returns:
        One row of figures an epoch: epoch, train_loss, val_loss, val_accuracy, learning_rate.

    Raises:
        TrainingError: The loss became NaN.
    """
    module = ClassifierTraining(network, preprocessing, len(train.class_names), settings)
    pictures = ResizedPictures(train, preprocessing)
    sampler = EpochSampler(torch.arange(len(train)), per_group=None, seed=seed)
    # A last batch of one picture has no variance for batch norm.
    drop_last = len(train) % settings.batch_size == 1 and len(train) > 1
    fitting = Fitting(
        description="Classifier", monitor="val_accuracy", mode="max", epochs=settings.epochs,
        patience=settings.patience, plateau_patience=settings.plateau_patience, seed=seed, hardware=hardware,
        progress=progress,
    )  # fmt: skip
    rows = fitting.run(
        module,
        DataLoader(pictures, settings.batch_size, sampler=sampler, drop_last=drop_last),
        DataLoader(ResizedPictures(validation, preprocessing), 256),
        folder=folder,
    )
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return rows
