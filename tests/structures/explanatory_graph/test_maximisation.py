"""The M-step against its equations, written out unit by unit."""

import pytest
import torch

from whynet.structures.explanatory_graph import maximisation as maximisation_module
from whynet.structures.explanatory_graph.expectation import Moments
from whynet.structures.explanatory_graph.gaussian_product import edge_weights, expected_moves, product_sigma
from whynet.structures.explanatory_graph.maximisation import Nodes, maximisation

IMAGES, NODES, ABOVE, PARENTS, LEAST = 5, 4, 6, 3, 0.5


def a_cloud_for_each_node():
    """Units (place, weight) of each node in each image, and the moves of the candidates above."""
    torch.manual_seed(2)
    above = 6 * torch.randn(IMAGES, ABOVE, 2, dtype=torch.double)
    units = 20 + 2 * torch.randn(IMAGES, NODES, 7, 2, dtype=torch.double)
    units += (0.5 * above[:, :NODES] + 0.5 * above[:, 1 : NODES + 1])[:, :, None]  # two candidates each tell much
    return above, units, torch.rand(IMAGES, NODES, 7, dtype=torch.double)


def moments_about(units, weights, places):
    offset = units - places[:, :, None]
    return Moments(
        weights.sum(2), (weights[..., None] * offset).sum(2), (weights * offset.square().sum(3)).sum(2)
    )  # fmt: skip


def without_parents(mu):
    parents = torch.zeros(NODES, PARENTS, dtype=torch.long)
    sigma = torch.full((NODES,), 9.0, dtype=torch.double)
    return Nodes(mu, sigma, parents, sigma[:, None].expand(-1, PARENTS), torch.zeros(IMAGES, NODES, 2).double())


def variance_of(points, weights):
    """Per axis, of weighted points, and their mean."""
    total = sum(weights)
    mean = [sum(w * p[axis] for w, p in zip(weights, points, strict=True)) / total for axis in (0, 1)]
    squared = sum(w * sum((p[a] - mean[a]) ** 2 for a in (0, 1)) for w, p in zip(weights, points, strict=True))
    return squared / total / 2, mean


@pytest.mark.parametrize("most_entries", [1, 1 << 22])
def test_parents_mu_and_sigmas_are_the_equations(monkeypatch, most_entries):
    monkeypatch.setattr(maximisation_module, "MOST_ENTRIES", most_entries)
    above, units, weights = a_cloud_for_each_node()
    start = without_parents(torch.full((NODES, 2), 18.0).double())
    found = maximisation(start, moments_about(units, weights, start.mu + start.moves), above, PARENTS, LEAST)
    for node in range(NODES):
        flat = [
            (image, units[image, node, unit].tolist(), float(weights[image, node, unit]))
            for image in range(IMAGES)
            for unit in range(7)
        ]
        own = [weight for _, _, weight in flat]
        candidates = []
        for parent in range(ABOVE):
            relative = [[p[axis] - float(above[image, parent, axis]) for axis in (0, 1)] for image, p, _ in flat]
            candidates.append((variance_of(relative, own)[0], parent))
        best = sorted(candidates)[:PARENTS]
        assert found.parents[node].tolist() == [parent for _, parent in best]
        precision = [1 / variance for variance, _ in best]
        shares = [value / sum(precision) for value in precision]
        moves = [
            [
                sum(w * float(above[image, parent, axis]) for w, (_, parent) in zip(shares, best, strict=True))
                for axis in (0, 1)
            ]
            for image in range(IMAGES)
        ]
        relative = [[p[axis] - moves[image][axis] for axis in (0, 1)] for image, p, _ in flat]
        variance, mean = variance_of(relative, own)
        assert found.mu[node].tolist() == pytest.approx(mean)
        assert float(found.sigma[node]) == pytest.approx(variance**0.5)
        assert edge_weights(found.edge_sigmas)[node].tolist() == pytest.approx(shares)
        torch.testing.assert_close(found.moves[:, node], torch.tensor(moves, dtype=torch.double))
    torch.testing.assert_close(product_sigma(found.edge_sigmas), found.sigma)


def test_parents_that_tell_less_are_not_taken():
    above, units, weights = a_cloud_for_each_node()
    start = without_parents(torch.full((NODES, 2), 18.0).double())
    good = maximisation(start, moments_about(units, weights, start.mu + start.moves), above, PARENTS, LEAST)
    worse = 6 * torch.randn(IMAGES, ABOVE, 2, dtype=torch.double)
    kept = maximisation(good, moments_about(units, weights, good.mu + good.moves), worse, PARENTS, LEAST)
    assert kept.parents.tolist() == good.parents.tolist()
    torch.testing.assert_close(kept.moves, good.moves)
    torch.testing.assert_close(kept.mu, good.mu)
    torch.testing.assert_close(kept.sigma, good.sigma)
    torch.testing.assert_close(kept.edge_sigmas, good.edge_sigmas)


def test_a_node_without_units_stays_as_it_was_and_sigma_has_its_floor():
    above, units, weights = a_cloud_for_each_node()
    weights[:, 0] = 0
    units[:, 1] = units[:, 1, :1] * 0 + above[:, 5, None] + 20  # all units of an image in one place, told by one node
    start = without_parents(torch.full((NODES, 2), 18.0).double())
    found = maximisation(start, moments_about(units, weights, start.mu + start.moves), above, 1, LEAST)
    assert found.mu[0].tolist() == [18, 18]
    assert float(found.sigma[0]) == 9
    assert float(found.sigma[1]) == LEAST
    assert int(found.parents[1, 0]) == 5
    assert found.mu[1].tolist() == pytest.approx([20, 20])


def test_the_top_layer_has_means_and_no_parents():
    _, units, weights = a_cloud_for_each_node()
    nothing = torch.zeros(IMAGES, 0, 2, dtype=torch.double)
    empty = torch.zeros(NODES, 0, dtype=torch.double)
    ones, still = torch.ones(NODES).double(), torch.zeros(IMAGES, NODES, 2).double()
    start = Nodes(torch.zeros(NODES, 2).double(), ones, empty.long(), empty, still)
    found = maximisation(start, moments_about(units, weights, start.mu + start.moves), nothing, PARENTS, LEAST)
    assert found.parents.shape == found.edge_sigmas.shape == (NODES, 0)
    expected = (weights[..., None] * units).sum((0, 2)) / weights.sum((0, 2))[:, None]
    torch.testing.assert_close(found.mu, expected)
    assert float(expected_moves(nothing, found.parents, found.edge_sigmas).abs().max()) == 0
