"""What modules learn from: Z and the logits as a plain forward pass has them, and layers that cannot be explained."""

import logging
import math

import pytest
import torch
from torch import nn

from whynet.base.errors import SubjectError
from whynet.models.subject import Subject
from whynet.workflows.concepts.readings import ExplainedLayer, Readings, tell_of_negatives
from whynet.workflows.feature_cache import FeatureCache


def with_network(explained, network):
    """The same layer names of another network."""
    old = explained.subject
    return Subject(network, class_names=old.class_names, preprocess=old.preprocess, name="net")


def test_z_and_logits_are_those_of_a_forward_pass_picture_by_picture(halves, halves_layer):
    found = halves_layer.read(halves)
    for row, (left, right) in enumerate(halves.brightness):
        assert found.activations[row].tolist() == pytest.approx([left / 255, right / 255], abs=1e-6)
        expected = [2 - 3 * left / 255 + right / 255, -1 + 4 * left / 255 - right / 255]
        assert found.logits[row].tolist() == pytest.approx(expected, abs=1e-5)
    assert found.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.is_of(1).tolist() == [False, True] * 3
    assert found.rows_of(1) == [1, 3, 5]
    assert found.rows_of(7) == []


def test_maps_are_read_as_their_mean_over_space(halves, halves_layer):
    explained = ExplainedLayer.of(halves_layer.subject, "maps.1", halves, map_layer="maps.0")
    expected = [[(left + right) / 2 / 255] for left, right in halves.brightness]
    torch.testing.assert_close(explained.read(halves).activations, torch.tensor(expected), atol=1e-6, rtol=0)


def test_readings_come_from_the_cache_the_second_time(painted, tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path)
    first = painted.explained.read(painted.splits.test, cache)
    monkeypatch.setattr(FeatureCache, "store", lambda *_: pytest.fail("read again"))
    second = painted.explained.read(painted.splits.test, cache)
    assert torch.equal(first.activations, second.activations)
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.activations, painted.test.activations)


def test_pictures_are_preprocessed_as_the_network_sees_them(halves, halves_layer):
    images = halves_layer.preprocessed(halves, [3, 0])
    assert images.shape == (2, 3, 8, 8)
    torch.testing.assert_close(images[0, :, 0, 0], torch.full((3,), 180 / 255))
    torch.testing.assert_close(images[1, :, 7, 7], torch.full((3,), 200 / 255))


def test_maps_lie_at_the_layer_that_was_named_or_at_the_last_fine_one_before(painted, halves, halves_layer):
    assert (painted.explained.layer, painted.explained.map_layer) == ("hidden.0", "blocks.0.2")
    named = ExplainedLayer.of(painted.subject, "hidden.0", painted.splits.train, map_layer="blocks.1")
    assert named.map_layer == "blocks.1"
    assert ExplainedLayer.of(halves_layer.subject, "z", halves, map_layer=None).map_layer == "maps.0"


def test_layers_that_cannot_be_explained_or_mapped_are_told(painted, halves_layer, halves):
    subject, pictures = painted.subject, painted.splits.train
    with pytest.raises(SubjectError, match=r"no layer 'hidden\.7'"):
        ExplainedLayer.of(subject, "hidden.7", pictures, map_layer=None)
    with pytest.raises(SubjectError, match="no layer 'block'"):
        ExplainedLayer.of(subject, "hidden.0", pictures, map_layer="block")
    with pytest.raises(SubjectError, match=r"no layer before 'blocks\.0\.0' has maps"):
        ExplainedLayer.of(subject, "blocks.0.0", pictures, map_layer=None)
    with pytest.raises(SubjectError, match=r"'feature' has no maps .* but a tensor of shape \(8,\); name another"):
        ExplainedLayer.of(subject, "hidden.0", pictures, map_layer="feature")


def test_a_dead_layer_is_told(halves, halves_layer):
    with torch.no_grad():
        halves_layer.subject.network.z[1].weight.mul_(-1)
    with pytest.raises(SubjectError, match="layer 'z' is 0 in all 6 pictures, so nothing can be explained by it"):
        halves_layer.read(halves)


def test_a_layer_of_nan_and_one_that_runs_twice_are_told(halves, halves_layer):
    class Twice(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.maps, self.z, self.output = network.maps, network.z, network.output
            self.again = nn.ReLU()

        def forward(self, images):
            return self.output(self.again(self.again(self.z(self.maps(images)))))

    subject = with_network(halves_layer, Twice(halves_layer.subject.network))
    with pytest.raises(SubjectError, match="layer 'again' runs 2 times in a forward pass; name one that runs once"):
        ExplainedLayer(subject=subject, layer="again", map_layer="maps.1").read(halves)
    with torch.no_grad():
        halves_layer.subject.network.z[1].weight[0, 0] = math.nan
    with pytest.raises(SubjectError, match="NaN"):
        halves_layer.read(halves)


def test_a_signed_layer_is_told_in_the_log(caplog):
    signed = torch.tensor([[1.0, -1.0], [0.0, -2.0], [3.0, 4.0], [5.0, 6.0]])
    with caplog.at_level(logging.WARNING, "whynet"):
        tell_of_negatives("fc", signed.abs())
        assert caplog.records == []
        tell_of_negatives("fc", signed)
    (record,) = caplog.records
    assert "25 % of the entries of layer fc are negative" in record.getMessage()


def test_labels_are_those_of_the_subset(painted):
    rows = painted.test.rows_of(1)
    some = Readings(
        examples=painted.splits.test.subset(rows), activations=painted.test.activations[rows],
        logits=painted.test.logits[rows],
    )  # fmt: skip
    assert some.rows_of(1) == list(range(5))
