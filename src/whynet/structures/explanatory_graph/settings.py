"""How an explanatory graph is fitted. Light to read, because the command line takes its help from here."""

from dataclasses import dataclass, field

from whynet.base.errors import SettingError

_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """Size of the graph and of its fit; all but the number of nodes as in the paper, which has 40, 40, 20, 20 of them.

    Raises:
        SettingError: A number is out of its range.
    """

    nodes_per_filter: int | tuple[int, ...] = field(
        default=4, metadata={"help": "Part patterns of a filter, at most: one number, or one a layer, bottom to top."}
    )
    parents: int = field(default=15, metadata={"help": "Nodes of the layer above that a node is tied to, M."})
    iterations: int = field(default=20, metadata={"help": "Rounds of expectation maximisation in each layer."})
    noise: float = field(default=0.1, metadata={"help": "Share of activation that belongs to no pattern, tau."})
    seed: int = field(default=0, metadata={"help": "Of the places where the nodes begin."})

    def __post_init__(self) -> None:
        counts = self.nodes_per_filter if isinstance(self.nodes_per_filter, tuple) else (self.nodes_per_filter,)
        if not counts or min(*counts, self.parents, self.iterations) < 1:
            raise SettingError(
                "at least 1 node a filter, 1 parent and 1 iteration were expected, not "
                f"{self.nodes_per_filter}, {self.parents} and {self.iterations}"
            )
        if not 0 < self.noise < 1:
            raise SettingError(f"a share of noise between 0 and 1 was expected, not {self.noise}; the paper has 0.1")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise SettingError(f"a seed from 0 to 2**63 - 1 was expected, not {self.seed}")

    def nodes_in(self, num_layers: int) -> tuple[int, ...]:
        """Nodes of a filter in each layer; raises `SettingError` if there are more or fewer numbers than layers."""
        if not isinstance(self.nodes_per_filter, tuple):
            return (self.nodes_per_filter,) * num_layers
        if len(self.nodes_per_filter) != num_layers:
            raise SettingError(
                f"one number of nodes for each of {num_layers} layers was expected, but {len(self.nodes_per_filter)} "
                f"came, {self.nodes_per_filter}; give one a layer, or one number for all"
            )
        return self.nodes_per_filter
