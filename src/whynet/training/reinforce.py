"""The decoder of "Generating Visual Explanations", rewarded for sentences that tell the class.

Hendricks, Akata, Rohrbach, Donahue, Schiele & Darrell, "Generating Visual Explanations", ECCV 2016, arXiv:1603.08507:

    loss = L_E - lambda * E[R(s)],   R(s) = p(class | s),   s drawn from the decoder
    gradient of E[R(s)] = E[R(s) * grad log p(s)]   (REINFORCE), estimated by one sentence a training pair

The decoder is InterpNET's; it reads r(x) and the embedding of the true class (`class_embedding`). L_E is the
cross-entropy of the words as in `interpnet`, p(class | s) comes from a frozen `sentence_classifier`, and log p(s) is
the sum over the words of s, as in the paper. L_E is a mean over the words here, so our lambda is the paper's divided by
the number of words of a sentence. Painted birds (one seed, 10 epochs): lambda 0.1 raised the reward of the greedy
sentences from 0.47 to 0.60 and L_E from 0.742 to 0.749; lambda 1 made them repeat themselves (L_E 1.04).

Differs from the paper: s is drawn without dropout and without the words that are never written, and log p(s) is that of
this same distribution, so that the estimate is unbiased. With `baseline` the mean reward of the batch's other sentences
is subtracted from each reward, which leaves it unbiased. The epoch of lowest L_E on the validation captions is kept.
"""

from collections.abc import Sequence

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import START
from whynet.base.types import Labels, Reading, TokenIds
from whynet.models.interpnet import InterpNET
from whynet.models.sentence_classifier import SentenceClassifier
from whynet.training.fitting import FitContext, fit
from whynet.training.interpnet import CaptionPairs, collate, sentence_loss, standardise
from whynet.training.sampling import EpochSampler
from whynet.training.settings import ExplainerSettings, GVESettings

Batch = tuple[Reading, TokenIds, Labels, Labels]
"""Readings, captions, classes, and the number of the image that each is of."""


class LabelledPairs(Dataset[tuple[Tensor, Tensor, int, int]]):
    """Pairs of r(x) and a caption, each with the class and the number of its image.

    Args:
        pairs: The pairs.
        labels: The class of each image.

    Raises:
        DataError: The counts differ.
    """

    def __init__(self, pairs: CaptionPairs, labels: Labels) -> None:
        if len(labels) != len(pairs.readings):
            raise DataError(f"labels of {len(pairs.readings)} images were expected, not of {len(labels)}")
        self.pairs = pairs
        self.labels = labels

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int, int]:
        image = int(self.pairs.image_of[index])
        return *self.pairs[index], int(self.labels[image]), image


def collate_labelled(items: Sequence[tuple[Tensor, Tensor, int, int]]) -> Batch:
    """Readings (B, R), captions (B, T), the shorter ones padded, classes (B,) and images (B,)."""
    readings, ids = collate([item[:2] for item in items])
    return readings, ids, torch.tensor([item[2] for item in items]), torch.tensor([item[3] for item in items])


@torch.no_grad()
def sentence_rewards(classifier: SentenceClassifier, ids: TokenIds, classes: Labels) -> Float[Tensor, " batch"]:
    """p(class | sentence) of each sentence, in the classifier's mode; in [0, 1], higher is better."""
    chances: Tensor = classifier(ids).softmax(1)  # (B, C)
    return chances.gather(1, classes[:, None])[:, 0]


def reinforce(
    interpnet: InterpNET, classifier: SentenceClassifier, readings: Reading, classes: Labels, *, baseline: bool
) -> tuple[Float[Tensor, ""], Float[Tensor, " batch"]]:
    """A number whose gradient is an unbiased estimate of that of -E[p(class | sentence)], and the rewards.

    Args:
        interpnet: Draws one sentence for each reading, from torch's global generator.
        classifier: Gives the rewards; in evaluation mode.
        readings: What `interpnet` reads.
        classes: The true class of each.
        baseline: Whether the mean reward of the other sentences is subtracted from each reward.
    """
    ids = interpnet.sample(readings).ids
    rewards = sentence_rewards(classifier, ids, classes)
    # Of the others alone: the mean of all would hold the reward itself and scale the estimate by 1 - 1 / B.
    others = (rewards.sum() - rewards) / max(len(rewards) - 1, 1) if baseline else torch.zeros_like(rewards)
    return -((rewards - others) * interpnet.log_probability(readings, ids)).mean(), rewards


