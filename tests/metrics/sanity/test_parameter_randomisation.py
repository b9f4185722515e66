"""Randomisation: what ignores the network stays, what follows it falls, and the network itself is not touched."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.attribution import saliency
from whynet.base.errors import SettingError, SubjectError
from whynet.metrics import parameter_randomisation
from whynet.metrics.sanity import layers_from_top, randomised_network


class Own(nn.Module):
    """A module with a parameter and no `reset_parameters`, and a functional rectifier."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(2 + torch.randn(1000))
        self.unused = nn.Linear(2, 2)
        self.last = nn.Linear(4, 3)  # defined before it runs last

    def forward(self, images):
        return self.last(F.relu(self.norm(self.first(images))).mean((2, 3)) * self.scale.mean())


@pytest.fixture
def network():
    torch.manual_seed(3)
    network = Own()
    network.norm.running_mean.normal_()
    return network.train()


@pytest.fixture
def images():
    return torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(5))


def edges(_network, images):
    """A map that looks at the image alone."""
    grey = images.mean(1)
    return F.pad((grey[:, 1:] - grey[:, :-1]).abs(), (0, 0, 0, 1))


def slopes(network, images):
    return saliency(network, images, 1)


def test_layers_come_in_the_order_of_their_calls(network, images):
    # `unused` has the place of the module around it, which is called before all others.
    assert layers_from_top(network, images)[:3] == ("last", "norm", "first")
    assert set(layers_from_top(network, images)[3:]) == {"", "unused"}


@pytest.mark.parametrize("cascading", [True, False])
def test_a_map_that_ignores_the_network_stays(network, images, cascading):
    found = parameter_randomisation(edges, network, images, cascading=cascading)
    assert len(found) == 5
    for own in found:
        assert own.rank_correlation.tolist() == pytest.approx([1] * 4)
        assert own.ssim.tolist() == pytest.approx([1] * 4)


def test_the_saliency_of_a_linear_network_is_that_of_its_weights(images):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 12, 2))
    (found,) = parameter_randomisation(slopes, network, images)
    assert found.layer == "1"
    assert found.rank_correlation.abs().max() < 0.3
    assert found.ssim.max() < 0.5


def test_cascading_randomises_all_above_and_independent_one_alone(network, images):
    trained = copy.deepcopy(network).eval()
    seen = []

    def look(own, _images):
        seen.append([name for name, value in own.named_parameters() if not torch.equal(value, dict(before)[name])])
        return torch.ones(4, 2, 2)

    before = list(trained.named_parameters())
    found = parameter_randomisation(look, network, images, layers=["first", "last"])
    assert [own.layer for own in found] == ["last", "first"]
    assert set(seen[1]) == {"last.weight", "last.bias"}
    assert {"last.weight", "norm.weight", "first.weight"} - set(seen[2]) <= {"norm.weight"}  # 1 is its fresh value
    seen.clear()
    parameter_randomisation(look, network, images, layers=["first", "last"], cascading=False)
    assert set(seen[2]) == {"first.weight", "first.bias"}


def test_the_network_and_the_random_state_are_left_alone(network, images):
    before, state = copy.deepcopy(network.state_dict()), torch.random.get_rng_state()
    parameter_randomisation(slopes, network, images)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert not network._forward_pre_hooks
    assert torch.equal(state, torch.random.get_rng_state())


def test_fresh_parameters_are_a_modules_own_or_spread_alike(network):
    first, again, other = (randomised_network(network, ["", "first", "norm"], seed=seed) for seed in (0, 0, 1))
    for name in ("scale", "first.weight"):
        a, b, c, d = (own.get_parameter(name) for own in (network, first, again, other))
        assert torch.equal(b, c)
        assert not torch.equal(a, b)
        assert not torch.equal(b, d)
    assert first.scale.std().item() == pytest.approx(network.scale.std().item(), rel=0.1)
    assert first.scale.mean().item() == pytest.approx(network.scale.mean().item(), rel=0.1)
    assert first.first.weight.abs().max().item() <= 27**-0.5  # as torch draws a convolution's
    assert first.norm.running_mean.tolist() == [0] * 4
    assert torch.equal(first.last.weight, network.last.weight)
    alone = randomised_network(network, ["first"], seed=0)
    assert torch.equal(alone.first.weight, first.first.weight)  # whatever else is randomised


def test_maps_of_tokens_have_no_ssim(network, images):
    found = parameter_randomisation(lambda own, x: saliency(own, x, 1).flatten(1), network, images, layers=["last"])
    assert found[0].ssim is None


def test_says_what_cannot_be_randomised(network, images):
    with pytest.raises(SettingError, match="'lost' has no parameters of its own that run; .*last, norm, first"):
        parameter_randomisation(slopes, network, images, layers=["lost"])
    with pytest.raises(SettingError, match="layer 'lost' was expected to have parameters"):
        randomised_network(network, ["lost"])
    with pytest.raises(SubjectError, match="nothing to randomise"):
        layers_from_top(nn.Flatten(), images)
    network.kept = network.scale * 2  # not a leaf
    with pytest.raises(SubjectError, match="cannot be made"):
        parameter_randomisation(slopes, network, images)
