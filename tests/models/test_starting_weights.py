"""Weights to begin with: all but those of a last layer with other classes, and only from the same architecture."""

import pytest
import torch
from torch import nn

from whynet.base.errors import SubjectError
from whynet.models.interpretable_conv import make_interpretable
from whynet.models.starting_weights import start_from


def network(classes, width=4):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, classes),
    )  # fmt: skip


def test_all_but_the_last_layer_is_taken_where_the_classes_differ():
    torch.manual_seed(0)
    other, own = network(24), network(2)
    other.train()(torch.rand(4, 3, 8, 8))  # statistics of its own
    head = own[5].weight.clone()
    assert not start_from(own, other, "runs/all")
    for key in ("0.weight", "0.bias", "1.weight", "1.running_mean", "1.num_batches_tracked"):
        assert torch.equal(own.state_dict()[key], other.state_dict()[key])
    assert torch.equal(own[5].weight, head)
    assert own.state_dict()["0.weight"].data_ptr() != other.state_dict()["0.weight"].data_ptr()


def test_with_the_same_classes_the_networks_are_equal():
    other, own = network(3), network(3)
    assert start_from(own, other, "runs/all")
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(own.eval()(image), other.eval()(image))


@pytest.mark.parametrize("layer", ["0", "2"])
def test_what_an_interpretable_network_has_beyond_is_not_looked_at(layer):
    other, own = network(3), network(3)
    assert start_from(own, make_interpretable(other, layer, images=torch.rand(1, 3, 8, 8)), "runs/all")
    assert torch.equal(own[0].weight, other[0].weight)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (network(3, width=6), r"0.weight of shape \[4, 3, 3, 3\] was expected .* but is \[6, 3, 3, 3\] in runs/x"),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), r"0.weight .* but is not in runs/x; name a run of the same"),
    ],
)  # fmt: skip
def test_another_architecture_is_refused_and_nothing_changes(other, message):
    own = network(3)
    before = {key: value.clone() for key, value in own.state_dict().items()}
    with pytest.raises(SubjectError, match=message):
        start_from(own, other, "runs/x")
    assert all(torch.equal(value, before[key]) for key, value in own.state_dict().items())
