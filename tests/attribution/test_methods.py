"""Each method by name gives one non-negative map an image, the same as when it is called itself."""

import pytest
import torch
from torch import nn

from whynet.attribution import deconvnet, excitation_backprop, saliency
from whynet.attribution.methods import METHODS, heat_map, method_named
from whynet.base.errors import SettingError


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@pytest.mark.parametrize("name", METHODS)
def test_gives_one_map_an_image(network: nn.Module, name: str) -> None:
    images = torch.rand(2, 3, 6, 6)
    assert heat_map(name, network, images, 1, layer="1").shape == (2, 4, 4)
    found = heat_map(name, network, images, layer="1", source="4", units=[0, 2])
    assert found.shape == (2, 2, 4, 4)
    assert (found >= 0).all()


def test_gives_what_the_methods_give(network: nn.Module) -> None:
    images = torch.rand(2, 3, 6, 6)
    assert torch.equal(heat_map("saliency", network, images, 1), saliency(network, images, 1))
    assert torch.equal(heat_map("deconvnet", network, images, 1), deconvnet(network, images, 1).abs().amax(1))
    contrastive = excitation_backprop(network, images, 1, layer="1", contrastive=True)
    assert torch.equal(heat_map("contrastive_excitation_backprop", network, images, 1, layer="1"), contrastive)


def test_names_the_methods_there_are() -> None:
    with pytest.raises(SettingError, match="'gradcam' is unknown; the methods are saliency, deconvnet"):
        method_named("gradcam")
