"""A node of an explanatory graph in an image: which pattern of which filter, where, and how surely."""

from dataclasses import dataclass
from typing import Any

_TOLD = 2


def node_name(layer: str, filter_index: int) -> str:
    """What a node is called: by the filter whose pattern it is."""
    return f"filter {filter_index} of {layer}"


@dataclass(frozen=True, kw_only=True)
class GraphNode:
    """A node of an explanatory graph, as it was found in an image.

    Args:
        node: Its number in the graph, as its page has it.
        layer: Whose pattern it is.
        filter: The filter of that layer.
        x: From the picture's left edge, in its own pixels.
        y: From its upper edge.
        score: How surely it was found: 1 is a pattern as strong as usual, right where it is expected; above 0.
        part: The part that it lies on in most test pictures of the class; None where there is none, or none is known.
        parents: Those of its parents that were found, too, the most trusted first, without parents of their own.
    """

    node: int
    layer: str
    filter: int
    x: float
    y: float
    score: float
    part: str | None = None
    parents: tuple["GraphNode", ...] = ()

    @property
    def text(self) -> str:
        """The node in one line: "node 7, filter 3 of features.7, mostly on the wing: at x 28, y 36, score 0.86".

        Parents of one filter that were found at one place are told once.
        """
        part = f", mostly on the {self.part}" if self.part else ""
        parents = dict.fromkeys(f"{node_name(own.layer, own.filter)} {own._place}" for own in self.parents)
        told = " and ".join(list(parents)[:_TOLD])
        beside = f"; moves with {told}" if told else ""
        name = node_name(self.layer, self.filter)
        return f"node {self.node}, {name}{part}: {self._place}, score {self.score:.2f}{beside}"

    @property
    def _place(self) -> str:
        return f"at x {self.x:.0f}, y {self.y:.0f}"

    def to_json(self) -> dict[str, Any]:
        """The node as values that `json.dump` takes."""
        return {**vars(self), "parents": [parent.to_json() for parent in self.parents]}
