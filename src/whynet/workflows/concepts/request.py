"""What `whynet concepts` is asked for. Light to import, because the command line reads its help from here."""

from dataclasses import asdict, dataclass, field
from typing import Any

from whynet.base.errors import SettingError
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.settings import ALL

OWN_LAYER = "hidden.0"
"""Z of our own convnet: its first fully connected layer after the ReLU, as in the paper."""


@dataclass(frozen=True, kw_only=True)
class LayerSettings:
    """Which layer and which classes are explained, and from how many beginnings."""

    layer: str | None = field(
        default=None,
        metadata={
            "help": f"Layer that the x-features are read off, by its dotted name; convnet has {OWN_LAYER}. Maps are "
            "averaged over space."
        },
    )
    map_layer: str | None = field(
        default=None, metadata={"help": "Layer whose output heat maps lie at; else the last fine one before."}
    )
    classes: str = field(default=ALL, metadata={"help": "all, or classes by name or number, comma-separated."})
    seeds: int = field(
        default=3, metadata={"help": "Modules trained for each class, from different beginnings: are they alike?"}
    )
    seed: int = field(default=0, metadata={"help": "Of the module that is kept; the others count on from it."})

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.seed < 0:
            raise SettingError(f"at least one seed, from 0 on, was expected, not {self.seeds} from {self.seed}")


@dataclass(frozen=True, kw_only=True)
class ConceptRequest:
    """All that decides what concepts come out."""

    where: LayerSettings = field(default_factory=LayerSettings)
    module: ModuleSettings = field(default_factory=ModuleSettings)
    fit: FitSettings = field(default_factory=FitSettings)

    def to_json(self) -> dict[str, Any]:
        """What is kept beside the concepts of a class: all but which other classes there are."""
        values = asdict(self)
        del values["where"]["classes"]
        return values
