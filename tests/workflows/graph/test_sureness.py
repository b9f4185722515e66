"""A node that moves as its parents do is told; one that stays, moves by itself or is only pulled to them is not."""

import math

import pytest
import torch

from whynet.structures.explanatory_graph import ExplanatoryGraph, GraphLayer, GraphSettings
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.workflows.graph.sureness import NUM_OTHERS, other_pictures, told_by_parents

SIDE = 64


def layer(name, cells, mu, parents):
    count = len(mu)
    return GraphLayer(
        name=name, map_size=(cells, cells), scales=torch.ones(count), filters=torch.arange(count),
        mu=torch.tensor(mu), sigma=torch.full((count,), 6.0), shares=torch.ones(count),
        parents=torch.tensor(parents).view(count, -1).long(),
        edge_sigmas=torch.full((count, len(parents) // count), 6.0),
    )  # fmt: skip


def graph_of(*layers):
    return ExplanatoryGraph(layers=layers, image_size=(SIDE, SIDE), network="n", settings=GraphSettings())


def fitted(maps, **settings):
    own = GraphSettings(iterations=6, **settings)
    return ExplanatoryGraph(
        layers=fit_layers(["a", "b"], maps, (SIDE, SIDE), own), image_size=(SIDE, SIDE), network="n", settings=own
    )


def told(graph, maps):
    return told_by_parents(graph, graph.infer_maps(maps), maps)


def dots(cells, places):
    """Maps with a single unit each, at rows and columns (images, maps, 2)."""
    maps = torch.zeros(*places.shape[:2], cells, cells)
    images, filters = torch.meshgrid(*map(torch.arange, places.shape[:2]), indexing="ij")
    maps[images, filters, places[..., 0], places[..., 1]] = 1
    return maps


def test_the_share_of_movement_that_parents_tell():
    torch.manual_seed(0)
    steps = torch.randint(-4, 5, (60, 2))
    stray = torch.randint(0, 16, (60, 2))
    places = torch.stack([8 + steps, 4 + 0 * steps, 8 - steps, stray], 1)
    graph = graph_of(
        layer("a", 16, [[34.0, 34.0], [18.0, 18.0], [34.0, 34.0], [34.0, 34.0]], [0, 0, 0, 0]),
        layer("b", 16, [[34.0, 34.0]], []),
    )
    found = told(graph, [dots(16, places), dots(16, 8 + steps[:, None])])
    assert found.tolist() == pytest.approx([1, 0, 0, 0, 0], abs=1e-5), "with it, still, against it, by itself; the top"


def test_the_definition_in_loops():
    torch.manual_seed(1)
    maps = [torch.rand(9, 3, 8, 8), torch.rand(9, 2, 4, 4)]
    graph = fitted(maps, nodes_per_filter=2, parents=3)
    found = graph.infer_maps(maps)
    low, high = graph.layers

    def missed(node, taken):
        places, weights, expected = [], [], []
        for image in range(9):
            place = low.mu[node].clone()
            for parent, weight in zip(low.parents[node].tolist(), low.weights[node].tolist(), strict=True):
                place += weight * (found.positions[taken[image], low.num_nodes + parent] - high.mu[parent])
            own = maps[0][image, low.filters[node]] / low.scales[low.filters[node]]
            best = (0.0, None)
            for row in range(8):
                for column in range(8):
                    away = (torch.tensor([8 * row + 4.0, 8 * column + 4.0]) - place).square().sum()
                    fit = float(own[row, column]) * math.exp(-float(away) / (2 * float(low.sigma[node]) ** 2))
                    best = max(best, (fit, (8 * row + 4.0, 8 * column + 4.0)))
            weights.append(best[0])
            places.append(torch.tensor(best[1]))
            expected.append(place)
        total = sum(weights)
        mean = sum(weight * place for weight, place in zip(weights, places, strict=True)) / total
        off = sum(w * float((p - m).square().sum()) for w, p, m in zip(weights, places, expected, strict=True))
        return off / sum(w * float((p - mean).square().sum()) for w, p in zip(weights, places, strict=True))

    own = told_by_parents(graph, found, maps)
    orders = [order.tolist() for order in other_pictures(9)]
    for node in range(low.num_nodes):
        chance = min(1, *(missed(node, order) for order in orders))
        assert float(own[node]) == pytest.approx(max(0, 1 - missed(node, range(9)) / chance), abs=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_maps_of_noise_tell_nothing(seed):
    torch.manual_seed(seed)
    maps = [torch.randn(30, 8, 12, 12).relu(), torch.randn(30, 8, 6, 6).relu()]
    graph = fitted(maps)
    found = told(graph, maps)[: graph.layers[0].num_nodes]
    assert float(found.mean()) < 0.03
    assert float(found.sort(descending=True).values[:10].mean()) < 0.1


def test_a_planted_pattern_is_told_beside_noise():
    torch.manual_seed(0)
    steps = torch.randint(-4, 5, (30, 1, 2))
    maps = [0.1 * torch.rand(30, 2, 16, 16), 0.1 * torch.rand(30, 1, 16, 16)]
    maps[0][:, :1] += dots(16, 8 + steps)
    maps[1] += dots(16, 6 + steps)
    graph = fitted(maps, nodes_per_filter=1)
    found = told(graph, maps)
    assert float(found[0]) > 0.8
    assert found[1:].tolist() == pytest.approx([0, 0], abs=0.1)


def test_every_picture_has_another_one():
    for number in (1, 2, 5, 30):
        orders = list(other_pictures(number))
        assert len(orders) == min(number - 1, NUM_OTHERS)
        for order in orders:
            assert sorted(order.tolist()) == list(range(number))
            assert not (order == torch.arange(number)).any()
        assert len({tuple(order.tolist()) for order in orders}) == len(orders)
