"""The small convnet: its maps, its width, and that it is read back."""

import pytest
import torch

from whynet.base.errors import SettingError
from whynet.models.convnet import ConvNet
from whynet.models.saved_network import load_network, save_network
from whynet.models.small_convnet import SmallConvNet


@pytest.mark.parametrize(("width", "channels"), [(1.0, 128), (0.25, 32)])
def test_the_top_convolution_has_8_x_8_maps_of_a_picture_of_64(width, channels):
    network = SmallConvNet(5, width=width).eval()
    caught = []
    network.get_submodule(network.top_layer).register_forward_hook(lambda _module, _inputs, maps: caught.append(maps))
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 5)
    assert caught[0].shape == (2, channels, 8, 8)


def test_it_is_a_convnet_with_a_block_less_and_no_hidden_layers():
    network, other = SmallConvNet(5).eval(), ConvNet(5, widths=(32, 64, 128), hidden=()).eval()
    other.load_state_dict(network.state_dict())
    images = torch.randn(2, 3, 40, 24)
    assert torch.equal(network(images), other(images))


def test_it_is_read_back(tmp_path):
    network = SmallConvNet(4, width=0.1).eval()
    save_network(network, tmp_path / "net")
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(load_network(SmallConvNet, tmp_path / "net")(images), network(images))


def test_sizes_out_of_range():
    with pytest.raises(SettingError, match="at least two classes, a positive width"):
        SmallConvNet(1)
