"""What decides how a run comes out. Each field's help is the command line's."""

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from whynet.base.errors import SettingError
from whynet.data.birds.individual import MAX_DEPARTURES
from whynet.models.built_in_networks import BUILT_IN_NETWORKS, NETWORKS_WITH_WIDTH
from whynet.models.filter_settings import FilterSettings
from whynet.models.named_network import is_named
from whynet.models.variants import VARIANTS
from whynet.training.settings import ClassifierSettings, ExplainerSettings, GVESettings

DATA_TITLES = {
    "birds": "painted birds",
    "cub": "CUB-200-2011",
    "animal_parts": "animals (ILSVRC Animal-Part)",
    "voc_parts": "animals (PASCAL VOC Part)",
    "folder": "your own pictures",
}
"""What the report says that it shows so many kinds of, by the name of the data."""
DATA_NAMES = tuple(DATA_TITLES)

NETWORK_NAMES = f"{', '.join(BUILT_IN_NETWORKS)}, timm:NAME, torchvision:NAME or hf:FOLDER"


ALL = "all"
"""In place of the names of classes."""
MULTI = "multi"
"""The task of telling all classes apart."""


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which data, and how they are split."""

    name: str = field(
        default="birds",
        metadata={
            "help": "birds (painted, embedded), cub (CUB-200-2011), animal_parts (ILSVRC), voc_parts (PASCAL VOC), or "
            "folder."
        },
    )
    root: str | None = field(default=None, metadata={"help": "Folder of the data; birds need none."})
    image_size: int | None = field(
        default=None, metadata={"help": "Side of the network's input in pixels; 64 for birds, 128 for photographs."}
    )
    num_species: int = field(default=20, metadata={"help": "Number of painted species, 2 to 200."})
    departures: float = field(
        default=1.0,
        metadata={"help": "How often painted birds depart from their species' common plumage: 0 never, 1 as usual."},
    )
    roll: float = field(
        default=7.0, metadata={"help": "Standard deviation of the painted birds' roll in degrees; 45 is a wide pose."}
    )
    held_out: float = field(
        default=0.15,
        metadata={"help": "Share of the training pictures held out where the data have no validation part."},
    )
    data_seed: int = field(default=0, metadata={"help": "Of painting and splitting."})
    task: str = field(
        default=MULTI,
        metadata={"help": "multi: tell all classes apart; or a class: tell it from as many pictures of all others."},
    )

    def __post_init__(self) -> None:
        if self.name not in DATA_NAMES:
            raise SettingError(f"data {self.name!r} is unknown; choose one of {', '.join(DATA_NAMES)}")
        if self.name != "birds" and self.root is None:
            raise SettingError(f"data {self.name!r} need a folder; add --root FOLDER")
        if self.root is not None:  # a run must find its data from any folder
            object.__setattr__(self, "root", str(Path(self.root).resolve()))
        if self.image_size is not None and self.image_size < 1:
            raise SettingError(f"an image size of at least 1 pixel was expected, not {self.image_size}")
        if not 0 <= self.departures <= MAX_DEPARTURES:
            raise SettingError(f"departures 0 to {MAX_DEPARTURES} times as likely were expected, not {self.departures}")
        if not 0 <= self.roll <= 180:
            raise SettingError(f"a roll of 0 to 180 degrees was expected, not {self.roll}")
        if not 0 < self.held_out < 1:
            raise SettingError(f"a held-out share between 0 and 1 was expected, not {self.held_out}")

    @property
    def title(self) -> str:
        """What results files call the data: the folder's name, or the data set's."""
        return self.name if self.root is None else Path(self.root).name

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
    network: str = field(
        default="convnet",
        metadata={"help": f"What phase one trains: {NETWORK_NAMES}.", "also": "--net"},
    )
    width: float = field(
        default=1.0, metadata={"help": f"Factor of all channels of --network {', '.join(NETWORKS_WITH_WIDTH)}."}
    )
    bilinear: int = field(
        default=0,
        metadata={"help": "Length of convnet's compact bilinear feature, 8192 in the paper; 0 averages over space."},
    )
    backbone: str | None = field(
        default=None,
        metadata={"help": "A run whose convnet keeps its feature; phase one trains the variant's head on it alone."},
    )
    start: str | None = field(
        default=None,
        metadata={
            "help": "A run of the same --network whose weights training begins with; a last layer of other classes "
            "begins anew."
        },
    )
    subject: str | None = field(
        default=None,
        metadata={
            "help": "Explain this network as it is: a run, a saved subject, timm:NAME, torchvision:NAME, hf:REPO, or "
            "package.module:function."
        },
    )
    weights: str | None = field(
        default=None, metadata={"help": "A safetensors file for a --subject that is built by name or by a function."}
    )
    interpretable: bool = field(
        default=False,
        metadata={"help": "Give the network's top convolution interpretable filters, and a new one on top of it."},
    )
    interpretable_layer: str | None = field(
        default=None,
        metadata={"help": "That convolution, its ReLU or its block, by its dotted name; our networks have their own."},
    )
    layers: str | None = field(
        default=None,
        metadata={"help": "Comma-separated layers that r(x) holds, beside the probabilities; ours have their own."},
    )
    seed: int = field(default=0, metadata={"help": "Of weights, order and dropout."})

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise SettingError(f"variant {self.variant!r} is unknown; choose one of {', '.join(VARIANTS)}")
        if not 0 <= self.seed < 2**63:
            raise SettingError(f"a seed from 0 to 2**63 - 1 was expected, not {self.seed}")
        if self.network not in BUILT_IN_NETWORKS and not is_named(self.network):
            raise SettingError(f"network {self.network!r} is unknown; choose {NETWORK_NAMES}")
        if self.bilinear < 0:
            raise SettingError(f"a bilinear feature of 0 entries or more was expected, not {self.bilinear}")
        for name in ("weights", "backbone", "start"):  # a run must find them from any folder
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, str(Path(path).resolve()))
        self._check_one_network()
        if self.start is not None and (self.subject is not None or self.backbone is not None):
            raise SettingError(
                "--start gives weights to train on, but --subject and --backbone keep theirs; leave one out"
            )
        self._check_width()
        self._check_filters()
        self._check_layers()

    @property
    def is_convnet(self) -> bool:
        """Whether the network is our convnet, whose layers the variant knows."""
        return self.subject is None and self.network == "convnet"

    @property
    def is_built_in(self) -> bool:
        """Whether the network is one that whynet brings, whose top layer is known."""
        return self.subject is None and self.network in BUILT_IN_NETWORKS

    def _check_filters(self) -> None:
        if self.interpretable_layer is not None and not self.interpretable:
            raise SettingError("--interpretable-layer belongs to --interpretable; add that, or leave it out")
        if not self.interpretable:
            return
        if self.subject is not None or self.backbone is not None:
            raise SettingError(
                "--interpretable trains new filters, but --subject and --backbone keep what is there; leave one out"
            )
        if not self.is_built_in and self.interpretable_layer is None:
            raise SettingError(
                f"--interpretable needs --interpretable-layer for {self.network}: its top convolution, the ReLU after "
                "it, or the block that ends in them"
            )

    def _check_one_network(self) -> None:
        chosen = [
            option
            for option, is_given in {
                "--subject": self.subject is not None,
                "--network": self.network != "convnet",
                "--bilinear": self.bilinear > 0,
                "--backbone": self.backbone is not None,
            }.items()
            if is_given
        ]
        if len(chosen) > 1:
            raise SettingError(f"one network can be explained, but {' and '.join(chosen)} name several; choose one")

    def _check_width(self) -> None:
        if not (self.width > 0 and math.isfinite(self.width)):
            raise SettingError(f"a positive width was expected, not {self.width}")
        if self.width != 1 and (self.subject is not None or self.network not in NETWORKS_WITH_WIDTH):
            chosen = "--subject" if self.subject is not None else self.network
            names = ", ".join(NETWORKS_WITH_WIDTH)
            raise SettingError(f"--width belongs to --network {names}; {chosen} has its own channels, so leave it out")

    def _check_layers(self) -> None:
        """What only some networks can be given is given to them alone."""
        if self.is_convnet and self.layers:
            raise SettingError("--layers belongs to --subject or --network; the variant names those of convnet")
        if not self.is_built_in and not self.layers:
            raise SettingError(
                "--subject and --network timm:NAME, torchvision:NAME or hf:FOLDER need --layers: the layers that r(x) "
                "holds, by their dotted names; name any, and near ones are listed"
            )
        if not self.is_convnet and self.variant not in ("interpnet2", "captioning", "gve"):
            raise SettingError(
                f"the layers of this network are named by --layers, so {self.variant} means nothing; leave --variant "
                "out, or take captioning or gve, which read no probabilities"
            )
        if self.weights is not None and ":" not in (self.subject or ""):
            raise SettingError(
                "--weights belongs to --subject package.module:function or timm:NAME; a saved folder has its own"
            )


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """All that decides how a run comes out; it is kept in `run.json`."""

    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    explainer: ExplainerSettings = field(default_factory=ExplainerSettings)
    gve: GVESettings = field(default_factory=GVESettings)

    def to_json(self) -> dict[str, Any]:
        """The settings as values that `json.dump` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainSettings":
        """The settings that `to_json` wrote; raises `SettingError` if they cannot be settings.

        What an older version did not know yet has its default.
        """
        known = {group.name for group in fields(cls)}
        if not {"data", "model"} <= set(values) <= known or not all(isinstance(v, dict) for v in values.values()):
            raise SettingError(f"settings for {', '.join(sorted(known))} were expected, not for {sorted(values)}")
        return settings_with(values)


def settings_with(given: dict[str, dict[str, Any]]) -> TrainSettings:
    """The default settings with the given ones in their place.

    Args:
        given: By group ("data", "model", "classifier", "filters", "explainer", "gve"), then by field; what is absent
            keeps its default.

    Raises:
        SettingError: A value is out of its range, or a field is unknown.
    """
    try:
        return TrainSettings(
            data=DataSettings(**given.get("data", {})),
            model=ModelSettings(**given.get("model", {})),
            classifier=ClassifierSettings(**given.get("classifier", {})),
            filters=FilterSettings(**given.get("filters", {})),
            explainer=ExplainerSettings(**given.get("explainer", {})),
            gve=GVESettings(**given.get("gve", {})),
        )
    except TypeError as error:
        raise SettingError(
            f"a setting is unknown or of the wrong kind ({error}); it may be from another version"
        ) from error
