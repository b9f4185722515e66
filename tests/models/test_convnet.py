import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError
from whynet.models.convnet import ConvNet
from whynet.models.saved_network import load_network, save_network

IMAGES = torch.randn(2, 3, 40, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bilinear", [0, 32])
def test_the_head_alone_gives_the_logits_of_the_whole(bilinear):
    network = ConvNet(4, widths=(4, 6), hidden=(5, 3), bilinear=bilinear).eval()
    features = network.feature(network.blocks(IMAGES))
    assert features.shape == (2, bilinear or 6)
    assert torch.equal(network.classify(features), network(IMAGES))


def test_a_bilinear_feature_sees_the_map_before_the_last_pooling():
    pooled, bilinear = ConvNet(4, widths=(4, 6)), ConvNet(4, widths=(4, 6), bilinear=16)
    assert pooled.blocks(IMAGES).shape[2:] == (5, 3)
    assert bilinear.blocks(IMAGES).shape[2:] == (10, 6)


@pytest.mark.parametrize("bilinear", [0, 8])
def test_the_top_layer_is_the_rectifier_of_the_last_block(bilinear):
    network = ConvNet(4, widths=(4, 6, 8), bilinear=bilinear)
    assert network.top_layer == "blocks.2.2"
    assert isinstance(network.get_submodule(network.top_layer), nn.ReLU)


def test_a_new_head_keeps_the_feature_and_shares_no_weights():
    network = ConvNet(4, widths=(4, 6), hidden=(), bilinear=16).eval()
    other = network.with_head((7,)).eval()
    assert torch.equal(other.feature(other.blocks(IMAGES)), network.feature(network.blocks(IMAGES)))
    assert [layer[0].out_features for layer in other.hidden] == [7]
    with torch.no_grad():
        next(other.blocks.parameters()).zero_()
    assert next(network.blocks.parameters()).any()


def test_a_network_with_a_bilinear_feature_is_read_back(tmp_path):
    network = ConvNet(4, widths=(4, 6), hidden=(5,), bilinear=16).eval()
    save_network(network, tmp_path / "net")
    assert torch.equal(load_network(ConvNet, tmp_path / "net")(IMAGES), network(IMAGES))


def test_sizes_out_of_range():
    with pytest.raises(SettingError, match="two classes, one block and a bilinear feature .* not 4, 1 and -1"):
        ConvNet(4, widths=(4,), bilinear=-1)
