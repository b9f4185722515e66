"""Interpretable convolutions: masks position by position, what a copy keeps, what cannot be made interpretable."""

import copy
import math

import pytest
import torch
from torch import nn

from whynet.base.errors import SubjectError
from whynet.models.alexnet import AlexNet
from whynet.models.convnet import ConvNet
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import (
    InterpretableConv,
    PartMask,
    interpretable_layers,
    make_interpretable,
)
from whynet.models.resnet import ResNet18


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_map_keeps_what_lies_around_its_strongest_position(norm):
    torch.manual_seed(0)
    maps, mask = torch.rand(2, 3, 5, 8), PartMask(3, FilterSettings(norm=norm, beta=3.0))
    found = mask(maps)
    for b in range(2):
        for f in range(3):
            values = maps[b, f].tolist()
            top = max(max(row) for row in values)
            i, j = next((i, j) for i in range(5) for j in range(8) if values[i][j] == top)
            for row in range(5):
                for column in range(8):
                    across, along = abs(row - i) / 5, abs(column - j) / 8
                    far = across + along if norm == "l1" else math.hypot(across, along)
                    expected = values[row][column] * max(1 - 3 * far, 0)
                    assert float(found[b, f, row, column]) == pytest.approx(expected, abs=1e-6)
            assert float(found[b, f].max()) == pytest.approx(top), "the peak stays as it is"


def test_the_mask_is_no_part_of_the_gradient():
    maps = torch.rand(1, 1, 4, 4, requires_grad=True)
    mask = PartMask(1, FilterSettings())
    mask(maps).sum().backward()
    torch.testing.assert_close(maps.grad, mask(maps.detach()) / maps.detach())


def test_maps_of_zeros_and_of_one_position():
    mask = PartMask(2, FilterSettings())
    assert not mask(torch.zeros(1, 2, 3, 3)).any()
    one = torch.rand(4, 2, 1, 1)
    assert torch.equal(mask(one), one)


@pytest.mark.parametrize(
    ("network", "layer", "size"),
    [
        (lambda: ConvNet(3, widths=(8, 12), hidden=()), "blocks.1.2", (16, 24)),
        (lambda: ConvNet(3, widths=(8, 12), hidden=()), "blocks.1", (16, 16)),
        (lambda: AlexNet(3, width=0.125), "features.10", (64, 80)),
        (lambda: AlexNet(3, width=0.125), "features.11", (64, 64)),
        (lambda: ResNet18(3, width=0.125), "layer4", (64, 48)),
    ],
)
def test_a_copy_has_a_new_layer_on_top_and_the_original_is_as_it_was(network, layer, size):
    torch.manual_seed(0)
    original = network().train()
    images = torch.rand(2, 3, *size)
    before, modes = copy.deepcopy(original.state_dict()), [module.training for module in original.modules()]
    made = make_interpretable(original, layer, images=images)
    assert type(made) is type(original)
    assert made.training
    assert [module.training for module in original.modules()] == modes
    for name, value in original.state_dict().items():
        assert torch.equal(value, before[name])
    ((name, own),) = interpretable_layers(made).items()
    assert name == layer
    channels = own.convolution.weight.shape
    assert channels[0] == channels[1]
    assert own.mask.categories.tolist() == [-1] * channels[0]
    state = made.state_dict()
    moved = {key: key.replace(f"{layer}.", f"{layer}.below.", 1) if key.startswith(f"{layer}.") else key
             for key in before}  # fmt: skip
    for key, value in before.items():
        assert torch.equal(state[moved[key]], value), "the old weights are there"
    made.eval()
    assert made(images).shape == (2, 3)
    assert not any(module is other for module in made.modules() for other in original.modules())


def test_the_layer_is_the_convolution_masked_and_the_new_one_on_top_masked():
    torch.manual_seed(0)
    below = nn.Conv2d(3, 4, 3)
    own = InterpretableConv(below, 4, FilterSettings())
    images = torch.rand(2, 3, 9, 7)
    maps = own.below_mask(below(images).relu())
    torch.testing.assert_close(own(images), own.mask(own.convolution(maps).relu()))
    assert own.masks == (own.below_mask, own.mask)


def test_without_images_the_network_is_asked_at_its_usual_size():
    made = make_interpretable(AlexNet(2, width=0.125), "features.11")
    assert made(torch.rand(1, 3, 64, 64)).shape == (1, 2)


