"""Weights to begin with: all but those of a last layer of other classes, and only from the same architecture."""

import pytest
import torch
from torch import nn

from whynet.base.errors import SubjectError
from whynet.models.interpretable_conv import make_interpretable
from whynet.models.preprocessing import Preprocessing
from whynet.models.starting_weights import start_from
from whynet.models.subject import Subject

IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def subject(names, width=4, network=None):
    network = network or nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, len(names)),
    )  # fmt: skip
    return Subject(network, class_names=tuple(names), preprocess=Preprocessing(height=8, width=8))


@pytest.mark.parametrize("others", ["abcdefgh", "cd", "ba"])
def test_all_but_the_last_layer_is_taken_where_the_classes_differ(others):
    torch.manual_seed(0)
    other, own = subject(others), subject("ab")
    other.network.train()(IMAGES)  # statistics of its own
    head = own.network[5].weight.clone()
    assert not start_from(own, other, "runs/all")
    state, held = own.network.state_dict(), other.network.state_dict()
    for key in ("0.weight", "0.bias", "1.weight", "1.running_mean", "1.num_batches_tracked"):
        assert torch.equal(state[key], held[key])
    assert torch.equal(state["5.weight"], head)
    assert state["0.weight"].data_ptr() != held["0.weight"].data_ptr()


def test_with_the_same_classes_the_networks_are_equal():
    other, own = subject("abc"), subject("abc")
    assert start_from(own, other, "runs/all")
    assert torch.equal(own.logits(IMAGES), other.logits(IMAGES))


@pytest.mark.parametrize("layer", ["0", "2"])
def test_what_an_interpretable_network_has_beyond_is_not_looked_at(layer):
    other, own = subject("abc"), subject("abc")
    interpretable = subject("abc", network=make_interpretable(other.network, layer, images=IMAGES))
    assert start_from(own, interpretable, "runs/all")
    assert torch.equal(own.network[0].weight, other.network[0].weight)


def test_an_interpretable_layer_of_two_names_is_known_by_both():
    def aliased():
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        network[1].top = network[0]  # named, not called
        return network

    other, own = subject("abc", network=aliased()), subject("abc", network=aliased())
    interpretable = subject("abc", network=make_interpretable(other.network, "0", images=IMAGES))
    assert start_from(own, interpretable, "runs/all")
    assert torch.equal(own.logits(IMAGES), other.logits(IMAGES))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (subject("abc", width=6), r"0.weight of shape \[4, 3, 3, 3\] was expected .* but is \[6, 3, 3, 3\] in runs/x"),
        (
            subject("abc", network=nn.Sequential(nn.Flatten(), nn.Linear(192, 3))),
            r"0.weight .* but is not in runs/x; name a run of the same",
        ),
    ],
)
def test_another_architecture_is_refused_and_nothing_changes(other, message):
    own = subject("abc")
    before = {key: value.clone() for key, value in own.network.state_dict().items()}
    with pytest.raises(SubjectError, match=message):
        start_from(own, other, "runs/x")
    assert all(torch.equal(value, before[key]) for key, value in own.network.state_dict().items())