class GVETraining(pl.LightningModule):
    """Adam on the words' cross-entropy minus the weighted reward; the validation cross-entropy decides."""

    def __init__(
        self, interpnet: InterpNET, classifier: SentenceClassifier | None, learning_rate: float, gve: GVESettings
    ) -> None:
        super().__init__()
        self.interpnet = interpnet
        self.classifier = None if classifier is None else classifier.requires_grad_(False)
        self.learning_rate = learning_rate
        self.gve = gve

    def _cross_entropy(self, readings: Reading, targets: TokenIds) -> Tensor:
        return sentence_loss(self.interpnet(readings, F.pad(targets[:, :-1], (1, 0), value=START)), targets)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """The number to descend on; `train_loss` is the loss that it stands for, with the rewards of this batch."""
        readings, targets, classes, _ = batch
        descend = self._cross_entropy(readings, targets)
        loss = descend.detach()
        if self.classifier is not None and self.gve.reward_weight > 0:
            drawn, rewards = reinforce(
                self.interpnet, self.classifier.eval(), readings, classes, baseline=self.gve.baseline
            )
            descend = descend + self.gve.reward_weight * drawn
            loss = loss - self.gve.reward_weight * rewards.mean()
            self.log(
                "train_reward", rewards.mean(), on_step=False, on_epoch=True, batch_size=len(targets), sync_dist=True
            )
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(targets), sync_dist=True)
        return descend

    def validation_step(self, batch: Batch, _index: int) -> None:
        """The cross-entropy of one batch, and the mean reward of the greedy sentences of its images."""
        readings, targets, classes, images = batch
        self.log("val_loss", self._cross_entropy(readings, targets), batch_size=len(targets), sync_dist=True)
        if self.classifier is not None:
            # The captions of one image share its r(x): it is written about once.
            row_of = {image: row for row, image in enumerate(images.tolist())}
            once = list(row_of.values())
            rewards = sentence_rewards(self.classifier.eval(), self.interpnet.write(readings[once]).ids, classes[once])
            reward_of = dict(zip(row_of, rewards.tolist(), strict=True))
            mean = sum(reward_of[image] for image in images.tolist()) / len(images)
            self.log("val_reward", mean, batch_size=len(targets), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all parameters of the decoder."""
        return torch.optim.Adam(self.interpnet.parameters(), lr=self.learning_rate)


def train_gve(
    interpnet: InterpNET,
    classifier: SentenceClassifier | None,
    train: LabelledPairs,
    validation: LabelledPairs,
    settings: ExplainerSettings,
    gve: GVESettings,
    context: FitContext,
) -> list[dict[str, float]]:
    """Train `interpnet` in place; it ends with the weights of the epoch of lowest validation cross-entropy.

    Args:
        interpnet: Takes the readings of `train`, which hold the class embeddings.
        classifier: Trained; it stays as it is. None if the reward weighs nothing.
        train: What it learns from.
        validation: What decides when to stop.
        settings: How, as for `train_interpnet`.
        gve: Of it the weight of the reward and the baseline.
        context: Where, and from which seed.

    Returns:
        One row of figures an epoch: epoch, train_loss, val_loss, learning_rate; with a classifier val_reward too, the
        mean p(true class | greedy sentence) over the validation captions' images, higher is better.

    Raises:
        SettingError: The reward has a weight but there is no classifier, or layers of unknown sizes are to be balanced.
        TrainingError: The loss became NaN.
    """
    if classifier is None and gve.reward_weight > 0:
        raise SettingError(
            f"a reward of weight {gve.reward_weight} needs a sentence classifier; give one, or set reward_weight to 0"
        )
    standardise(interpnet, train.pairs, settings)
    sampler = EpochSampler(train.pairs.image_of, per_group=settings.captions_per_epoch, seed=context.seed)
    return fit(
        GVETraining(interpnet, classifier, settings.learning_rate, gve),
        DataLoader(train, settings.batch_size, sampler=sampler, collate_fn=collate_labelled),
        DataLoader(validation, 256, collate_fn=collate_labelled),
        settings,
        context,
        description="Explainer (GVE)",
        monitor="val_loss",
        mode="min",
    )
