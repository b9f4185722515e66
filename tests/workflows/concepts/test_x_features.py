"""X-features of a class: their parts add up to the prediction, and their maps do not depend on the batches."""

import pytest
import torch

from whynet.models.srae import ExplanationModule
from whynet.models.subject import Subject
from whynet.workflows.concepts import readings, x_features
from whynet.workflows.concepts.readings import ExplainedLayer
from whynet.workflows.concepts.x_features import XFeatures


@pytest.fixture
def module():
    torch.manual_seed(2)
    return ExplanationModule(12, num_features=3, hidden=(8, 6)).signed_for().eval()


def test_what_a_modules_x_features_add_and_the_bias_are_its_prediction(painted, module):
    mine, z = XFeatures.of_module(module, 1), painted.train.activations
    assert (mine.class_index, mine.units) == (1, (0, 1, 2))
    encoded, weights = module.encoder(z).tolist(), module.readout.weight[0].tolist()
    bias = float(module.readout.bias.detach())
    for row, features in enumerate(encoded):
        added = [weight * feature for weight, feature in zip(weights, features, strict=True)]
        assert mine.contributions(z)[row].tolist() == pytest.approx(added, abs=1e-6)
        assert float(mine.predictions(z)[row]) == pytest.approx(sum(added) + bias, abs=1e-6)
    torch.testing.assert_close(mine.predictions(z), module(z))
    assert not mine.predictions(z).requires_grad
    assert not mine.weights.requires_grad


def test_entries_of_z_are_x_features_of_their_own():
    z = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    mine = XFeatures(class_index=0, encoder=None, units=(2, 0), weights=torch.tensor([10.0, -1.0]), bias=0.5)
    assert mine.values(z).tolist() == [[3.0, 1.0], [6.0, 4.0]]
    assert mine.contributions(z).tolist() == [[30.0, -1.0], [60.0, -4.0]]
    assert mine.predictions(z).tolist() == [29.5, 56.5]
    none = XFeatures(class_index=0, encoder=None, units=(), weights=torch.ones(0), bias=0.5)
    assert none.predictions(z).tolist() == [0.5, 0.5]


def test_some_units_of_a_module_are_those_of_all(painted, module):
    mine, z = XFeatures.of_module(module, 0), painted.test.activations
    some = XFeatures(class_index=0, encoder=module.encoder, units=(2,), weights=mine.weights[[2]], bias=0.0)
    assert torch.equal(some.contributions(z)[:, 0], mine.contributions(z)[:, 2])
    maps = mine.maps(painted.explained, painted.test, [0, 1])
    torch.testing.assert_close(some.maps(painted.explained, painted.test, [0, 1])[:, 0], maps[:, 2])


def test_maps_are_of_the_rows_asked_for_whatever_the_batches(painted, module, monkeypatch):
    mine, rows = XFeatures.of_module(module, 0), [7, 0, 3, 9, 2]
    maps = mine.maps(painted.explained, painted.test, rows)
    assert maps.shape == (5, 3, 16, 16)
    assert (maps >= 0).all()
    assert maps.sum() > 0
    monkeypatch.setattr(readings, "BATCH_SIZE", 2)
    torch.testing.assert_close(mine.maps(painted.explained, painted.test, rows), maps)
    for place, row in enumerate(rows):
        torch.testing.assert_close(mine.maps(painted.explained, painted.test, [row])[0], maps[place])


def test_a_map_of_an_entry_that_sees_one_half_lies_on_that_half(halves, halves_layer):
    readings = halves_layer.read(halves)
    mine = XFeatures(class_index=0, encoder=None, units=(1, 0), weights=torch.ones(2), bias=0.0)
    right, left = mine.maps(halves_layer, readings, [0, 4]).unbind(1)
    torch.testing.assert_close(right[:, :, 4:], torch.full((2, 8, 4), 1 / 32))
    assert not right[:, :, :4].any()
    torch.testing.assert_close(left[:, :, :4], torch.full((2, 8, 4), 1 / 32))
    assert not left[:, :, 4:].any()


def test_the_encoder_goes_where_the_network_is_and_a_copy_stays(painted, module, monkeypatch):
    """On the meta device, since there may be no other here."""
    subject = painted.subject
    away = Subject(torch.nn.Linear(1, 1, device="meta"), class_names=subject.class_names, preprocess=subject.preprocess)
    explained = ExplainedLayer(subject=away, layer="hidden.0", map_layer="blocks.0.2")
    seen = []

    def maps_on(_subject, images, *, encoder, units, **_more):
        seen.append((images.device.type, {weight.device.type for weight in encoder.parameters()}))
        return torch.zeros(len(images), len(units), 4, 4)

    monkeypatch.setattr(x_features, "x_feature_maps", maps_on)
    mine = XFeatures.of_module(module, 0)
    mine.maps(explained, painted.test, [0, 1])
    assert seen == [("meta", {"meta"})]
    assert mine.contributions(painted.test.activations).isfinite().all(), "the readings are on the CPU"
