"""Sums of maps, by layer: the worst image is named, and blank maps are counted apart."""

import pytest
import torch
from torch import nn

from whynet.attribution import excitation_backprop
from whynet.base.errors import DataError
from whynet.metrics import conservation


def test_names_the_worst_image_of_each_layer():
    maps = torch.full((3, 2, 2), 0.25)
    leaking = maps * torch.tensor([1.0, 0.7, 1.1])[:, None, None]
    leaking[2] = 0
    whole, lost = conservation({"a": maps, "b": leaking})
    assert (whole.layer, whole.error, whole.kept, whole.blank, whole.n) == ("a", 0, 1, 0, 3)
    assert (lost.layer, lost.worst_image, lost.blank) == ("b", 1, 1)
    assert lost.worst_sum == pytest.approx(0.7)
    assert lost.error == pytest.approx(0.3)
    assert lost.kept == 0.5  # of the two that are not blank


def test_blank_maps_alone_have_no_sum():
    (found,) = conservation({"a": torch.zeros(2, 3, 3)})
    assert (found.worst_sum, found.worst_image, found.kept, found.error, found.blank) == (None, None, None, None, 2)


def test_excitation_maps_are_conserved_at_each_layer():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten())
    network.append(nn.Linear(8 * 5 * 5, 4))
    images = torch.rand(3, 3, 16, 16)
    layers = ["1", "2", "4", "5"]
    found = conservation({layer: excitation_backprop(network, images, 2, layer=layer) for layer in layers})
    assert [own.layer for own in found] == layers
    assert all(own.kept == 1 for own in found)
    halved = conservation({layer: excitation_backprop(network, images, 2, layer=layer) / 2 for layer in layers})
    assert all(own.kept == 0 for own in halved)


def test_says_what_it_cannot_sum():
    with pytest.raises(DataError, match="at least 1 layer"):
        conservation({})
    with pytest.raises(DataError, match="at layer 'a'"):
        conservation({"a": torch.full((1, 2), float("inf"))})
