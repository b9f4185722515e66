"""What gave place to others, and how far the rest moved, against figures worked out by hand."""

import pytest
import torch

from whynet.structures.explanatory_graph import ExplanatoryGraph, GraphSettings
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.workflows.graph.changes import mean_move, share_left
from whynet.workflows.graph.explaining import NUM_TOLD, NodesInImage
from whynet.workflows.graph.saved import ClassGraph

SCORES = [0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 2.0, 0.0]


@pytest.fixture(scope="module")
def own():
    """A graph of 8 nodes whose image has a diagonal of 50; node 6 is none of the surest."""
    torch.manual_seed(0)
    settings = GraphSettings(iterations=1)
    layers = fit_layers(["a"], [torch.rand(4, 8, 4, 4)], (30, 40), settings)
    graph = ExplanatoryGraph(layers=layers, image_size=(30, 40), network="1234", settings=settings)
    assert graph.num_nodes == len(SCORES)
    return ClassGraph(
        class_index=0, class_name="owl", graph=graph, pictures={}, rows={}, chosen=[], surest=[0, 1, 2, 3, 4, 5, 7],
        nodes={"told": [0.0] * 8}, settings={}, data="",
    )  # fmt: skip


def nodes(own, scores, moved=None):
    positions = torch.full((8, 2), 10.0)
    for node, move in (moved or {}).items():
        positions[node] += torch.tensor(move)
    return NodesInImage(own=own, positions=positions, scores=torch.tensor(scores))


def test_of_the_surest_nodes_those_found_most_surely_are_told(own):
    assert nodes(own, SCORES).told == [1, 2, 3, 4, 5]
    assert len(nodes(own, SCORES).told) == NUM_TOLD
    assert nodes(own, [0.0] * 6 + [1.0, 0.5]).told == [7]


def test_nothing_changes_where_nothing_changed(own):
    before = nodes(own, SCORES)
    assert (share_left(before, before), mean_move(before, before)) == (0.0, 0.0)


def test_those_that_give_place_and_the_way_of_those_that_are_still_found(own):
    before = nodes(own, SCORES)
    # 0 comes in, 5 goes but is found, 4 is found no more; 6 and 7 were not told, whatever they do
    after = nodes(
        own, [0.8, 0.9, 0.8, 0.7, 0.0, 0.1, 2.0, 0.3],
        {1: [3.0, 4.0], 5: [0.0, 10.0], 4: [20.0, 20.0], 6: [9.0, 9.0], 7: [9.0, 9.0]},
    )  # fmt: skip
    assert after.told == [1, 0, 2, 3, 7]
    assert share_left(before, after) == pytest.approx(2 / 5)
    assert mean_move(before, after) == pytest.approx((5 + 0 + 0 + 10) / 4 / 50)


def test_where_nothing_was_told_or_nothing_is_found_there_is_no_figure(own):
    something, nothing = nodes(own, SCORES), nodes(own, [0.0] * 8)
    assert (share_left(nothing, something), mean_move(nothing, something)) == (None, None)
    assert (share_left(something, nothing), mean_move(something, nothing)) == (1.0, None)
