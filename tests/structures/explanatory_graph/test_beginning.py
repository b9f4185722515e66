"""Nodes begin where their filters fire, no two alike, and over maps that were moved over each other."""

import pytest
import torch

from whynet.base.seeding import generator
from whynet.structures.explanatory_graph import chunks as chunks_module
from whynet.structures.explanatory_graph.beginning import first_nodes
from whynet.structures.explanatory_graph.grid import Grid

SIZE = (12, 20)


def begin(clouds, above=None, num_nodes=3, seed=0):
    above = torch.zeros(len(clouds), 0, 2) if above is None else above
    return first_nodes(clouds, Grid.over(SIZE, clouds), above, num_nodes, 1, generator(seed, "test"))


def test_nodes_lie_in_cells_that_fire_and_no_two_are_alike():
    torch.manual_seed(0)
    clouds = (torch.rand(4, 5, 3, 5) > 0.6).float() * torch.rand(4, 5, 3, 5)
    nodes, there = begin(clouds, num_nodes=4)
    assert bool(there.all())
    fires = clouds.sum(0) > 0
    for number, (row, column) in enumerate(nodes.mu.tolist()):
        assert fires[number // 4, int(row / 4), int(column / 4)]
    for own in nodes.mu.view(5, 4, 2).tolist():
        assert len(set(map(tuple, own))) == 4


def test_a_filter_has_no_more_nodes_than_cells_that_fire():
    clouds = torch.zeros(2, 2, 3, 5)
    clouds[0, 0, 1, 2] = 1
    clouds[1, 1, 0, 0] = clouds[1, 1, 2, 4] = 3
    nodes, there = begin(clouds)
    assert there.tolist() == [[True, False, False], [True, True, False]]
    assert nodes.mu[0].tolist() == [6, 10]
    assert sorted(nodes.mu[3:5].tolist()) == [[2, 2], [10, 18]]
    assert float(nodes.sigma.min()) == 2  # half a cell


@pytest.mark.parametrize("most_entries", [1, 1 << 22])
def test_what_moves_with_a_parent_is_one_place(monkeypatch, most_entries):
    monkeypatch.setattr(chunks_module, "MOST_ENTRIES", most_entries)
    clouds, above = torch.zeros(3, 1, 3, 5), torch.zeros(3, 2, 2)
    for image in range(3):
        clouds[image, 0, image, image + 1] = 1  # one cell down and right from image to image
        above[image, 1] = torch.tensor([4.0, 4.0]) * (image - 1)
    nodes, there = begin(clouds, above)
    assert there.tolist() == [[True, False, False]]
    assert nodes.mu[0].tolist() == [6, 10]
    assert nodes.parents.tolist() == [[1]] * 3
    torch.testing.assert_close(nodes.moves[:, 0], above[:, 1])


def test_the_seed_decides():
    torch.manual_seed(0)
    clouds = torch.rand(4, 6, 3, 5)
    assert begin(clouds)[0].mu.tolist() == begin(clouds)[0].mu.tolist()
    assert begin(clouds)[0].mu.tolist() != begin(clouds, seed=1)[0].mu.tolist()
