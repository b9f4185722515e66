"""Maps come batch by batch, and layers that cannot be read so, or stand upside down, are told in a sentence."""

import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError, SubjectError
from whynet.models.built_in_networks import build_built_in
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.structures.explanatory_graph.layer_maps import check_order, layer_maps


class Reused(nn.Module):
    """One ReLU behind both convolutions; the modules are listed in another order than they run in."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(5, 2)
        self.upper = nn.Conv2d(4, 5, 3, padding=1)
        self.lower = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, images):
        x = self.relu(self.upper(self.relu(self.lower(images))))
        return self.output(self.pool(x).flatten(1))


@pytest.fixture
def subject():
    torch.manual_seed(0)
    return Subject(Reused(), class_names=["a", "b"], preprocess=Preprocessing(height=8, width=6))


def collect(subject, layers, images, batch_size=2):
    return list(layer_maps(subject, layers, images, batch_size))


def test_maps_of_all_batches(subject):
    images = torch.randn(5, 3, 8, 6)
    found = collect(subject, ["lower", "relu:1"], images)
    assert [len(batch) for batch, _ in found] == [2, 2, 1]
    lower = torch.cat([maps[0] for _, maps in found])
    torch.testing.assert_close(lower, subject.network.lower(images).detach())
    upper = torch.cat([maps[1] for _, maps in found])
    torch.testing.assert_close(upper, subject.network.upper(lower.relu()).detach().relu())
    again = collect(subject, ["lower", "relu:1"], [images[:3], images[:0], images[3:]])
    torch.testing.assert_close(torch.cat([maps[1] for _, maps in again]), upper)


@pytest.mark.parametrize("order", [["lower", "upper"], ["lower", "relu:0", "upper", "relu:1"], ["relu:1", "pool"]])
def test_the_order_of_running_is_taken(subject, order):
    check_order(subject, order, torch.randn(1, 3, 8, 6))
    with pytest.raises(SubjectError, match=f"which is {', '.join(order)}, but {', '.join(reversed(order))} came"):
        check_order(subject, order[::-1], torch.randn(1, 3, 8, 6))
    assert not subject.network.lower._forward_hooks


class Beside(nn.Module):
    """Two convolutions side by side, and one above both; the module around the first returns a list."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 4, 3, padding=1), Listed()
        self.both = nn.Conv2d(8, 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.output = nn.Linear(4, 2)

    def forward(self, images):
        with torch.no_grad():  # as around a part that shall not learn
            left, (right, _) = self.left(images), self.right(images)
        return self.output(self.relu(self.both(torch.cat([left, right], 1))).mean((2, 3)))


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, images):
        return [self.conv(images), images]


def test_a_layer_must_lead_to_the_next():
    torch.manual_seed(0)
    network = Beside().train()
    subject = Subject(network, class_names=["a", "b"], preprocess=Preprocessing(height=8, width=6))
    image = torch.zeros(1, 3, 8, 6)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(SubjectError, match=r"layer 'right' was expected to see what 'left', named before it, returns"):
        check_order(subject, ["left", "right", "relu"], image)
    for layers in (["left", "relu"], ["right", "both", "relu"], ["right.conv", "relu"], ["left"]):
        check_order(subject, layers, image)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(module.training and not module._forward_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_blocks_of_a_residual_network_lead_to_the_next():
    network = build_built_in("resnet18", 2, width=0.05)
    subject = Subject(network, class_names=["a", "b"], preprocess=Preprocessing(height=64, width=64))
    check_order(subject, network.upper_layers, torch.zeros(1, 3, 64, 64))
    with pytest.raises(SubjectError, match="'layer2.0.conv1' was expected to see what 'layer2.0.downsample'"):
        check_order(subject, ["layer2.0.downsample", "layer2.0.conv1"], torch.rand(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["relu"], "layer 'relu' runs several times in the forward pass; name one of its runs, such as 'relu:0'"),
        (["output"], r"layer 'output' returns \(2, 2\) for 2 images, not maps"),
        (["pool"], "the maps of layer 'pool' are 1 x 1, so a part has no place in them"),
        (["lower", "lower"], "each layer can be named once"),
        (["conv"], "has no layer 'conv'"),
    ],
)
def test_layers_without_a_map_each_are_refused(subject, layers, message):
    with pytest.raises(SubjectError, match=message):
        collect(subject, layers, torch.randn(2, 3, 8, 6))


def test_images_and_batches_that_are_none_are_refused(subject):
    with pytest.raises(SettingError, match="a batch of at least 1 image was expected, not 0"):
        collect(subject, ["lower"], torch.randn(2, 3, 8, 6), 0)
    with pytest.raises(SettingError, match="add an axis for the batch"):
        collect(subject, ["lower"], torch.randn(3, 8, 6))
    with pytest.raises(SubjectError, match="NaN or infinite .* check its weights and its input"):
        collect(subject, ["lower"], torch.full((2, 3, 8, 6), torch.nan))
