"""What `whynet graph` is asked for. Light to import, because the command line reads its help from here."""

from dataclasses import asdict, dataclass, field
from typing import Any

from whynet.structures.graph_settings import GraphSettings
from whynet.workflows.settings import ALL


@dataclass(frozen=True, kw_only=True)
class PlaceSettings:
    """Which classes have a graph each, and of which layers."""

    layers: str | None = field(
        default=None,
        metadata={
            "help": "Layers of maps, bottom to top, comma-separated; by default the upper ones of our own networks."
        },
    )
    classes: str = field(default=ALL, metadata={"help": "all, or classes by name or number, comma-separated."})


@dataclass(frozen=True, kw_only=True)
class GraphRequest:
    """All that decides what graphs come out."""

    where: PlaceSettings = field(default_factory=PlaceSettings)
    graph: GraphSettings = field(default_factory=GraphSettings)

    def to_json(self) -> dict[str, Any]:
        """What is kept beside the graph of a class: its own settings, as JSON gives them back."""
        values = asdict(self.graph)
        counts = values["nodes_per_filter"]
        return {**values, "nodes_per_filter": list(counts) if isinstance(counts, tuple) else counts}
