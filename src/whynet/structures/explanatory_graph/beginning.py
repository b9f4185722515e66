"""Where the nodes of a layer begin: spread over what each filter fires for, as k-means++ begins.

Arthur & Vassilvitskii, "k-means++: The advantages of careful seeding", SODA 2007: the first place is drawn in
proportion to the activation, each further one to the activation times the squared distance to the nearest drawn before.

Objects move, and two patterns that move with them smear into one in the mean map. So each filter as a whole is first
given parents, and its maps are moved by what they tell before the mean is taken; for the top layer there are none.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whynet.structures.explanatory_graph.chunks import chunks
from whynet.structures.explanatory_graph.expectation import Clouds, whole_clouds
from whynet.structures.explanatory_graph.gaussian_product import edge_weights, expected_moves
from whynet.structures.explanatory_graph.grid import Grid
from whynet.structures.explanatory_graph.maximisation import Moves, Nodes, choose_parents, to_product


def first_nodes(
    clouds: Clouds, grid: Grid, above: Moves, num_nodes: int, num_parents: int, generator: torch.Generator
) -> tuple[Nodes, Bool[Tensor, "filters nodes"]]:
    """The nodes of all filters, `num_nodes` each, one filter after the other; and which of them are there.

    A filter that fires in fewer cells, once its maps are moved over each other, has as many nodes as such cells.

    Args:
        clouds: One a filter and image; every filter fires somewhere.
        grid: Of the maps.
        above: Moves of the nodes of the layer above.
        num_nodes: Of each filter.
        num_parents: M.
        generator: On the CPU.
    """
    parents, edge_sigmas = choose_parents(whole_clouds(clouds, grid), above, num_parents, grid.least_sigma)
    moves = expected_moves(above, parents, edge_weights(edge_sigmas))  # (B, F, 2)
    mu, sigma, there = _spread(_aligned(clouds, grid, moves), grid, num_nodes, generator)
    sigma = sigma.to(clouds).clamp(min=grid.least_sigma).repeat_interleave(num_nodes)
    nodes = Nodes(
        mu=mu.to(clouds).flatten(0, 1),
        sigma=sigma,
        parents=parents.repeat_interleave(num_nodes, 0),
        edge_sigmas=to_product(edge_sigmas.repeat_interleave(num_nodes, 0), sigma),
        moves=moves.repeat_interleave(num_nodes, 1),
    )
    return nodes, there.to(clouds.device)


def _aligned(
    clouds: Clouds, grid: Grid, moves: Float[Tensor, "images filters 2"]
) -> Float[Tensor, "filters tall wide"]:
    """The sum of each filter's maps, moved back to whole cells, on three times the map's rows and columns."""
    num_images, num_filters, rows, columns = clouds.shape
    steps = (moves / moves.new_tensor(grid.cell)).round().long()
    tops = (rows - steps[..., :1]).clamp(0, 2 * rows)  # (B, F, 1)
    lefts = (columns - steps[..., 1:]).clamp(0, 2 * columns)
    row, column = (torch.arange(count, device=clouds.device) for count in (rows, columns))
    summed = clouds.new_zeros(num_filters, 9 * rows * columns, dtype=torch.double)
    for images, filters in chunks(num_images, num_filters, rows * columns):
        down, right = tops[images, filters] + row, lefts[images, filters] + column
        cells = down[..., :, None] * 3 * columns + right[..., None, :]  # (B, F, R, C)
        own = clouds[images, filters].double()
        summed[filters].scatter_add_(1, cells.movedim(1, 0).flatten(1), own.movedim(1, 0).flatten(1))
    return summed.view(num_filters, 3 * rows, 3 * columns)


def _spread(
    summed: Float[Tensor, "filters tall wide"], grid: Grid, num_nodes: int, generator: torch.Generator
) -> tuple[Float[Tensor, "filters nodes 2"], Float[Tensor, " filters"], Bool[Tensor, "filters nodes"]]:
    """Places by k-means++, how far the units are from the nearest (per axis), and which places there are."""
    (rows, columns), (height, width) = grid.map_size, grid.cell
    row = (torch.arange(3 * rows, dtype=torch.double) - rows + 0.5) * height
    column = (torch.arange(3 * columns, dtype=torch.double) - columns + 0.5) * width
    cells = torch.cartesian_prod(row, column)  # (P, 2)
    units = summed.flatten(1).double().cpu()
    units = units / units.sum(1, keepdim=True)
    weights, nearest = units, torch.full_like(units, torch.inf)
    places, there = [], []
    for _ in range(num_nodes):
        some = weights.sum(1) > 0
        drawn = weights.where(some[:, None], 1).multinomial(1, generator=generator)[:, 0]
        places.append(cells[drawn])
        there.append(some)
        distance = (cells - places[-1][:, None]).square().sum(2)  # (F, P)
        nearest = torch.minimum(nearest, distance.where(some[:, None], torch.inf))
        weights = units * nearest
    return torch.stack(places, 1), (weights.sum(1) / 2).sqrt(), torch.stack(there, 1)
