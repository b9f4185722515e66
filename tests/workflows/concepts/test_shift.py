"""The constant-shift test of x-features."""

import pytest
import torch

from whynet.metrics.sanity.input_shift import ShiftChange
from whynet.models.srae import ExplanationModule
from whynet.workflows.concepts import shift
from whynet.workflows.concepts.shift import NUM_PICTURES, SHIFT, shift_figure
from whynet.workflows.concepts.x_features import XFeatures


@pytest.fixture
def mine():
    torch.manual_seed(1)
    return XFeatures.of_module(ExplanationModule(12, num_features=3, hidden=(8, 6)), 1)


def test_maps_do_not_change_with_a_constant_that_the_network_does_not_see(painted, mine):
    assert shift_figure(painted.explained, painted.test, mine) < 1e-3


def test_the_largest_change_of_any_x_feature_in_any_picture_of_the_class_is_told(painted, mine, monkeypatch):
    asked = []

    def change(explain, network, images, by):
        asked.append((explain(network, images), images, by))
        changes = torch.tensor([[0.1, 0.0, 0.2, 0.0, 0.0], [0.0, 0.7, 0.0, 0.3, 0.0], [0.4] * 5][len(asked) - 1])
        return ShiftChange(relative_change=changes, rank_correlation=torch.ones(5), logit_difference=0.0)

    monkeypatch.setattr(shift, "input_shift_change", change)
    assert shift_figure(painted.explained, painted.test, mine) == pytest.approx(0.7)
    rows = painted.test.rows_of(1)
    maps = mine.maps(painted.explained, painted.test, rows)
    assert len(asked) == 3
    for feature, (own, images, by) in enumerate(asked):
        assert by == SHIFT
        assert torch.equal(images, painted.explained.preprocessed(painted.splits.test, rows))
        torch.testing.assert_close(own, maps[:, feature])
    assert len(rows) <= NUM_PICTURES
