"""A node that moves as its parents do is told; one that stays or moves by itself is not."""

import pytest
import torch

from whynet.structures.explanatory_graph import ExplanatoryGraph, GraphLayer, GraphSettings, NodePositions
from whynet.workflows.graph.sureness import told_by_parents


def layer(name, mu, parents):
    count = len(mu)
    return GraphLayer(
        name=name, map_size=(4, 4), scales=torch.ones(count), filters=torch.arange(count), mu=torch.tensor(mu),
        sigma=torch.ones(count), shares=torch.ones(count), parents=torch.tensor(parents).view(count, -1).long(),
        edge_sigmas=torch.ones(count, len(parents) // count),
    )  # fmt: skip


def test_the_share_of_movement_that_parents_tell():
    graph = ExplanatoryGraph(
        layers=(layer("a", [[5.0, 5.0], [9.0, 9.0], [7.0, 7.0]], [0, 0, 0]), layer("b", [[8.0, 8.0]], [])),
        image_size=(16, 16), network="n", settings=GraphSettings(),
    )  # fmt: skip
    moves = torch.tensor([[2.0, 0.0], [-1.0, 3.0], [-1.0, -3.0], [0.0, 0.0]])
    places = torch.stack([5 + moves, torch.full_like(moves, 9.0), 7 - moves, 8 + moves], 1)
    scores = torch.ones(4, 4)
    told = told_by_parents(graph, NodePositions(positions=places, scores=scores))
    assert told.tolist() == pytest.approx([1, 0, 0, 0])
    places[3, 0] += 1  # off by one pixel each way in one of the pictures
    told = told_by_parents(graph, NodePositions(positions=places, scores=scores))
    moved = places[:, 0]
    expected = 1 - 2 / float((moved - moved.mean(0)).square().sum())
    assert float(told[0]) == pytest.approx(expected)
    scores[3, 0] = 0  # where it was not found it does not count
    assert float(told_by_parents(graph, NodePositions(positions=places, scores=scores))[0]) == pytest.approx(1)