def test_precision_is_kept():
    network = ConvNet(2, widths=(8, 8), hidden=()).to(torch.bfloat16).eval()
    made = make_interpretable(network, "blocks.1.2", images=torch.rand(1, 3, 32, 32))
    found = made(torch.rand(1, 3, 32, 32, dtype=torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert found.isfinite().all()


@pytest.mark.parametrize(
    "changed",
    [
        lambda network: network.to(torch.bfloat16),
        lambda network: network.bfloat16(),
        lambda network: network.half().to("cpu"),
        lambda network: network.double().float(),
    ],
)
def test_beta_stays_in_single_precision(changed):
    own = InterpretableConv(nn.Conv2d(3, 4, 3), 4, FilterSettings())
    own.mask.beta.fill_(4.001)  # in half precision it would be 4
    changed(nn.Sequential(own))
    assert [mask.beta.dtype for mask in own.masks] == [torch.float32] * 2
    assert own.mask.beta.device == own.convolution.weight.device
    assert own.mask.beta.tolist() == pytest.approx([4.001] * 4, abs=1e-6)
    own.to("meta").bfloat16().to_empty(device="cpu")
    assert (own.mask.beta.dtype, own.mask.beta.device.type) == (torch.float32, "cpu")
    assert list(own.mask.state_dict()) == ["beta", "categories"]


@pytest.mark.parametrize(("size", "layer"), [((32, 32), "blocks.1.2"), ((32, 48), "blocks.1.2")])
def test_it_can_be_exported_and_needs_no_labels(size, layer):
    made = make_interpretable(ConvNet(2, widths=(8, 8), hidden=()).eval(), layer, images=torch.rand(1, 3, *size))
    images = torch.rand(2, 3, *size)
    exported = torch.export.export(made, (images,)).module()
    torch.testing.assert_close(exported(images), made(images))


def test_the_state_comes_back():
    network = ConvNet(2, widths=(8, 8), hidden=())
    one, other = (make_interpretable(network, "blocks.1.2", images=torch.rand(1, 3, 32, 32)) for _ in range(2))
    one.get_submodule("blocks.1.2").mask.categories.copy_(torch.arange(8) % 2)
    other.load_state_dict(one.state_dict())
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(one.eval()(images), other.eval()(images))
    assert other.get_submodule("blocks.1.2").mask.categories.tolist() == [0, 1] * 4


@pytest.mark.parametrize(
    ("layer", "size", "message"),
    [
        ("blocks.7", 32, r"has no layer 'blocks\.7'; its last layers are"),
        ("", 32, "has no layer ''"),
        ("output", 32, r"layer 'output' returns \(2,\), not maps"),
        ("feature", 32, r"layer 'feature' returns \(8,\), not maps"),
        ("blocks.1.3", 4, "the maps of layer 'blocks.1.3' are 1 x 1, so a filter has no place to choose"),
    ],
)
def test_what_cannot_be_made_interpretable(layer, size, message):
    network = ConvNet(2, widths=(8, 8), hidden=())
    with pytest.raises(SubjectError, match=message):
        make_interpretable(network, layer, images=torch.rand(1, 3, size, size))


def test_what_is_interpretable_already_and_what_does_not_run():
    images = torch.rand(1, 3, 32, 32)
    network = ConvNet(2, widths=(8, 8), hidden=())
    made = make_interpretable(network, "blocks.1.2", images=images)
    with pytest.raises(SubjectError, match=r"layer 'blocks\.1\.2' is interpretable already"):
        make_interpretable(made, "blocks.1.2", images=images)
    network.spare = nn.Conv2d(3, 3, 3)
    with pytest.raises(SubjectError, match="layer 'spare' did not run"):
        make_interpretable(network, "spare", images=images)


def test_a_layer_that_runs_twice_has_no_one_map():
    network = ResNet18(2, width=0.05)
    with pytest.raises(SubjectError, match=r"layer 'layer4\.1\.relu' ran 2 times in the forward pass; name one that"):
        make_interpretable(network, "layer4.1.relu", images=torch.rand(1, 3, 64, 64))


class Aliased(nn.Module):
    """Whose top convolution has two names, of which the forward pass uses one."""

    def __init__(self, uses_alias):
        super().__init__()
        self.blocks = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3))
        self.top = self.blocks[2]
        self.output = nn.Linear(6, 2)
        self.uses_alias = uses_alias

    def forward(self, images):
        below = self.blocks[:2](images)
        maps = self.top(below) if self.uses_alias else self.blocks[2](below)
        return self.output(maps.relu().mean((2, 3)))


@pytest.mark.parametrize("layer", ["blocks.2", "top"])
@pytest.mark.parametrize("uses_alias", [False, True])
def test_a_layer_is_replaced_under_all_its_names(uses_alias, layer):
    torch.manual_seed(0)
    network, images = Aliased(uses_alias).eval(), torch.rand(2, 3, 16, 16)
    made = make_interpretable(network, layer, images=images)
    assert isinstance(made.top, InterpretableConv)
    assert made.blocks[2] is made.top
    assert list(interpretable_layers(made)) == ["blocks.2"], "it is one layer"
    masked = made.top(made.blocks[:2](images))
    torch.testing.assert_close(made(images), network.output(masked.mean((2, 3))))
    assert not torch.allclose(made(images), network(images))
    assert not isinstance(network.top, InterpretableConv)


def test_a_layer_that_is_called_past_its_names_cannot_be_replaced():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
            self.steps = list(self.body)

        def forward(self, images):
            for step in self.steps:
                images = step(images)
            return images.mean((2, 3))

    with pytest.raises(SubjectError, match=r"calls layer 'body\.1' past its names, so it cannot be replaced; let its"):
        make_interpretable(Listed(), "body.1", images=torch.rand(1, 3, 16, 16))


def test_a_network_of_another_size_says_which_images_it_was_given():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 2))
    with pytest.raises(SubjectError, match=r"does not take images of shape \(1, 3, 224, 224\) \(mat1 .*; give one of"):
        make_interpretable(network, "1")
    assert make_interpretable(network, "1", images=torch.rand(1, 3, 16, 16)) is not network


def test_maps_of_a_layer_that_is_no_convolution_are_masked_as_they_come():
    network = ConvNet(2, widths=(8, 8), hidden=()).eval()
    images = torch.rand(2, 3, 32, 32)
    made = make_interpretable(network, "blocks.1.3", images=images)
    own, pooled = made.get_submodule("blocks.1.3"), network.blocks(images)
    masked = own.mask(own.convolution(own.below_mask(pooled)).relu())
    torch.testing.assert_close(made(images), network.classify(network.feature(masked)))
    assert not torch.allclose(own.below_mask(pooled), pooled)
