import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError
from whynet.models.resnet import ResNet18

GENERATOR = torch.Generator().manual_seed(0)


def test_torchvisions_weights_give_torchvisions_logits():
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    theirs = models.resnet18(num_classes=7)
    with torch.no_grad():
        for module in theirs.modules():
            if isinstance(module, nn.BatchNorm2d):  # not those of a network that has seen nothing
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    ours = ResNet18(7)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for height, width in ((224, 224), (96, 96), (50, 70)):
        images = torch.randn(2, 3, height, width, generator=GENERATOR)
        with torch.no_grad():
            logits = ours.eval()(images)
            torch.testing.assert_close(logits, theirs.eval()(images))
            assert logits.std() > 1e-3
    torch.testing.assert_close(ours.train()(images), theirs.train()(images))


def test_the_channels_of_a_quarter():
    network = ResNet18(5, width=0.25)
    blocks = [block for number in range(1, 5) for block in getattr(network, f"layer{number}")]
    assert [block.conv2.out_channels for block in blocks] == [16, 16, 32, 32, 64, 64, 128, 128]
    assert [block.downsample is not None for block in blocks] == [False, False, True, False, True, False, True, False]
    assert network.fc.weight.shape == (5, 128)


@pytest.mark.parametrize("size", [(1, 1), (33, 20)])
def test_small_pictures(size):
    assert ResNet18(3, width=0.01).eval()(torch.zeros(2, 3, *size)).shape == (2, 3)


def test_settings_out_of_range():
    with pytest.raises(SettingError, match="a positive width .* not 3, -1.0"):
        ResNet18(3, width=-1.0)
