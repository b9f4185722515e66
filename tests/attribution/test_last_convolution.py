"""The last convolutional layer, however the network is written."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.attribution.last_convolution import last_convolutional_layer
from whynet.base.errors import SubjectError
from whynet.models.convnet import ConvNet


class Residual(nn.Module):
    """A rectifier that is used twice, and a gate whose convolution has one position."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
        self.gate = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        y = self.relu(self.bn(self.conv(self.relu(x))))
        return x + y * self.gate(y.mean((2, 3), keepdim=True)).sigmoid()


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unused, self.first, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
        self.second = nn.Conv2d(4, 4, 3)

    def forward(self, x):
        return self.last(F.relu(self.second(F.relu(self.first(x)))).mean((2, 3)))


def pooled(*parts):
    return nn.Sequential(nn.Conv2d(3, 4, 3), *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (lambda: pooled(nn.ReLU()), "1"),
        (lambda: pooled(nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)), "2"),
        (lambda: pooled(nn.ReLU(), nn.Sequential(Residual(), Residual())), "2"),  # the block that holds the last one
        (Functional, "second"),
        (lambda: ConvNet(3, widths=(4, 5)), "blocks.1.2"),
    ],
)
def test_is_the_last_at_its_resolution(network, name):
    net = network()
    modes = [module.training for module in net.modules()]
    assert last_convolutional_layer(net, torch.rand(2, 3, 12, 12)) == name
    assert modes == [module.training for module in net.modules()]
    assert not any(module._forward_hooks for module in net.modules())


def test_a_source_bounds_it():
    net = ConvNet(3, widths=(4, 5, 6))
    assert last_convolutional_layer(net, torch.rand(1, 3, 24, 24), source="blocks.2.0") == "blocks.1.2"
    with pytest.raises(SubjectError, match="runs no convolution before what is explained; name a layer of maps"):
        last_convolutional_layer(net, torch.rand(1, 3, 24, 24), source="blocks.0.0")
    with pytest.raises(SubjectError, match="has no layer 'blocks.7'; near names are"):
        last_convolutional_layer(net, torch.rand(1, 3, 24, 24), source="blocks.7")


def test_a_network_without_convolutions_says_so():
    with pytest.raises(SubjectError, match="Sequential runs no convolution"):
        last_convolutional_layer(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.rand(1, 3, 2, 2))
