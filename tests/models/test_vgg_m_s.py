import pytest
import torch

from whynet.base.errors import SettingError, SubjectError
from whynet.models.vgg_m_s import VGGM, VGGS

M_SIZES = {
    "conv1": (96, 109), "pool1": (96, 54), "conv2": (256, 26), "pool2": (256, 13),
    "conv3": (512, 13), "conv4": (512, 13), "conv5": (512, 13), "relu5": (512, 13), "pool5": (512, 6),
}  # fmt: skip
S_SIZES = {
    "conv1": (96, 109), "pool1": (96, 37), "conv2": (256, 33), "pool2": (256, 17),
    "conv3": (512, 17), "conv4": (512, 17), "conv5": (512, 17), "relu5": (512, 17), "pool5": (512, 6),
}  # fmt: skip
"""Channels and side of each map of a picture of 224 x 224, by hand from table 1; pooling rounds up."""


@pytest.mark.parametrize(("kind", "sizes"), [(VGGM, M_SIZES), (VGGS, S_SIZES)])
def test_the_maps_of_224_pixels_have_the_published_sizes(kind, sizes):
    found = {}
    with torch.device("meta"):
        network = kind(1000).eval()
        for name in (*sizes, "avgpool", "fc6", "fc7"):
            network.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out}))
        assert network(torch.empty(2, 3, 224, 224)).shape == (2, 1000)
    assert {name: tuple(found[name].shape) for name in sizes} == {
        name: (2, channels, side, side) for name, (channels, side) in sizes.items()
    }
    assert found["avgpool"].shape == found["pool5"].shape
    assert found["fc6"].shape == found["fc7"].shape == (2, 4096)


def test_the_children_bear_matconvnets_names_in_their_order():
    tail = ["avgpool", "flatten", "fc6", "relu6", "dropout6", "fc7", "relu7", "dropout7", "fc8"]
    head = ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2"]
    top = ["conv3", "relu3", "conv4", "relu4", "conv5", "relu5", "pool5"]
    assert [name for name, _ in VGGM(3, width=0.01).named_children()] == head + top + tail
    head.remove("norm2")  # VGG-S normalises once
    assert [name for name, _ in VGGS(3, width=0.01).named_children()] == head + top + tail


def test_local_response_normalisation_by_its_definition():
    x = torch.randn(2, 8, 2, 3, generator=torch.Generator().manual_seed(0)) * 50
    expected = torch.empty_like(x)
    for i in range(8):
        total = sum(x[:, j] ** 2 for j in range(max(0, i - 2), min(8, i + 3)))
        expected[:, i] = x[:, i] / (2 + 0.0005 / 5 * total) ** 0.75
    assert (expected / x).max() / (expected / x).min() > 1.5  # neighbours matter at this scale
    for norm in (VGGM(3, width=0.01).norm1, VGGM(3, width=0.01).norm2, VGGS(3, width=0.01).norm1):
        torch.testing.assert_close(norm(x), expected)


def test_the_logits_are_those_of_the_layers_one_by_one():
    torch.manual_seed(0)
    network = VGGS(4, width=0.1).eval()
    images = torch.randn(2, 3, 224, 224)
    x = images
    for name in ("conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "pool2",
                 "conv3", "relu3", "conv4", "relu4", "conv5", "relu5", "pool5"):  # fmt: skip
        x = getattr(network, name)(x)
    x = network.fc6(x.flatten(1)).relu()
    torch.testing.assert_close(network(images), network.fc8(network.fc7(x).relu()))


def test_the_sizes_of_a_quarter_and_the_dropout():
    network = VGGM(5, width=0.25, dropout=0.1)
    assert [getattr(network, f"conv{number}").out_channels for number in range(1, 6)] == [24, 64, 128, 128, 128]
    assert (network.fc6.in_features, network.fc7.out_features, network.fc8.out_features) == (128 * 36, 1024, 5)
    assert network.dropout6.p == network.dropout7.p == 0.1


@pytest.mark.parametrize(("kind", "least"), [(VGGM, 17), (VGGS, 31)])
def test_the_smallest_picture_and_one_that_is_smaller(kind, least):
    network = kind(3, width=0.01).eval()
    assert network(torch.zeros(2, 3, least, least)).shape == (2, 3)
    message = f"{kind.__name__} takes pictures of at least {least} x {least} pixels, not 64 x {least - 1}"
    with pytest.raises(SubjectError, match=message):
        network(torch.zeros(2, 3, least - 1, 64))
    with pytest.raises(RuntimeError, match="[Kk]ernel size|output size"):  # so the bound is needed, and exact
        network.pool2(network.conv2(network.pool1(network.conv1(torch.zeros(2, 3, least - 1, 64)))))


def test_settings_out_of_range():
    with pytest.raises(SettingError, match="at least two classes, .* not 1, 1.0 and 0.5"):
        VGGS(1)
