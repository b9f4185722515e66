"""Where the parents of a node expect it: the product of one Gaussian for each of them.

With p_V' the place of parent V' in the image, M parents, and mu the nodes' mean places,

    P(p | V) proportional to prod_V' N(p; m_V', sigma_V'^2)^(1/M),    m_V' = mu_V - mu_V' + p_V'

The exponents add up to -1/2 |p|^2 mean_V'(1 / sigma_V'^2) + ..., so this is a Gaussian again:

    P(p | V) = N(p; m, sigma_V^2),    1 / sigma_V^2 = mean_V' 1 / sigma_V'^2,
    m = mu_V + sum_V' w_V' (p_V' - mu_V'),    w_V' = sigma_V'^-2 / sum sigma^-2

Differs from the paper: its sigma_V' belongs to the parent alone, ours to the edge from V' to V (`maximisation`).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def edge_weights(edge_sigmas: Float[Tensor, "nodes parents"]) -> Float[Tensor, "nodes parents"]:
    """w: what each parent's move counts for; at least 0, of sum 1 for each node that has parents."""
    precision = edge_sigmas.square().reciprocal()
    return precision / precision.sum(1, keepdim=True)


def product_sigma(edge_sigmas: Float[Tensor, "nodes parents"]) -> Float[Tensor, " nodes"]:
    """sigma_V of the product, in the unit of the edges' sigmas; it lies between the least and the largest of them."""
    return edge_sigmas.square().reciprocal().mean(1).rsqrt()


def expected_moves(
    moves: Float[Tensor, "images above 2"],
    parents: Int[Tensor, "nodes parents"],
    weights: Float[Tensor, "nodes parents"],
) -> Float[Tensor, "images nodes 2"]:
    """How far from its mean place a node is expected in each image, m - mu_V; 0 without parents.

    Args:
        moves: p_V' - mu_V' of all nodes of the layer above, rows before columns.
        parents: Which of them each node has.
        weights: w, of each.
    """
    expected = moves.new_zeros(len(moves), len(parents), 2)
    for index, weight in zip(parents.unbind(1), weights.unbind(1), strict=True):  # not all parents at once: memory
        expected = torch.addcmul(expected, moves[:, index], weight[:, None])
    return expected
