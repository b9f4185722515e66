"""What decides how a run comes out. Each field's help is the command line's."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from whynet.base.errors import SettingError
from whynet.models.variants import VARIANTS
from whynet.training.settings import ClassifierSettings, ExplainerSettings

DATA_NAMES = ("birds", "cub", "folder")


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which data, and how they are split."""

    name: str = field(default="birds", metadata={"help": "birds (painted, embedded), cub (CUB-200-2011), or folder."})
    root: str | None = field(default=None, metadata={"help": "Folder of the data; birds need none."})
    image_size: int | None = field(
        default=None, metadata={"help": "Side of the network's input in pixels; 64 for birds, 128 for photographs."}
    )
    num_species: int = field(default=20, metadata={"help": "Number of painted species, 2 to 200."})
    held_out: float = field(
        default=0.15,
        metadata={"help": "Share of the training pictures held out where the data have no validation part."},
    )
    data_seed: int = field(default=0, metadata={"help": "Of painting and splitting."})

    def __post_init__(self) -> None:
        if self.name not in DATA_NAMES:
            raise SettingError(f"data {self.name!r} is unknown; choose one of {', '.join(DATA_NAMES)}")
        if self.name != "birds" and self.root is None:
            raise SettingError(f"data {self.name!r} need a folder; add --root FOLDER")
        if self.root is not None:  # a run must find its data from any folder
            object.__setattr__(self, "root", str(Path(self.root).resolve()))
        if self.image_size is not None and self.image_size < 1:
            raise SettingError(f"an image size of at least 1 pixel was expected, not {self.image_size}")
        if not 0 < self.held_out < 1:
            raise SettingError(f"a held-out share between 0 and 1 was expected, not {self.held_out}")

    @property
    def input_size(self) -> int:
        """Side of the network's input in pixels."""
        return self.image_size if self.image_size is not None else 64 if self.name == "birds" else 128


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Which network is explained, and what of it the explainer sees."""

    variant: str = field(
        default="interpnet2", metadata={"help": f"One of {', '.join(VARIANTS)}: table 1 of the paper."}
    )
    subject: str | None = field(
        default=None,
        metadata={"help": "Explain this network as it is: a run, a saved subject, or package.module:function."},
    )
    weights: str | None = field(
        default=None, metadata={"help": "A safetensors file for --subject package.module:function."}
    )
    layers: str | None = field(
        default=None,
        metadata={"help": "Comma-separated layers of --subject that r(x) holds, beside the probabilities."},
    )
    seed: int = field(default=0, metadata={"help": "Of weights, order and dropout."})

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise SettingError(f"variant {self.variant!r} is unknown; choose one of {', '.join(VARIANTS)}")
        if self.subject is None and (self.weights or self.layers):
            raise SettingError("--weights and --layers belong to --subject; name the network too")
        if self.subject is not None and not self.layers:
            raise SettingError("--subject needs --layers: the layers that r(x) holds, by their dotted names")
        if not 0 <= self.seed < 2**63:
            raise SettingError(f"a seed from 0 to 2**63 - 1 was expected, not {self.seed}")
        if self.subject is not None and self.variant not in ("interpnet2", "captioning"):
            raise SettingError(
                f"with --subject the layers are named by --layers, so {self.variant} means nothing; leave --variant "
                "out, or take captioning, which reads no probabilities"
            )
        if self.weights is not None and ":" not in (self.subject or ""):
            raise SettingError("--weights belongs to --subject package.module:function; a saved folder has its own")


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """All that decides how a run comes out; it is kept in `run.json`."""

    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    explainer: ExplainerSettings = field(default_factory=ExplainerSettings)

    def to_json(self) -> dict[str, Any]:
        """The settings as values that `json.dump` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainSettings":
        """The settings that `to_json` wrote; raises `SettingError` if they cannot be settings."""
        if set(values) != {group.name for group in fields(cls)} or not all(
            isinstance(v, dict) for v in values.values()
        ):
            raise SettingError(
                f"settings for {', '.join(f.name for f in fields(cls))} were expected, not {sorted(values)}"
            )
        return settings_with(values)


def settings_with(given: dict[str, dict[str, Any]]) -> TrainSettings:
    """The default settings with the given ones in their place.

    Args:
        given: By group ("data", "model", "classifier", "explainer"), then by field.

    Raises:
        SettingError: A value is out of its range, or a field is unknown.
    """
    try:
        return TrainSettings(
            data=DataSettings(**given["data"]),
            model=ModelSettings(**given["model"]),
            classifier=ClassifierSettings(**given["classifier"]),
            explainer=ExplainerSettings(**given["explainer"]),
        )
    except TypeError as error:
        raise SettingError(
            f"a setting is unknown or of the wrong kind ({error}); it may be from another version"
        ) from error
