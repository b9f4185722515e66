"""Where each node is in an image: top down, the place that fits its filter's map and what its parents say.

    p_V = argmax_x F(x) P(p_x | V),    P(p | V) = N(p; m_V, sigma_V^2),    m_V by the parents' p_V' (`gaussian_product`)

The node's score is the same maximum with the density over its peak, F(x) exp(-|p_x - m_V|^2 / 2 sigma_V^2): F where the
node is, less the farther from where it is expected. F is max(activation, 0) over the filter's mean peak on the images
that the graph was fitted on, so 1 is a pattern as strong as usual, right where it is expected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whynet.structures.explanatory_graph.chunks import chunks
from whynet.structures.explanatory_graph.expectation import Clouds
from whynet.structures.explanatory_graph.gaussian_product import expected_moves
from whynet.structures.explanatory_graph.grid import Grid
from whynet.structures.explanatory_graph.layer import GraphLayer

Maps = Float[Tensor, "images filters rows columns"]
LayerMaps = Float[Tensor, "_ _ _ _"]
"""The same, without names: layers side by side differ in filters, rows and columns."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NodePositions:
    """Where the nodes of a graph are in some images, on the CPU; nodes are counted over all layers, bottom to top.

    Args:
        positions: Rows and columns in pixels, the first pixel's centre at 0.5: the middle of a cell of the map, or
            where the node is expected (which may lie outside the image) if its score is 0.
        scores: At least 0, higher is surer; 0 where the node's filter does not fire near.
    """

    positions: Float[Tensor, "images nodes 2"]
    scores: Float[Tensor, "images nodes"]


def clouds_of(maps: Maps, scales: Float[Tensor, " filters"]) -> Clouds:
    """F: activation above 0, over each filter's scale where that is above 0."""
    return maps.clamp(min=0).div_(scales.where(scales > 0, 1)[:, None, None])


def best_positions(
    clouds: Clouds,
    grid: Grid,
    filters: Int[Tensor, " nodes"],
    places: Float[Tensor, "images nodes 2"],
    sigma: Float[Tensor, " nodes"],
) -> tuple[Float[Tensor, "images nodes 2"], Float[Tensor, "images nodes"]]:
    """Positions and scores of the nodes of one layer, where they are expected at these places."""
    positions, scores = places.clone(), places.new_zeros(places.shape[:2])
    columns = len(grid.columns)
    for images, nodes in chunks(len(clouds), len(filters), len(grid.rows) * columns):
        own, spread = places[images, nodes], 2 * sigma[nodes, None].square()
        row = (grid.rows - own[..., :1]).square() / spread  # (B, V, R)
        column = (grid.columns - own[..., 1:]).square() / spread  # (B, V, C)
        # Logarithms, lest the few cells that fire far from the expected place all round to 0.
        fit = clouds[images][:, filters[nodes]].log() - row[..., :, None] - column[..., None, :]
        best, cell = fit.flatten(2).max(2)
        found = torch.stack([grid.rows[cell // columns], grid.columns[cell % columns]], -1)
        scores[images, nodes] = best.exp()
        positions[images, nodes] = found.where((best.exp() > 0)[..., None], own)
    return positions, scores


def node_positions(
    layers: Sequence[GraphLayer], maps: Sequence[LayerMaps], image_size: tuple[int, int]
) -> NodePositions:
    """Positions of all nodes, layer by layer from the top.

    Args:
        layers: Bottom to top.
        maps: Of each layer, on one device.
        image_size: Rows and columns of the images.
    """
    found: list[tuple[Tensor, Tensor]] = []
    above = maps[-1].new_zeros(len(maps[-1]), 0, 2, dtype=torch.float)
    for layer, raw in zip(reversed(layers), reversed(maps), strict=True):
        clouds = clouds_of(raw.float(), layer.scales.to(raw.device))
        mu, parents, weights, filters, sigma = (
            own.to(raw.device) for own in (layer.mu, layer.parents, layer.weights, layer.filters, layer.sigma)
        )
        places = mu + expected_moves(above, parents, weights)
        positions, scores = best_positions(clouds, Grid.over(image_size, clouds), filters, places, sigma)
        above = positions - mu
        found.insert(0, (positions.cpu(), scores.cpu()))
    return NodePositions(
        positions=torch.cat([positions for positions, _ in found], 1),
        scores=torch.cat([scores for _, scores in found], 1),
    )
