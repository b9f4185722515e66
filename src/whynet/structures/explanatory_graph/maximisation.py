"""What the nodes of a layer should be, given the units that belong to them: parents, mu and sigma; the M-step.

With d_V = sum_V' w_V' (p_V' - mu_V') the move that a node's parents tell (`gaussian_product`), and means over the units
that belong to V in all images,

    mu_V = mean(p - d_V),    sigma_V^2 = mean(|p - mu_V - d_V|^2) / 2,    at least (half a cell)^2

maximise the expected log-likelihood. The parents are the M nodes V' of the layer above whose distance to the units
varies least, each looked at by itself:

    v_V' = mean(|p - p_V' - mean(p - p_V')|^2) / 2;    sigma_V'^2 of the edge = c v_V'

with c so that the product of the parents' Gaussians has sigma_V. Parents change where that lowers sigma_V alone, so the
likelihood never falls. All candidates are weighed at once: v is made of products of nodes x images and images x nodes.

Differs from the paper:
- Its parents are those that minimise the KL divergence from the units to the node's distribution. With one parent that
  is the one of least v; with several it need not be the M of least v each, since the distribution is their product,
  whose variance depends on how their errors go together. Ours is a greedy reading: the best M sets are too many to try.
- Its sigma_V' belongs to the parent alone. How far a parent wanders over the images does not tell how well it predicts
  one child: with it, two patterns of a filter that move far together are taken for one.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whynet.structures.explanatory_graph.chunks import MOST_ENTRIES
from whynet.structures.explanatory_graph.expectation import Moments
from whynet.structures.explanatory_graph.gaussian_product import edge_weights, expected_moves, product_sigma

Moves = Float[Tensor, "images above 2"]
"""p_V' - mu_V' of the nodes of the layer above in each image, in pixels; none for the top layer."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of a layer while they are learned, in pixels; rows come before columns.

    Args:
        mu: Mean places.
        sigma: Of each node's distribution.
        parents: Nodes of the layer above.
        edge_sigmas: What each parent is trusted with; less is more.
        moves: d, how far from mu a node is expected in each image.
    """

    mu: Float[Tensor, "nodes 2"]
    sigma: Float[Tensor, " nodes"]
    parents: Int[Tensor, "nodes parents"]
    edge_sigmas: Float[Tensor, "nodes parents"]
    moves: Float[Tensor, "images nodes 2"]


def maximisation(nodes: Nodes, moments: Moments, above: Moves, num_parents: int, least_sigma: float) -> Nodes:
    """The nodes that suit the units best; a node to which nothing belongs keeps its place, parents and sigma.

    Args:
        nodes: As they were when the units were shared out.
        moments: Of their units, about where they were expected.
        above: Moves of the candidates for parents.
        num_parents: M, at most.
        least_sigma: In pixels.
    """
    kept_offset, kept_variance = _residual(moments)
    about_mu = moments.about(nodes.moves)
    parents, edge_sigmas = choose_parents(about_mu, above, num_parents, least_sigma)
    moves = expected_moves(above, parents, edge_weights(edge_sigmas))
    offset, variance = _residual(about_mu.about(-moves))
    better = variance < kept_variance
    offset = offset.where(better[:, None], kept_offset)
    parents = parents.where(better[:, None], nodes.parents)
    edge_sigmas = edge_sigmas.where(better[:, None], nodes.edge_sigmas)
    sigma = torch.minimum(variance, kept_variance).sqrt().clamp(min=least_sigma)
    sigma = sigma.where(moments.count.sum(0) > 0, nodes.sigma)
    return Nodes(
        mu=nodes.mu + offset,
        sigma=sigma,
        parents=parents,
        edge_sigmas=to_product(edge_sigmas, sigma),
        moves=moves.where(better[:, None], nodes.moves),
    )


def choose_parents(
    about_mu: Moments, above: Moves, num_parents: int, least_sigma: float
) -> tuple[Int[Tensor, "nodes parents"], Float[Tensor, "nodes parents"]]:
    """The nodes of the layer above whose distance to the units varies least, and sqrt(v) of each, the best first.

    Args:
        about_mu: The units of each node, about one place in all images.
        above: Moves of the candidates.
        num_parents: M; all candidates where there are fewer, and none for the top layer.
        least_sigma: That sqrt(v) is raised to, so that no single parent decides.
    """
    total = about_mu.count.sum(0)
    count = about_mu.count / total.where(total > 0, 1)  # (B, V)
    offset = about_mu.offset / total.where(total > 0, 1)[:, None]
    mean, square = offset.sum(0), (about_mu.square / total.where(total > 0, 1)).sum(0)
    lengths = above.square().sum(2)  # (B, A)
    chosen = []
    for own in torch.split(torch.arange(len(total), device=above.device), MOST_ENTRIES // max(1, above.shape[1]) or 1):
        # (nodes x images) @ (images x candidates): E|p - D|^2, then |E(p - D)|^2, with p about mu and D the moves
        inner = offset[:, own].permute(1, 0, 2).flatten(1) @ above.transpose(1, 2).flatten(0, 1)
        spread = square[own, None] - 2 * inner + count[:, own].T @ lengths
        shift = mean[own, None] - torch.einsum("bv,bad->vad", count[:, own], above)
        variance = (spread - shift.square().sum(2)) / 2  # (V, A)
        chosen.append(variance.topk(min(num_parents, above.shape[1]), dim=1, largest=False))
    parents = torch.cat([best.indices for best in chosen])
    variances = torch.cat([best.values for best in chosen])
    return parents, variances.clamp(min=least_sigma**2).sqrt()


def to_product(
    edge_sigmas: Float[Tensor, "nodes parents"], sigma: Float[Tensor, " nodes"]
) -> Float[Tensor, "nodes parents"]:
    """The edges' sigmas, in the same ratios, so that their product has this sigma."""
    return edge_sigmas * (sigma / product_sigma(edge_sigmas))[:, None]


def _residual(moments: Moments) -> tuple[Float[Tensor, "nodes 2"], Float[Tensor, " nodes"]]:
    """Of the units: how far their mean lies from where they are expected, and their variance about it, per axis."""
    total = moments.count.sum(0)
    total = total.where(total > 0, 1)
    offset = moments.offset.sum(0) / total[:, None]
    return offset, ((moments.square.sum(0) / total - offset.square().sum(1)) / 2).clamp(min=0)
