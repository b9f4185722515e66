"""How explanation modules are built and trained. Light to import, because the command line reads its help from here."""

import math
from dataclasses import dataclass, field

from whynet.base.errors import SettingError

PENALTY_NAMES = ("log", "l1", "epsilon_l1", "kl", "squared")


@dataclass(frozen=True, kw_only=True)
class ModuleSettings:
    """One kind of explanation module; by default SRAE: n, sizes and penalty of the paper, q and beta our own."""

    num_features: int = field(default=5, metadata={"help": "X-features of a module, n."})
    hidden: str = field(default="800-100", metadata={"help": "Units of the encoder's hidden layers."})
    mirrored: bool = field(default=False, metadata={"help": "Give the decoder the encoder's hidden layers, reversed."})
    penalty: str = field(
        default="log", metadata={"help": f"Of reconstruction errors: {', '.join(PENALTY_NAMES)} (squared is SAE)."}
    )
    q: float = field(default=100.0, metadata={"help": "Width of the penalty: how small an error must be to count."})
    beta: float = field(default=1.0, metadata={"help": "Weight of the reconstruction; 0 is a plain network (NN)."})
    faithfulness: float = field(default=1.0, metadata={"help": "Weight of the prediction; 0 is an autoencoder (CAE)."})
    weight_decay: float = field(default=1e-5, metadata={"help": "Lambda: of the squared weights, biases left out."})

    def __post_init__(self) -> None:
        if self.penalty not in PENALTY_NAMES:
            raise SettingError(f"penalty {self.penalty!r} is unknown; choose one of {', '.join(PENALTY_NAMES)}")
        if not all(size.isdecimal() for size in self.hidden.split("-")) or min(self.num_features, *self.sizes) < 1:
            raise SettingError(
                "at least 1 x-feature and hidden layers as in 800-100, of at least 1 unit each, were expected, not "
                f"{self.num_features} and {self.hidden!r}"
            )
        weights = (self.beta, self.faithfulness, self.weight_decay)
        if not 0 < self.q < math.inf or not all(0 <= weight < math.inf for weight in weights):
            raise SettingError(
                "a finite q above 0 and finite weights from 0 on were expected, not "
                f"q = {self.q}, beta = {self.beta}, faithfulness = {self.faithfulness}, decay = {self.weight_decay}"
            )
        if self.beta == self.faithfulness == 0:
            raise SettingError("a module must predict or reconstruct, but both weights are 0; give one of them")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the encoder's hidden layers."""
        return tuple(int(size) for size in self.hidden.split("-"))


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How long and in what steps modules are trained, whatever their kind."""

    epochs: int = field(default=30, metadata={"help": "Times that each picture is seen."})
    batch_size: int = field(default=256, metadata={"help": "Pictures a step."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Of Adam; it falls to 0 along a cosine."})
    positive_share: float = field(
        default=0.5, metadata={"help": "What the class's own pictures weigh together, the rest being all others."}
    )

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or not 0 < self.learning_rate < math.inf:
            raise SettingError(
                "epochs and a batch size of at least 1 and a positive learning rate were expected, not "
                f"{self.epochs}, {self.batch_size} and {self.learning_rate}"
            )
        if not 0 < self.positive_share < 1:
            raise SettingError(f"a share of the positives between 0 and 1 was expected, not {self.positive_share}")
