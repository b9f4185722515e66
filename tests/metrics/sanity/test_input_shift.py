"""The shifted network computes the same; gradients stay, and gradient x input does not."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.attribution import excitation_backprop, saliency
from whynet.base.errors import SettingError, SubjectError
from whynet.metrics import input_shift_change, shifted_network


def after(*first):
    """A network that begins so."""
    return nn.Sequential(
        *first, nn.LazyBatchNorm2d(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(4)
    ).double()


class Scaled(nn.Module):
    """Brings the images to a scale of its own first, and its first layer is not the first by name."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 4)
        self.stem = nn.Conv2d(3, 5, 3, padding=1)

    def forward(self, images):
        return self.head(F.relu(self.stem((images - 0.4) / 0.2)).mean((2, 3)))


class Residual(nn.Module):
    """Uses the images twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images):
        return (self.stem(images) + images.square()).mean((2, 3))


pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
NETWORKS = {
    "zero padding": lambda: after(nn.Conv2d(3, 6, 3, padding=2)),
    "no padding, no bias": lambda: after(nn.Conv2d(3, 6, 5, stride=2, bias=False)),
    "same": lambda: after(nn.Conv2d(3, 6, 4, padding="same")),
    "dilated, grouped": lambda: after(nn.Conv2d(3, 6, 3, padding=(2, 3), dilation=2, groups=3)),
    "reflected": lambda: after(nn.Conv2d(3, 6, 3, padding=2, padding_mode="reflect")),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 81, 8), nn.ReLU(), nn.Linear(8, 4)).double(),
    "scaled": lambda: Scaled().double(),
}


@pytest.fixture
def images():
    return torch.rand(5, 3, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.double)


@pytest.fixture(params=NETWORKS)
def network(request, images):
    torch.manual_seed(0)
    network = NETWORKS[request.param]()
    with torch.no_grad():
        network(images)  # sizes lazy layers
    return network.eval()


def gradient_times_input(network, images):
    images = images.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(images)[:, 1].sum(), images)
    return (slope * images).sum(1)


@pytest.mark.parametrize("shift", [1.0, -2.0, [1.0, -0.5, 3.0]], ids=str)
def test_computes_the_same_of_the_shifted_images(network, images, shift):
    before = copy.deepcopy(network.state_dict())
    shifted = shifted_network(network, images, shift)
    values = torch.tensor(shift, dtype=torch.double)
    others = torch.randn(4, 3, 9, 9, dtype=torch.double)  # not those it was built with
    moved = others + (values.view(-1, 1, 1) if values.ndim else values)
    torch.testing.assert_close(shifted(moved), network(others), atol=1e-8, rtol=1e-8)
    assert not torch.allclose(shifted(others), network(others), atol=1e-3)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_gradients_stay_and_gradient_times_input_does_not(network, images):
    steady = input_shift_change(lambda own, x: saliency(own, x, 1), network, images, [1.0, -0.5, 2.0])
    assert float(steady.relative_change.max()) < 1e-5
    assert steady.rank_correlation.tolist() == pytest.approx([1] * 5, abs=1e-3)
    assert steady.logit_difference < 1e-8
    shaky = input_shift_change(gradient_times_input, network, images, [1.0, -0.5, 2.0])
    assert float(shaky.relative_change.min()) > 0.1
    assert float(shaky.rank_correlation.min()) < 0.95


def test_excitation_maps_behind_the_first_layer_stay(images):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 81, 3)).double()
    found = input_shift_change(lambda own, x: excitation_backprop(own, x, 1, layer="1"), network, images, 1.0)
    assert float(found.relative_change.max()) < 1e-5
    at_input = input_shift_change(lambda own, x: excitation_backprop(own, x, 1), network, images, 1.0)
    assert float(at_input.relative_change.min()) > 0.01  # at the signed image it shares by the image's own numbers


def test_single_precision_will_do(images):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 81, 3))
    found = input_shift_change(lambda own, x: saliency(own, x, 1), network, images.float(), 1.0)
    assert float(found.relative_change.max()) < 1e-5


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Residual(), r"f'\(x \+ s\) = f\(x\) was expected, but a logit differs by \d.*'stem'"),
        (nn.Sequential(nn.AvgPool2d(9), nn.Flatten()), "none ran"),
        (
            nn.Sequential(nn.ReLU(), nn.Conv2d(3, 2, 9), nn.Flatten()),
            "'1', was expected to see the shift as a constant",
        ),
        (nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1)] * 2, nn.Flatten()), "'0', runs several times"),
    ],
    ids=["used twice", "no layer", "rectified", "reused"],
)
def test_says_where_a_shift_cannot_be_hidden(network, message, images):
    with pytest.raises(SubjectError, match=message):
        shifted_network(network, images.float() - 0.5, 1.0)


def test_says_what_is_no_shift(images):
    with pytest.raises(SettingError, match="one number or one for each of 3 channels, was expected"):
        shifted_network(NETWORKS["linear"](), images, [1.0, 2.0])
