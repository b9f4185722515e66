"""How an explanatory graph is fitted. Light to read, because the command line takes its help from here."""

from dataclasses import dataclass, field

from whynet.base.errors import SettingError

TOP_NODES, NEXT_NODES, MOST_NODES = 1, 4, 8
"""Nodes of a filter, where no number is given: in the top layer, in the one below it, and in all others."""
_LARGEST_SEED = 2**63 - 1


def numbers_of(text: str) -> int | tuple[int, ...]:
    """One number, or several with commas between them, such as "40,20".

    Raises:
        SettingError: It is something else.
    """
    try:
        numbers = tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise SettingError(
            f"one whole number, or one a layer with commas, such as 40,20, was expected, not {text!r}"
        ) from error
    return numbers if len(numbers) > 1 else numbers[0]


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """Size of the graph and of its fit; all but the number of nodes as in the paper, which has 40, 40, 20, 20 of them.

    Where no number of nodes is given there is one a filter in the top layer, 4 in the layer below it and 8 in all
    others, bottom to top 8, 8, 4, 1: nodes without parents could be told apart by their place in the image alone.

    Raises:
        SettingError: A number is out of its range.
    """

    nodes_per_filter: int | tuple[int, ...] | None = field(
        default=None,
        metadata={
            "help": "Part patterns of a filter, at most: one number, or one a layer, bottom to top, such as 40,20; by "
            "default 1 in the top layer, 4 below it and 8 in all others.",
            "read": numbers_of,
        },
    )
    parents: int = field(default=15, metadata={"help": "Nodes of the layer above that a node is tied to, M."})
    iterations: int = field(default=20, metadata={"help": "Rounds of expectation maximisation in each layer."})
    noise: float = field(default=0.1, metadata={"help": "Share of activation that belongs to no pattern, tau."})
    seed: int = field(default=0, metadata={"help": "Of the places where the nodes begin."})

    def __post_init__(self) -> None:
        counts = self.nodes_per_filter if isinstance(self.nodes_per_filter, tuple) else (self.nodes_per_filter or 0,)
        if self.nodes_per_filter is not None and min(counts, default=0) < 1:
            raise SettingError(f"at least 1 node a filter was expected, not {self.nodes_per_filter}")
        if min(self.parents, self.iterations) < 1:
            raise SettingError(
                f"at least 1 parent and 1 iteration were expected, not {self.parents} and {self.iterations}"
            )
        if not 0 < self.noise < 1:
            raise SettingError(f"a share of noise between 0 and 1 was expected, not {self.noise}; the paper has 0.1")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise SettingError(f"a seed from 0 to 2**63 - 1 was expected, not {self.seed}")

    def nodes_in(self, num_layers: int) -> tuple[int, ...]:
        """Nodes of a filter in each layer; raises `SettingError` if there are more or fewer numbers than layers."""
        if self.nodes_per_filter is None:
            below = (MOST_NODES,) * (num_layers - 2) + (NEXT_NODES,)
            return (*below[len(below) - num_layers + 1 :], TOP_NODES)
        if not isinstance(self.nodes_per_filter, tuple):
            return (self.nodes_per_filter,) * num_layers
        if len(self.nodes_per_filter) != num_layers:
            raise SettingError(
                f"one number of nodes for each of {num_layers} layers was expected, but {len(self.nodes_per_filter)} "
                f"came, {self.nodes_per_filter}; give one a layer, or one number for all"
            )
        return self.nodes_per_filter
