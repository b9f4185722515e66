"""Which node each unit of activation belongs to: the likelihood of maps, and the E-step.

A filter's map is a cloud of F(x) >= 0 units at the middles p_x of its cells. With the filter's nodes V, of which each
has the place m_V where it is expected in the image, the log-likelihood of the cloud is

    sum_x F(x) log P(p_x),    P(p) = sum_V P(V) N(p; m_V, sigma_V^2) + tau / area of the image

and the share of the units at x that belong to V is r_V(x) = P(V) N(p_x; m_V, sigma_V^2) / P(p_x). All that learning
asks of them are the moments sum_x F r, sum_x F r (p_x - m_V) and sum_x F r |p_x - m_V|^2 of each node and image.

A Gaussian is a row's factor times a column's, so P over a map is a product of two small matrices, and so are the
moments: no array has an entry for each node and cell. The noise keeps P above 0.

Our reading: noise is spread evenly over the image; P(V) = (1 - tau) / (number of the filter's nodes), for good.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.structures.explanatory_graph.chunks import chunks
from whynet.structures.explanatory_graph.grid import Grid

Clouds = Float[Tensor, "images filters rows columns"]
"""F(x), at least 0."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Of the units that belong to each node in each image.

    Args:
        count: How many there are: sum of F r.
        offset: Sum of F r (p - m), in pixels, rows before columns.
        square: Sum of F r |p - m|^2, in square pixels.
    """

    count: Float[Tensor, "images nodes"]
    offset: Float[Tensor, "images nodes 2"]
    square: Float[Tensor, "images nodes"]

    def about(self, moves: Float[Tensor, "images nodes 2"]) -> "Moments":
        """The same about m - moves in place of m."""
        count = self.count[..., None]
        square = self.square + (2 * self.offset * moves + count * moves.square()).sum(-1)
        return Moments(self.count, self.offset + count * moves, square)


def expectation(
    clouds: Clouds,
    grid: Grid,
    places: Float[Tensor, "images filters nodes 2"],
    sigma: Float[Tensor, "filters nodes"],
    prior: Float[Tensor, "filters nodes"],
    noise: float,
) -> tuple[Moments, Float[Tensor, " filters"]]:
    """The moments of all nodes, filter by filter, and the log-likelihood of each filter's clouds.

    Args:
        clouds: One a filter and image.
        grid: Of the maps.
        places: m, where each node is expected in each image, in pixels.
        sigma: Of the nodes.
        prior: P(V); 0 for a node that is not there, whose moments are 0.
        noise: tau.
    """
    num_images, num_filters, rows, columns = clouds.shape
    nodes = sigma.shape[1]
    found = clouds.new_zeros(num_images, num_filters, nodes, 4)
    likelihood = clouds.new_zeros(num_filters)
    for images, filters in chunks(num_images, num_filters, max(rows * columns, 3 * nodes * max(rows, columns))):
        own = clouds[images, filters]
        variance = sigma[filters, :, None].square()  # (F, K, 1)
        across = grid.rows - places[images, filters, :, :1]  # (B, F, K, R)
        along = grid.columns - places[images, filters, :, 1:]  # (B, F, K, C)
        row = torch.exp(across.square() / (-2 * variance)) * (prior[filters, :, None] / (2 * math.pi * variance))
        column = torch.exp(along.square() / (-2 * variance))
        density = row.mT @ column + noise / grid.area  # (B, F, R, C)
        likelihood[filters] += (own * density.log()).sum((0, 2, 3))
        powers = torch.cat([column, along * column, along.square() * column], 2)  # (B, F, 3 K, C)
        sums = (own / density) @ powers.mT  # (B, F, R, 3 K)
        zeroth, first, second = torch.split(sums.mT, nodes, 2)  # (B, F, K, R) each
        weighted = row * zeroth
        found[images, filters, :, 0] = weighted.sum(-1)
        found[images, filters, :, 1] = (across * weighted).sum(-1)
        found[images, filters, :, 2] = (row * first).sum(-1)
        found[images, filters, :, 3] = (across.square() * weighted + row * second).sum(-1)
    flat = found.flatten(1, 2)  # (B, F K, 4)
    return Moments(flat[..., 0], flat[..., 1:3], flat[..., 3]), likelihood


def whole_clouds(clouds: Clouds, grid: Grid) -> Moments:
    """The moments of all units of each filter, about the image's middle: the filter as one node."""
    across, along = grid.rows - grid.image_size[0] / 2, grid.columns - grid.image_size[1] / 2
    by_row, by_column = clouds.sum(3), clouds.sum(2)  # (B, F, R), (B, F, C)
    offset = torch.stack([by_row @ across, by_column @ along], -1)
    return Moments(by_row.sum(2), offset, by_row @ across.square() + by_column @ along.square())
