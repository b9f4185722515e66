"""The E-step against the mixture's equations, written out unit by unit."""

import math

import pytest
import torch

from whynet.structures.explanatory_graph import chunks as chunks_module
from whynet.structures.explanatory_graph.expectation import Moments, expectation, whole_clouds
from whynet.structures.explanatory_graph.grid import Grid

SIZE = (18, 20)
NOISE = 0.1


def slow(clouds, places, sigmas, priors, size, noise):
    """Count, offset (2) and square of each node, and the log-likelihood of each filter, in plain numbers."""
    images, filters, rows, columns = clouds.shape
    nodes = len(sigmas[0])
    moments = torch.zeros(images, filters, nodes, 4, dtype=torch.double)
    likelihood = [0.0] * filters
    for i in range(images):
        for f in range(filters):
            for r in range(rows):
                for c in range(columns):
                    units = float(clouds[i, f, r, c])
                    y, x = (r + 0.5) * size[0] / rows, (c + 0.5) * size[1] / columns
                    own = []
                    for v in range(nodes):
                        dy, dx = y - places[i][f][v][0], x - places[i][f][v][1]
                        variance = sigmas[f][v] ** 2
                        normal = math.exp(-(dy * dy + dx * dx) / (2 * variance)) / (2 * math.pi * variance)
                        own.append((priors[f][v] * normal, dy, dx))
                    total = sum(p for p, _, _ in own) + noise / (size[0] * size[1])
                    likelihood[f] += units * math.log(total)
                    for v, (p, dy, dx) in enumerate(own):
                        share = units * p / total
                        moments[i, f, v] += torch.tensor([share, share * dy, share * dx, share * (dy * dy + dx * dx)])
    return moments, likelihood


@pytest.fixture
def clouds():
    torch.manual_seed(1)
    return torch.randn(3, 2, 3, 4, dtype=torch.double).relu()


@pytest.mark.parametrize("most_entries", [1, 40, 1 << 22])
def test_moments_and_likelihood_are_the_equations(clouds, monkeypatch, most_entries):
    monkeypatch.setattr(chunks_module, "MOST_ENTRIES", most_entries)
    places = 18 * torch.rand(3, 2, 3, 2, dtype=torch.double)
    sigma = 2 + 4 * torch.rand(2, 3, dtype=torch.double)
    prior = torch.tensor([[0.3, 0.3, 0.3], [0.45, 0.45, 0.0]], dtype=torch.double)  # one node is not there
    found, likelihood = expectation(clouds, Grid.over(SIZE, clouds), places, sigma, prior, NOISE)
    expected, total = slow(clouds, places.tolist(), sigma.tolist(), prior.tolist(), SIZE, NOISE)
    expected = expected.flatten(1, 2)
    torch.testing.assert_close(found.count, expected[..., 0])
    torch.testing.assert_close(found.offset, expected[..., 1:3])
    torch.testing.assert_close(found.square, expected[..., 3])
    torch.testing.assert_close(likelihood, torch.tensor(total, dtype=torch.double))
    assert float(found.count[:, -1].abs().max()) == 0


def test_a_map_far_from_every_node_belongs_to_noise(clouds):
    places = torch.full((3, 2, 1, 2), 1e4, dtype=torch.double)
    one = torch.ones(2, 1, dtype=torch.double)
    found, likelihood = expectation(clouds, Grid.over(SIZE, clouds), places, 3 * one, 0.9 * one, NOISE)
    assert float(found.count.abs().max()) == 0
    torch.testing.assert_close(likelihood, clouds.sum((0, 2, 3)) * math.log(NOISE / (18 * 20)))


def test_moments_about_another_place(clouds):
    grid = Grid.over(SIZE, clouds)
    middle = whole_clouds(clouds, grid)
    moves = torch.randn(3, 2, 2, dtype=torch.double)
    shifted = middle.about(moves)
    cells = torch.cartesian_prod(grid.rows, grid.columns)
    for image in range(3):
        for node in range(2):
            units = clouds[image, node].flatten()
            for moments, place in (
                (middle, torch.tensor(SIZE).double() / 2),
                (shifted, torch.tensor(SIZE).double() / 2 - moves[image, node]),
            ):
                assert isinstance(moments, Moments)
                torch.testing.assert_close(moments.count[image, node], units.sum())
                torch.testing.assert_close(moments.offset[image, node], (units[:, None] * (cells - place)).sum(0))
                squared = (units * (cells - place).square().sum(1)).sum()
                torch.testing.assert_close(moments.square[image, node], squared)
