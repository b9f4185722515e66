"""Phase one of InterpNET: the classifier, trained to convergence with early stopping.

Barratt 2017, arXiv:1710.09511, algorithm 1: Adam on L_C, the cross-entropy of the class.

Differs from the paper: the network is trained from its pixels on, so pictures are shifted, mirrored and relit at
random, and the weights decay (AdamW).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from whynet.base.types import Labels, Logits
from whynet.data.example import ExampleDataset
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import logits_of
from whynet.training.augmentation import augmented
from whynet.training.fitting import FitContext, fit
from whynet.training.interpretable import FilterLearning
from whynet.training.pictures import ResizedPictures
from whynet.training.sampling import EpochSampler
from whynet.training.settings import ClassifierSettings

FeaturePairs: TypeAlias = TensorDataset
"""Features x (N, D) and labels (N)."""


class ClassifierTraining(pl.LightningModule, ABC):
    """AdamW on the cross-entropy; validation accuracy decides."""

    network: nn.Module

    def __init__(self, network: nn.Module, num_classes: int, settings: ClassifierSettings) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.settings = settings
        self.accuracy = MulticlassAccuracy(num_classes, average="micro")

    def learning(self, _labels: Labels) -> AbstractContextManager[None]:
        """What holds while the logits of a batch of these labels are computed to be learned from."""
        return nullcontext()

    def loss(self, logits: Logits, labels: Labels) -> Tensor:
        """Cross-entropy, or the logistic loss of each class against all others, added up; mean over the batch."""
        if self.settings.loss == "softmax":
            return F.cross_entropy(logits, labels)
        of_class = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, of_class, reduction="sum") / len(labels)

    @abstractmethod
    def logits(self, inputs: Tensor) -> Logits:
        """The logits of a batch."""

    @abstractmethod
    def trained_parameters(self) -> Iterable[nn.Parameter]:
        """What the optimiser changes."""

    def training_step(self, batch: Sequence[Tensor], _index: int) -> Tensor:
        """The loss of one batch."""
        inputs, labels = batch
        with self.learning(labels):
            loss = self.loss(self.logits(inputs), labels)
        self.log(
            "train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels), sync_dist=True, prog_bar=True
        )
        return loss

    def validation_step(self, batch: Sequence[Tensor], _index: int) -> None:
        """Loss and accuracy of one batch."""
        inputs, labels = batch
        logits = self.logits(inputs)
        self.accuracy(logits, labels)
        self.log("val_loss", self.loss(logits, labels), batch_size=len(labels), sync_dist=True)
        self.log("val_accuracy", self.accuracy, batch_size=len(labels), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over all parameters that are trained."""
        own = self.settings
        return torch.optim.AdamW(
            self.trained_parameters(), lr=own.learning_rate, weight_decay=own.weight_decay, fused=True
        )


class PictureTraining(ClassifierTraining):
    """A whole network, on resized pictures (batch, height, width, 3), 0 to 255, that are changed at random."""

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        num_classes: int,
        settings: ClassifierSettings,
        filters: FilterLearning | None = None,
    ) -> None:
        super().__init__(network, num_classes, settings)
        self.preprocessing = preprocessing
        self.filters = filters

    def learning(self, labels: Labels) -> AbstractContextManager[None]:
        """The filter losses of interpretable layers, where there are any."""
        return nullcontext() if self.filters is None else self.filters.learning(labels, self.current_epoch + 1)

    def logits(self, inputs: Tensor) -> Logits:
        """The logits of a batch of pictures."""
        images = self.preprocessing.normalise(inputs)
        if self.training:
            images = augmented(images, shift=self.settings.shift, relight=self.settings.relight)
        logits = logits_of(self.network(images.contiguous(memory_format=torch.channels_last)))
        assert isinstance(logits, Tensor)  # checked before training
        return logits

    def trained_parameters(self) -> Iterable[nn.Parameter]:
        """All of the network's."""
        return self.network.parameters()


class HeadTraining(ClassifierTraining):
    """The head of a `ConvNet` alone, on features x that were read before."""

    network: ConvNet

    def logits(self, inputs: Tensor) -> Logits:
        """The logits of a batch of features."""
        return self.network.classify(inputs)

    def trained_parameters(self) -> Iterable[nn.Parameter]:
        """Those of the hidden layers and of the output."""
        return (*self.network.hidden.parameters(), *self.network.output.parameters())


def train_classifier(
    network: nn.Module,
    preprocessing: Preprocessing,
    train: ExampleDataset,
    validation: ExampleDataset,
    settings: ClassifierSettings,
    context: FitContext,
    *,
    filters: FilterLearning | None = None,
) -> list[dict[str, float]]:
    """Train `network` in place; it ends with the weights of the epoch of highest validation accuracy.

    Args:
        network: Maps images to one logit for each class of `train`.
        preprocessing: Of the network's input.
        train: What it learns from.
        validation: What decides when to stop.
        settings: How.
        context: Where, and from which seed.
        filters: The filter losses of the network's interpretable layers.

    Returns:
        One row of figures an epoch: epoch, train_loss, val_loss, val_accuracy, learning_rate.

    Raises:
        TrainingError: The loss became NaN.
    """
    module = PictureTraining(network, preprocessing, len(train.class_names), settings, filters)
    pictures = (ResizedPictures(train, preprocessing), ResizedPictures(validation, preprocessing))
    return _fit(module, *pictures, context)


def train_head(
    network: ConvNet,
    train: FeaturePairs,
    validation: FeaturePairs,
    settings: ClassifierSettings,
    context: FitContext,
) -> list[dict[str, float]]:
    """Train the head of `network` in place on features x; its blocks stay as they are.

    In the paper x is fixed, too: the feature of a network that was trained before.

    Args:
        network: Its head maps x to one logit a class.
        train: Pairs of x and a label.
        validation: What decides when to stop.
        settings: How; shift and relight belong to the pictures and mean nothing here.
        context: Where, and from which seed.

    Returns:
        One row of figures an epoch, as `train_classifier`.

    Raises:
        TrainingError: The loss became NaN.
    """
    module = HeadTraining(network, network.output.out_features, settings)
    fixed = [parameter for part in (network.blocks, network.feature) for parameter in part.parameters()]
    for parameter in fixed:
        parameter.requires_grad_(False)  # several processes wait for the gradient of all that want one
    try:
        return _fit(module, train, validation, context)
    finally:
        for parameter in fixed:
            parameter.requires_grad_(True)


def _fit(
    module: ClassifierTraining,
    train: ResizedPictures | FeaturePairs,
    validation: ResizedPictures | FeaturePairs,
    context: FitContext,
) -> list[dict[str, float]]:
    settings = module.settings
    # A last batch of one picture has no variance for batch norm.
    drop_last = len(train) % settings.batch_size == 1 and len(train) > 1
    sampler = EpochSampler(torch.arange(len(train)), per_group=None, seed=context.seed)
    rows = fit(
        module,
        DataLoader(train, settings.batch_size, sampler=sampler, drop_last=drop_last),
        DataLoader(validation, 256),
        settings,
        context,
        description="Classifier",
        monitor="val_accuracy",
        mode="max",
    )
    module.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return rows
