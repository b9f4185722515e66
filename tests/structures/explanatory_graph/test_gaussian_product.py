"""The closed form of the product, against the product itself, normalised as a sum over a fine grid."""

import math

import pytest
import torch

from whynet.structures.explanatory_graph.gaussian_product import edge_weights, expected_moves, product_sigma


@pytest.mark.parametrize("num_parents", [1, 2, 5])
def test_the_product_normalised_on_a_grid_is_the_closed_form(num_parents):
    torch.manual_seed(num_parents)
    num_images, num_above = 3, 7
    mu = torch.tensor([20.0, 30.0], dtype=torch.double)
    mu_above = 50 * torch.rand(num_above, 2, dtype=torch.double)
    places_above = mu_above + 6 * torch.randn(num_images, num_above, 2, dtype=torch.double)
    parents = torch.randperm(num_above)[None, :num_parents]
    sigmas = 2 + 4 * torch.rand(1, num_parents, dtype=torch.double)

    moves = expected_moves(places_above - mu_above, parents, edge_weights(sigmas))
    assert moves.shape == (num_images, 1, 2)
    sigma = float(product_sigma(sigmas))

    step = 0.2
    axis = torch.arange(-40, 100, step, dtype=torch.double)
    cells = torch.cartesian_prod(axis, axis)
    for image in range(num_images):
        log = torch.zeros(len(cells), dtype=torch.double)
        for parent, own in zip(parents[0].tolist(), sigmas[0].tolist(), strict=True):
            mean = mu - mu_above[parent] + places_above[image, parent]
            squared = (cells - mean).square().sum(1)
            log += (-squared / (2 * own**2) - math.log(2 * math.pi * own**2)) / num_parents
        density = log.exp() / (log.exp().sum() * step**2)
        mean = (cells * density[:, None]).sum(0) * step**2
        torch.testing.assert_close(mu + moves[image, 0], mean, rtol=0, atol=1e-6)
        closed = (-(cells - mean).square().sum(1) / (2 * sigma**2)).exp() / (2 * math.pi * sigma**2)
        torch.testing.assert_close(density, closed, rtol=0, atol=1e-8)


def test_weights_sum_to_one_and_favour_the_sharper_parent():
    weights = edge_weights(torch.tensor([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]]))
    torch.testing.assert_close(weights, torch.tensor([[16.0, 4, 1], [7, 7, 7]]) / 21)


def test_without_parents_nothing_is_expected_to_move():
    nothing = torch.zeros(4, 0)
    assert expected_moves(torch.zeros(3, 0, 2), nothing.long(), nothing).tolist() == [[[0, 0]] * 4] * 3
