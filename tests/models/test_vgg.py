import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError
from whynet.models.vgg import VGG

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_the_state_dict_is_torchvisions(depth):
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        ours, theirs = VGG(1000, depth=depth), models.get_model(f"vgg{depth}")
    assert {key: tensor.shape for key, tensor in ours.state_dict().items()} == {
        key: tensor.shape for key, tensor in theirs.state_dict().items()
    }


def test_torchvisions_weights_give_torchvisions_logits():
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        ours, theirs = VGG(3), models.vgg16(num_classes=3)
    state = {
        key: torch.empty(tensor.shape).uniform_(-1, 1, generator=GENERATOR).mul_(2.4 / tensor[:1].numel() ** 0.5)
        for key, tensor in theirs.state_dict().items()
    }
    for network in (ours.eval(), theirs.eval()):
        network.load_state_dict(state, assign=True)
    for height, width in ((224, 224), (96, 70)):
        images = torch.randn(1, 3, height, width, generator=GENERATOR)
        with torch.no_grad():
            logits = ours(images)
            torch.testing.assert_close(logits, theirs(images))
        assert logits.std() > 1e-3


@pytest.mark.parametrize(("depth", "top"), [(11, 19), (13, 23), (16, 29), (19, 35)])
def test_the_top_layer_is_the_last_rectifier_before_the_last_pooling(depth, top):
    network = VGG(3, depth=depth, width=0.01)
    assert network.top_layer == f"features.{top}"
    below, at, above = network.features[top - 1 : top + 2]
    assert isinstance(below, nn.Conv2d)
    assert isinstance(at, nn.ReLU)
    assert isinstance(above, nn.MaxPool2d)
    assert len(network.features) == top + 2


def test_the_channels_of_a_quarter():
    network = VGG(5, width=0.25)
    convolutions = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert convolutions == [16] * 2 + [32] * 2 + [64] * 3 + [128] * 6
    linear = [module.weight.shape for module in network.modules() if isinstance(module, nn.Linear)]
    assert linear == [(1024, 128 * 49), (1024, 1024), (5, 1024)]


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (31, 64)])
def test_pictures_smaller_than_the_five_poolings(size):
    assert VGG(3, depth=11, width=0.01).eval()(torch.zeros(2, 3, *size)).shape == (2, 3)


def test_settings_out_of_range():
    with pytest.raises(SettingError, match="a VGG of depth 11, 13, 16, 19 was expected, not of 12"):
        VGG(3, depth=12)
    with pytest.raises(SettingError, match="a dropout from 0 to below 1 .* not 3, 1.0 and 1.0"):
        VGG(3, dropout=1.0)
