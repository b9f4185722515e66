"""The nodes of one layer of an explanatory graph, as plain tensors on the CPU."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from whynet.structures.explanatory_graph.gaussian_product import edge_weights


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphLayer:
    """Nodes of one layer, filter by filter; places are rows and columns in pixels, the first pixel's centre at 0.5.

    Args:
        name: Of the network's layer.
        map_size: Rows and columns of its maps.
        scales: What a filter's activation is divided by: the mean over the images of its map's maximum; 0 for a filter
            that never fires, which has no nodes.
        filters: Whose pattern each node is.
        mu: Mean place of each node.
        sigma: Of the node's distribution around where its parents expect it (in the top layer: around mu), in pixels.
        shares: Of all its filter's activation, how much belongs to each node, in (0, 1].
        parents: The parents' indices in the layer above, the most trusted first; no column in the top layer.
        edge_sigmas: sigma of each edge, in pixels; lower is more trusted.
    """

    name: str
    map_size: tuple[int, int]
    scales: Float[Tensor, " filters"]
    filters: Int[Tensor, " nodes"]
    mu: Float[Tensor, "nodes 2"]
    sigma: Float[Tensor, " nodes"]
    shares: Float[Tensor, " nodes"]
    parents: Int[Tensor, "nodes parents"]
    edge_sigmas: Float[Tensor, "nodes parents"]

    @property
    def num_nodes(self) -> int:
        """Of all filters."""
        return len(self.filters)

    @property
    def num_filters(self) -> int:
        """Of the network's layer, dead ones included."""
        return len(self.scales)

    @property
    def weights(self) -> Float[Tensor, "nodes parents"]:
        """How much of each parent's move a node follows, in (0, 1], of sum 1."""
        return edge_weights(self.edge_sigmas)
