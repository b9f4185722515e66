"""Reasons of a node: a part is the sum of its filters, in weight and in place."""

import torch

from whynet.structures.decision_tree.explaining import reasons_of


def test_a_part_is_the_sum_of_its_filters_and_what_adds_nothing_is_left_out():
    maps = torch.arange(16, dtype=torch.double).view(4, 2, 2)
    found = reasons_of(torch.tensor([1.0, -2.0, 0.0, 0.5]).double(), maps, {"head": [0, 1], "tail": []})
    assert [(one.name, one.is_named) for one in found] == [("head", True), ("filter 3", False)]
    assert found[0].weight == 6 - 2 * 22
    assert found[0].heat_map.tolist() == [[-8, -9], [-10, -11]]
    assert found[1].weight == 0.5 * 54
