"""Positions and scores against their definition, cell by cell."""

import math

import pytest
import torch

from whynet.structures.explanatory_graph import chunks as chunks_module
from whynet.structures.explanatory_graph.gaussian_product import product_sigma
from whynet.structures.explanatory_graph.inference import node_positions
from whynet.structures.explanatory_graph.layer import GraphLayer

SIZE = (18, 20)


def layer(name, map_size, filters, mu, sigma, parents=None, edge_sigmas=None):
    count = len(filters)
    return GraphLayer(
        name=name, map_size=map_size, scales=torch.tensor([2.0, 0.5, 0.0]), filters=torch.tensor(filters),
        mu=torch.tensor(mu), sigma=sigma, shares=torch.full((count,), 0.4),
        parents=torch.zeros(count, 0, dtype=torch.long) if parents is None else torch.tensor(parents),
        edge_sigmas=torch.zeros(count, 0) if edge_sigmas is None else edge_sigmas,
    )  # fmt: skip


@pytest.fixture
def layers():
    edges = torch.tensor([[2.0, 5.0], [6.0, 3.0], [4.0, 4.0]])
    mu, parents = [[5.0, 4.0], [9.0, 9.0], [2.0, 15.0]], [[0, 1], [1, 0], [0, 1]]
    return (
        layer("low", (6, 5), [0, 1, 1], mu, product_sigma(edges), parents, edges),
        layer("high", (3, 2), [0, 1], [[8.0, 8.0], [10.0, 12.0]], torch.tensor([5.0, 7.0])),
    )


@pytest.fixture
def maps():
    torch.manual_seed(4)
    return [torch.randn(4, 3, 6, 5), torch.randn(4, 3, 3, 2)]


def slow(layers, maps):
    """Rows, columns and scores of all nodes of each image, top down."""
    result = []
    for image in range(len(maps[0])):
        places, positions, scores = {}, {}, {}
        for level in reversed(range(len(layers))):
            own = layers[level]
            for node in range(own.num_nodes):
                expected = list(map(float, own.mu[node]))
                total = sum(1 / float(s) ** 2 for s in own.edge_sigmas[node])
                for parent, sigma in zip(own.parents[node].tolist(), own.edge_sigmas[node].tolist(), strict=True):
                    for axis in (0, 1):
                        moved = places[level + 1, parent][axis] - float(layers[level + 1].mu[parent, axis])
                        expected[axis] += moved / sigma**2 / total
                best, where = 0.0, expected
                chosen = int(own.filters[node])
                for row in range(own.map_size[0]):
                    for column in range(own.map_size[1]):
                        y, x = (row + 0.5) * SIZE[0] / own.map_size[0], (column + 0.5) * SIZE[1] / own.map_size[1]
                        activation = max(float(maps[level][image, chosen, row, column]), 0) / float(own.scales[chosen])
                        distance = (y - expected[0]) ** 2 + (x - expected[1]) ** 2
                        score = activation * math.exp(-distance / (2 * float(own.sigma[node]) ** 2))
                        if score > best:
                            best, where = score, [y, x]
                places[level, node], positions[level, node], scores[level, node] = where, where, best
        order = [(level, node) for level in range(len(layers)) for node in range(layers[level].num_nodes)]
        result.append(([positions[key] for key in order], [scores[key] for key in order]))
    return torch.tensor([p for p, _ in result]), torch.tensor([s for _, s in result])


@pytest.mark.parametrize("most_entries", [1, 60, 1 << 22])
def test_positions_and_scores_are_the_equations(layers, maps, monkeypatch, most_entries):
    monkeypatch.setattr(chunks_module, "MOST_ENTRIES", most_entries)
    before = [own.clone() for own in maps]
    found = node_positions(layers, maps, SIZE)
    positions, scores = slow(layers, maps)
    torch.testing.assert_close(found.positions, positions)
    torch.testing.assert_close(found.scores, scores)
    assert all(bool((own == old).all()) for own, old in zip(maps, before, strict=True))


def test_a_silent_filter_scores_0_where_its_node_is_expected(layers, maps):
    maps[0][0, 1] = -1
    found = node_positions(layers, maps, SIZE)
    assert found.scores[0, 1:3].tolist() == [0, 0]
    positions, _ = slow(layers, maps)
    torch.testing.assert_close(found.positions[0, 1:3], positions[0, 1:3])
    assert float(found.scores[0, 0]) > 0


def test_a_filter_that_never_fired_before_does_no_harm(layers, maps):
    maps[0][:, 2] = 1e30
    assert bool(node_positions(layers, maps, SIZE).scores.isfinite().all())


def test_half_precision_is_taken(layers, maps):
    found = node_positions(layers, [own.half() for own in maps], SIZE)
    torch.testing.assert_close(found.scores, node_positions(layers, maps, SIZE).scores, rtol=2e-3, atol=2e-3)
