"""Which nodes move as their parents tell: the share of a node's movement that is told, without any annotation.

    missed of V = sum_I s_V(I) ||p_V(I) - m_V(I)||^2 / sum_I s_V(I) ||p_V(I) - mean of p_V||^2
    told of V = 1 - missed / min(1, least missed by the parents of other pictures),    at least 0

with p_V(I) the place of node V in picture I, s_V(I) its score there, and m_V(I) the place where its parents expect it.

A node is looked for where its parents expect it, so some of what its filter's map holds lies near by whatever that is:
in maps of white noise a fifth of the movement would seem told. So the node is looked for again where parents that are
somewhere else, those of another picture, expect it; `NUM_OTHERS` times, each time another picture. What the best of
these misses is as good as chance does, and only what is missed less than that counts. Of a pattern that stands out from
its map the parents of other pictures tell nothing, and the movement itself is what told is held against.

A node that stays where it is has no movement to be told and gets 0, however tight its distribution; so do those of the
top layer, which have no parents. Parents were chosen among many on the pictures that a graph was fitted to, which is
worth a little there that chance does not have.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whynet.base.seeding import generator
from whynet.structures.explanatory_graph.gaussian_product import expected_moves
from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.grid import Grid
from whynet.structures.explanatory_graph.inference import LayerMaps, NodePositions, best_positions, clouds_of

NUM_OTHERS = 10
"""How often parents are taken from other pictures, at most; fewer where there are no more other pictures."""


def told_by_parents(
    graph: ExplanatoryGraph, found: NodePositions, maps: Sequence[LayerMaps]
) -> Float[Tensor, " nodes"]:
    """The share of each node's movement that its parents tell beyond chance, in [0, 1]; higher is surer.

    Args:
        graph: Of which the nodes are.
        found: Where they are in some pictures.
        maps: Of each layer, bottom to top, of the same pictures.
    """
    sizes = [layer.num_nodes for layer in graph.layers]
    positions, scores = torch.split(found.positions, sizes, 1), torch.split(found.scores, sizes, 1)
    told = []
    for level, layer in enumerate(graph.layers[:-1]):
        moves = positions[level + 1] - graph.layers[level + 1].mu
        expected = layer.mu + expected_moves(moves, layer.parents, layer.weights)
        missed = _missed(positions[level], scores[level], expected)
        clouds = clouds_of(maps[level].cpu().float(), layer.scales)
        grid = Grid.over(graph.image_size, clouds)
        chance = torch.ones(layer.num_nodes)
        for other in other_pictures(len(expected)):
            again = best_positions(clouds, grid, layer.filters, expected[other], layer.sigma)
            chance = torch.minimum(chance, _missed(*again, expected[other]))
        told.append((chance - missed).clamp(min=0) / chance.clamp(min=1e-12))
    return torch.cat([*told, torch.zeros(sizes[-1])])


def other_pictures(number: int) -> Iterator[Int[Tensor, " pictures"]]:
    """For each of so many pictures another one, each taken once; several times, never the same two together."""
    order = torch.randperm(number, generator=generator(0, "other pictures"))
    for step in range(1, min(NUM_OTHERS, number - 1) + 1):
        yield order.roll(step)[order.argsort()]


def _missed(
    positions: Float[Tensor, "images nodes 2"],
    scores: Float[Tensor, "images nodes"],
    expected: Float[Tensor, "images nodes 2"],
) -> Float[Tensor, " nodes"]:
    """What lies between nodes and where they are expected, as a share of their movement; 1 where there is none."""
    weights = (scores / scores.sum(0).clamp(min=1e-12))[..., None]  # (B, V, 1)
    mean = (positions * weights).sum(0)
    moved = ((positions - mean).square() * weights).sum((0, 2))
    missed = ((positions - expected).square() * weights).sum((0, 2))
    return (missed / moved.clamp(min=1e-12)).where(moved > 0, 1)
