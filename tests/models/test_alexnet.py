import pytest
import torch

from whynet.base.errors import SettingError, SubjectError
from whynet.models.alexnet import AlexNet

GENERATOR = torch.Generator().manual_seed(0)


def test_torchvisions_weights_give_torchvisions_logits():
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        ours, theirs = AlexNet(7), models.alexnet(num_classes=7)
    shapes = {key: tensor.shape for key, tensor in theirs.state_dict().items()}
    assert {key: tensor.shape for key, tensor in ours.state_dict().items()} == shapes
    state = {key: torch.empty(shape).uniform_(-0.04, 0.04, generator=GENERATOR) for key, shape in shapes.items()}
    for network in (ours.eval(), theirs.eval()):
        network.load_state_dict(state, assign=True)
    for height, width in ((224, 224), (96, 96), (100, 75)):
        images = torch.randn(1, 3, height, width, generator=GENERATOR)
        with torch.no_grad():
            logits = ours(images)
            torch.testing.assert_close(logits, theirs(images))
        assert logits.std() > 1e-3


def test_the_channels_of_a_quarter():
    network = AlexNet(5, width=0.25)
    sizes = [tuple(tensor.shape) for key, tensor in network.named_parameters() if key.endswith("weight")]
    assert sizes == [
        (16, 3, 11, 11), (48, 16, 5, 5), (96, 48, 3, 3), (64, 96, 3, 3), (64, 64, 3, 3),
        (1024, 64 * 36), (1024, 1024), (5, 1024),
    ]  # fmt: skip


def test_dropout_is_the_share_that_was_asked_for():
    rates = [
        module.p for module in AlexNet(3, width=0.01, dropout=0.25).modules() if isinstance(module, torch.nn.Dropout)
    ]
    assert rates == [0.25, 0.25]


def test_the_smallest_picture_and_one_that_is_smaller():
    network = AlexNet(3, width=0.01).eval()
    assert network(torch.zeros(2, 3, 7, 7)).shape == (2, 3)
    with pytest.raises(SubjectError, match="AlexNet takes pictures of at least 7 x 7 pixels, not 9 x 6"):
        network(torch.zeros(2, 3, 6, 9))


def test_settings_out_of_range():
    with pytest.raises(SettingError, match="a positive width .* not 3, 0.0 and 0.5"):
        AlexNet(3, width=0.0)
