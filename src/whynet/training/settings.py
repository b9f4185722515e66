"""How the two phases train. Light to import, because the command line reads its help from here."""

from dataclasses import dataclass, field
from typing import Literal

from whynet.base.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """How the classifier is trained; defaults are those of InterpNET's released code where it has them.

    But for two, because here the network is trained from its pixels on: it spares the learning rate for two epochs
    without improvement, where the released code halves it after each, and it decays the weights.
    """

    epochs: int = field(default=100, metadata={"help": "Most epochs for the classifier."})
    patience: int = field(default=10, metadata={"help": "Epochs without a better validation accuracy before it stops."})
    plateau_patience: int = field(default=2, metadata={"help": "Such epochs before its learning rate is halved."})
    batch_size: int = field(default=32, metadata={"help": "Pictures a step."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Of Adam, for the classifier."})
    weight_decay: float = field(default=1e-4, metadata={"help": "Decoupled (AdamW), for the classifier."})
    shift: float = field(default=0.08, metadata={"help": "Most random shift, as a share of the picture's side."})
    relight: float = field(
        default=0.15, metadata={"help": "Most random change of brightness and contrast, as a share."}
    )
    loss: Literal["softmax", "logistic"] = field(
        default="softmax",
        metadata={"help": "softmax: cross-entropy over the classes; logistic: each class against all others."},
    )

    def __post_init__(self) -> None:
        if self.loss not in ("softmax", "logistic"):
            raise SettingError(f"a loss of softmax or logistic was expected, not {self.loss!r}")
        if (
            not (0 <= self.weight_decay < 1 and 0 <= self.shift < 1 and 0 <= self.relight < 1)
            or self.plateau_patience < 0
        ):
            raise SettingError(
                "weight decay, shift and relight from 0 to below 1 and a plateau patience from 0 on were expected, "
                f"not {self}"
            )
        if min(self.epochs, self.patience, self.batch_size) < 1 or self.learning_rate <= 0:
            raise SettingError(
                f"epochs, patience and batch size of at least 1 and a positive learning rate were expected, not {self}"
            )


@dataclass(frozen=True, kw_only=True)
class ExplainerSettings:
    """How the explainer is built and trained; defaults are those of InterpNET's released code."""

    epochs: int = field(default=100, metadata={"help": "Most epochs for the explainer."})
    patience: int = field(default=5, metadata={"help": "Epochs without a lower validation loss before it stops."})
    plateau_patience: int = field(default=0, metadata={"help": "Such epochs before its learning rate is halved."})
    batch_size: int = field(default=32, metadata={"help": "Captions a step."})
    learning_rate: float = field(default=5e-4, metadata={"help": "Of Adam, for the explainer."})
    captions_per_epoch: int = field(
        default=10, metadata={"help": "Captions of each picture that an epoch shows, drawn anew each epoch."}
    )
    embedding_size: int = field(default=256, metadata={"help": "Length of a word's vector."})
    hidden_size: int = field(default=512, metadata={"help": "Units of each LSTM."})
    projection_size: int = field(default=512, metadata={"help": "Length of the vector that joins LSTM 1 and r(x)."})
    dropout: float = field(default=0.2, metadata={"help": "Share of the LSTMs' outputs dropped in training."})
    views: int = field(
        default=1,
        metadata={"help": "Times each training picture is read: as it is, then changed at random as in phase one."},
    )
    standardise: bool = field(
        default=True, metadata={"help": "Standardise each entry of r(x) over the training pictures."}
    )
    balance: bool = field(
        default=False,
        metadata={"help": "Let each layer of r(x) weigh alike, however many entries it has; needs standardising."},
    )
    max_length: int = field(default=30, metadata={"help": "Most words of a sentence before its full stop."})

    def __post_init__(self) -> None:
        sizes = (self.embedding_size, self.hidden_size, self.projection_size, self.max_length)
        if min(sizes) < 1 or not 0 <= self.dropout < 1 or self.plateau_patience < 0:
            raise SettingError(
                "sizes and a maximum length of at least 1, a dropout from 0 to below 1, a plateau patience from 0 on "
                f"were expected, not {self}"
            )
        if self.balance and not self.standardise:
            raise SettingError(
                f"layers are balanced where r(x) is standardised, not with balance = {self.balance} and standardise = "
                f"{self.standardise}; leave one of the two out"
            )
        if (
            min(self.epochs, self.patience, self.batch_size, self.captions_per_epoch, self.views) < 1
            or self.learning_rate <= 0
        ):
            raise SettingError(
                "epochs, patience, batch size, captions and views of at least 1 and a positive learning rate were "
                f"expected, not {self}"
            )


@dataclass(frozen=True, kw_only=True)
class GVESettings:
    """How "Generating Visual Explanations" rewards its decoder, and how its two sentence networks are trained.

    The decoder itself is built and trained by `ExplainerSettings`.
    """

    reward_weight: float = field(
        default=0.1,
        metadata={"help": "Lambda: weight of p(class | sampled sentence); 0 trains on the cross-entropy alone."},
    )
    baseline: bool = field(
        default=False,
        metadata={"help": "Subtract from each reward the mean of the batch's others, which makes it less noisy."},
    )
    epochs: int = field(default=30, metadata={"help": "Most epochs for each sentence network."})
    patience: int = field(default=3, metadata={"help": "Epochs without improvement before a sentence network stops."})
    plateau_patience: int = field(default=0, metadata={"help": "Such epochs before its learning rate is halved."})
    batch_size: int = field(default=32, metadata={"help": "Captions a step, for the sentence networks."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Of Adam, for the sentence networks."})
    captions_per_epoch: int = field(
        default=10, metadata={"help": "Captions of each picture that an epoch of a sentence network shows."}
    )
    embedding_size: int = field(default=256, metadata={"help": "Length of a word's vector in the sentence networks."})
    hidden_size: int = field(
        default=512, metadata={"help": "Units of the LSTM of each sentence network, and length of a class embedding."}
    )
    dropout: float = field(
        default=0.2, metadata={"help": "Share of the sentence networks' LSTM outputs dropped in training."}
    )

    def __post_init__(self) -> None:
        if not (0 <= self.reward_weight < float("inf") and 0 <= self.dropout < 1) or self.plateau_patience < 0:
            raise SettingError(
                "a finite reward weight from 0 on, a dropout from 0 to below 1 and a plateau patience from 0 on were "
                f"expected, not {self}"
            )
        counts = (self.epochs, self.patience, self.batch_size, self.captions_per_epoch)
        if min(*counts, self.embedding_size, self.hidden_size) < 1 or not 0 < self.learning_rate < float("inf"):
            raise SettingError(
                "epochs, patience, batch size, captions and sizes of at least 1 and a positive learning rate were "
                f"expected, not {self}"
            )
