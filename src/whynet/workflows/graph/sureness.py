"""Which nodes move as their parents tell: the share of a node's movement that is told, without any annotation.

    told of V = 1 - sum_I s_V(I) ||p_V(I) - m_V(I)||^2 / sum_I s_V(I) ||p_V(I) - mean of p_V||^2,    at least 0

with p_V(I) the place of node V in picture I, s_V(I) its score there, and m_V(I) the place where its parents expect it.
A node that stays where it is has no movement to be told and gets 0, however tight its distribution; so do those of the
top layer, which have no parents.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.structures.explanatory_graph.gaussian_product import expected_moves
from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.inference import NodePositions


def told_by_parents(graph: ExplanatoryGraph, found: NodePositions) -> Float[Tensor, " nodes"]:
    """The share of each node's movement that its parents tell, in [0, 1]; higher is surer.

    Args:
        graph: Of which the nodes are.
        found: Where they are in some pictures.
    """
    sizes = [layer.num_nodes for layer in graph.layers]
    positions, scores = torch.split(found.positions, sizes, 1), torch.split(found.scores, sizes, 1)
    told = [torch.zeros(sizes[-1])]
    for level in range(len(sizes) - 2, -1, -1):
        layer, above = graph.layers[level], graph.layers[level + 1]
        expected = layer.mu + expected_moves(positions[level + 1] - above.mu, layer.parents, layer.weights)
        weights = (scores[level] / scores[level].sum(0).clamp(min=1e-12))[..., None]  # (B, V, 1)
        mean = (positions[level] * weights).sum(0)
        moved = ((positions[level] - mean).square() * weights).sum((0, 2))
        missed = ((positions[level] - expected).square() * weights).sum((0, 2))
        told.insert(0, (1 - missed / moved.clamp(min=1e-12)).clamp(min=0).where(moved > 0, 0))
    return torch.cat(told)
