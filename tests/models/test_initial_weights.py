import math

import pytest
import torch
from torch import nn

from whynet.models.initial_weights import initialise


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(500, 60), nn.Conv2d(4, 4, 1))


def test_the_deviations_are_those_of_the_definition(network):
    initialise(network, 0.25)
    assert network[0].weight.std().item() == pytest.approx(math.sqrt(2 / (3 * 3 * 64)), rel=0.05)
    assert network[3].weight.std().item() == pytest.approx(0.01 / 0.5, rel=0.05)
    assert abs(network[0].weight.mean().item()) < 0.005
    assert not network[0].bias.any()
    assert not network[3].bias.any()
    assert (network[1].weight == 1).all()


def test_the_linear_layers_of_a_whole_network_begin_with_a_hundredth(network):
    initialise(network)
    assert network[3].weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_the_weights_are_drawn_from_the_global_generator(network):
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        initialise(network)
        drawn.append(network[0].weight.detach().clone())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
