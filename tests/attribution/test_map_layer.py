"""The layer at which maps that shall show parts are read."""

import pytest
import torch
from torch import nn

from whynet.attribution.map_layer import map_layer_before
from whynet.base.errors import SubjectError
from whynet.models.convnet import ConvNet


def _network(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4), nn.ReLU())


@pytest.mark.parametrize(("side", "name"), [(64, "blocks.1.2"), (128, "blocks.2.2"), (20, "blocks.0.2")])
def test_is_the_last_one_that_is_fine_enough_else_the_finest(side: int, name: str) -> None:
    network = ConvNet(3, widths=(4, 5, 6))
    assert map_layer_before(network, torch.rand(1, 3, side, side), "hidden.0") == name


def test_layers_with_negative_entries_that_run_twice_or_behind_the_source_are_left_out() -> None:
    torch.manual_seed(0)
    twice = nn.ReLU()
    network = _network(nn.Conv2d(3, 4, 1), twice, nn.Conv2d(4, 4, 1), twice, nn.MaxPool2d(1), nn.Conv2d(4, 4, 1))
    assert map_layer_before(network, torch.rand(1, 3, 20, 20), "8") == "4"
    with pytest.raises(SubjectError, match="no layer before '3' has maps without negative entries"):
        map_layer_before(network, torch.rand(1, 3, 20, 20), "3")
    with pytest.raises(SubjectError, match="no layer 'nine'"):
        map_layer_before(network, torch.rand(1, 3, 20, 20), "nine")
    assert not any(module._forward_hooks for module in network.modules())
