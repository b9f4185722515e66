"""The modes that a page shows: every picture below one of them, and shares that add up."""

import pytest
import torch

from whynet.structures.decision_tree import DecisionTree
from whynet.structures.decision_tree.readings import Readings
from whynet.structures.tree_settings import TreeSettings
from whynet.workflows.report.tree_modes import NUM_FILTERS, NUM_MODES, modes, of_parts, shares


@pytest.fixture
def readings():
    torch.manual_seed(0)
    x, g = torch.rand(20, 12).double(), torch.randn(20, 12).double()
    return Readings(activations=x, gradients=g, outputs=(x * g).sum(1), logits=torch.randn(20, 2))


def tree(children, top, count=20):
    nodes = count + len(children)
    torch.manual_seed(1)
    return DecisionTree(
        layer="a", class_index=0, class_name="b", settings=TreeSettings(), scales=torch.ones(12).double(),
        directions=torch.nn.functional.normalize(torch.randn(nodes, 12).double()),
        weights=torch.randn(nodes, 12).double(), biases=torch.zeros(nodes).double(),
        children=(*([()] * count), *children, top), image_names=tuple(map(str, range(count))), network="c",
    )  # fmt: skip


CHAIN = [(0, 1), *((place + 2, 20 + place) for place in range(18))]


@pytest.mark.parametrize("own", [tree(CHAIN, (38,)), tree([], tuple(range(20)))], ids=["chain", "flat"])
def test_the_largest_branches_are_split_until_there_are_enough(own, readings):
    found = modes(own, readings, {})
    ends = [mode for mode in found if not mode.children]
    assert len(ends) == NUM_MODES
    covered = [row for mode in ends for row in own.covered(mode.node)]
    assert len(covered) == len(set(covered))
    for mode in found:
        rows = own.covered(mode.node)
        assert mode.num_pictures == len(rows)
        assert set(mode.pictures) <= set(rows)
        expected = readings.activations[list(rows)] @ own.weights[mode.node]
        assert mode.logit == pytest.approx(float(expected.mean()))
        assert sum(abs(share.value) for share in mode.shares) == pytest.approx(1)
    if own.children[-1] == (38,):
        assert sorted(covered) == list(range(20))
        assert found[0].node == 38


def test_shares_are_told_by_filter_and_add_up_by_part():
    contributions = torch.tensor([4.0, -3.0, 2.0, *[0.1] * 9, -0.1]).double()
    found = shares(contributions, {"head": [0, 1], "tail": [2]})
    total = float(contributions.abs().sum())
    assert [(one.name, one.part) for one in found[:3]] == [
        ("filter 0", "head"), ("filter 1", "head"), ("filter 2", "tail"),
    ]  # fmt: skip
    assert sum(one.is_one for one in found) == NUM_FILTERS
    assert found[0].value == pytest.approx(4 / total)
    assert found[1].value == pytest.approx(-3 / total)
    by_part = of_parts(found)
    assert by_part["head"] == pytest.approx(1 / total)
    assert sum(abs(one.value) for one in found) == pytest.approx(1)
    assert shares(torch.zeros(3).double(), {}) == ()
