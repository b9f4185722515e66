"""Receptive fields against the support of gradients, figures of the literature, and equations worked out by hand."""

import copy
from collections import OrderedDict
from contextlib import suppress

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import whynet  # noqa: F401 - before torchvision and timm
from whynet.attribution import receptive_field
from whynet.base.errors import SettingError, SubjectError


def oracle(net, layer, images, monkeypatch):
    """By unit (row, column): top, left, bottom and right of the pixels on which the gradient is not 0, or zeros.

    Weights and images are positive, so nothing cancels, and every maximum becomes a sum over the same units.
    """
    net, found = copy.deepcopy(net).double().eval(), []
    for parameter in net.parameters():
        parameter.data = (parameter.data.abs() + 0.1) / max(1, parameter[0].numel())
    images = images.double().requires_grad_()

    def stop(_module, _inputs, output):
        found.append(output)
        raise StopAsyncIteration

    net.get_submodule(layer).register_forward_hook(stop)
    with monkeypatch.context() as patched:
        patched.setattr(F, "max_pool2d", sum_pool2d)
        patched.setattr(F, "adaptive_max_pool2d", lambda x, size, *_: F.adaptive_avg_pool2d(x, size))
        with suppress(StopAsyncIteration):
            net(images)
    output = found[0].sum(1) if found[0].ndim == 4 else found[0].sum(1)[:, None, None]
    rows, columns = output.shape[1:]
    boxes = {}
    for row in {0, 1, rows // 2, rows - 1} & set(range(rows)):
        for column in {0, 1, columns // 2, columns - 1} & set(range(columns)):
            (slope,) = torch.autograd.grad(output[0, row, column], images, retain_graph=True, allow_unused=True)
            places = (slope[0].abs().amax(0) > 0).nonzero()
            boxes[row, column] = 0, 0, 0, 0
            if len(places):
                boxes[row, column] = *places.amin(0).tolist(), *(places.amax(0) + 1).tolist()
    return boxes, (rows, columns)


MAX_POOL = F.max_pool2d


def sum_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    like = MAX_POOL(x, kernel_size, stride, padding, dilation, ceil_mode)
    kernel = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    strides = kernel if stride is None else (stride,) * 2 if isinstance(stride, int) else stride
    below, right = (
        max(0, (count - 1) * step + dilation * (taps - 1) + 1 - size - padding)
        for count, step, taps, size in zip(like.shape[2:], strides, kernel, x.shape[2:], strict=True)
    )
    padded = F.pad(x, (padding, right, padding, below))
    weight = torch.ones(x.shape[1], 1, *kernel, dtype=x.dtype)
    sums = F.conv2d(padded, weight, stride=strides, dilation=dilation, groups=x.shape[1])
    return sums[:, :, : like.shape[2], : like.shape[3]]


class Both(nn.Module):
    """Branches over one input, put together."""

    def __init__(self, join, *branches):
        super().__init__()
        self.join, self.branches = join, nn.ModuleList(branches)

    def forward(self, x):
        return self.join([branch(x) for branch in self.branches])


class Do(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def added(parts):
    return parts[0] + parts[1]


def added_in_place(parts):
    parts[0] += parts[1]
    return parts[0]


def concatenated(parts):
    return torch.cat(parts, 1)


def shuffled(x):
    batch, channels, rows, columns = x.shape
    x = x.view(batch, 2, channels // 2, rows, columns).transpose(1, 2).contiguous()
    return x.view(batch, -1, rows, columns)


def halves_changed(x):
    first, second = x.chunk(2, 1)
    return torch.cat([first, F.avg_pool2d(second, 3, 1, 1)], 1)


def written_into(x):
    made = torch.zeros_like(x)
    made[:, :1].copy_(x[:, 1:2])
    made[:, 1:].add_(F.avg_pool2d(x[:, 1:], 3, 1, 1))
    return made


def windows(x):
    """Windows of 4 x 4 and back, as in Swin."""
    x = x.permute(0, 2, 3, 1)
    batch, rows, columns, channels = x.shape
    x = x.view(batch, rows // 4, 4, columns // 4, 4, channels).transpose(2, 3)
    return x.transpose(2, 3).reshape(batch, rows, columns, channels).permute(0, 3, 1, 2)


def tokens_and_back(x):
    batch, channels, rows, columns = x.shape
    tokens = F.layer_norm(x.flatten(2).transpose(1, 2), (channels,))
    return tokens.transpose(1, 2).reshape(batch, channels, rows, columns)


SAME = {"padding": 1}
conv, up, then = nn.Conv2d, nn.ConvTranspose2d, nn.Sequential
NETS = {
    "3 x 3": lambda: [conv(3, 2, 3)],
    "padded": lambda: [conv(3, 2, 3, **SAME), conv(2, 2, 5, padding=2)],
    "same": lambda: [conv(3, 2, 4, padding="same"), conv(2, 2, (2, 5), padding="same", dilation=(1, 2))],
    "strided": lambda: [
        conv(3, 2, 3, stride=2, **SAME),
        conv(2, 2, 3, stride=3, **SAME),
        conv(2, 2, 3, **SAME),
    ],
    "dilated": lambda: [conv(3, 2, 3, dilation=3, padding=2), conv(2, 2, 3, dilation=2, padding=4, stride=2)],
    "sides differ": lambda: [conv(3, 2, (5, 1), stride=(2, 1), padding=(0, 3)), conv(2, 2, (1, 3), stride=(1, 3))],
    "what is left over is not seen": lambda: [conv(3, 2, 2, stride=2), conv(2, 2, 3, **SAME)],
    "grouped": lambda: [conv(3, 3, 3, groups=3, **SAME), nn.BatchNorm2d(3), nn.ReLU(True), conv(3, 2, 1)],
    "reflected": lambda: [conv(3, 2, 5, padding=2, padding_mode="reflect"), conv(2, 2, 3, **SAME)],
    "circular": lambda: [conv(3, 2, 3, **SAME, padding_mode="circular"), conv(2, 2, 3)],
    "padded apart": lambda: [
        nn.ZeroPad2d((3, 0, 1, 2)),
        conv(3, 2, 3),
        nn.ZeroPad2d((0, -2, -1, 0)),
        conv(2, 2, 3, **SAME),
    ],
    "max": lambda: [conv(3, 2, 3, **SAME), nn.MaxPool2d(3, 2, **SAME), conv(2, 2, 3, **SAME)],
    "max ceil": lambda: [conv(3, 2, 3, **SAME), nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, ceil_mode=True)],
    "max dilated": lambda: [nn.MaxPool2d(3, 2, **SAME, dilation=2), conv(3, 2, 3, **SAME)],
    "max no stride": lambda: [nn.MaxPool2d((2, 3)), conv(3, 2, 3, **SAME)],
    "average": lambda: [
        nn.AvgPool2d(3, 2, **SAME),
        conv(3, 2, 3),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.LPPool2d(2, 2),
    ],
    "residual": lambda: [
        conv(3, 2, 3, **SAME),
        Both(added, nn.Identity(), then(conv(2, 2, 3, **SAME), nn.ReLU(), conv(2, 2, 3, **SAME))),
        Both(added_in_place, conv(2, 2, 1, stride=2), then(conv(2, 2, 3, stride=2, **SAME), nn.ReLU())),
    ],
    "inception": lambda: [
        conv(3, 2, 3, stride=2),
        Both(concatenated, conv(2, 1, 1), conv(2, 1, 3, **SAME), conv(2, 1, 5, padding=2), nn.MaxPool2d(3, 1, 1)),
        conv(5, 2, 3, **SAME),
    ],
    "uneven branches": lambda: [
        Both(concatenated, conv(3, 1, 4, stride=2, padding=3), conv(3, 1, 2, stride=2, padding=2))
    ],
    "transposed": lambda: [
        conv(3, 2, 3, stride=2, **SAME),
        up(2, 2, 3, 2, 1, output_padding=1),
        conv(2, 2, 3),
    ],
    "transposed 2 x 2": lambda: [conv(3, 2, 3, stride=2), up(2, 2, 2, 2), conv(2, 2, 3, stride=3)],
    "transposed 4 x 4": lambda: [
        conv(3, 2, 5, stride=4),
        up(2, 2, 4, 2, 1),
        up(2, 2, 5, 3),
    ],
    "transposed dilated": lambda: [conv(3, 2, 3), up(2, 2, 3, 3, 2, dilation=2)],
    "transposed with gaps": lambda: [conv(3, 2, 3, stride=2), up(2, 2, 1, 2)],
    "u": lambda: [
        conv(3, 2, 3, **SAME),
        Both(
            lambda parts: torch.cat([parts[1], parts[0][:, :, : parts[1].shape[2], : parts[1].shape[3]]], 1),
            nn.Identity(),
            then(nn.MaxPool2d(2), conv(2, 2, 3, **SAME), up(2, 2, 2, 2)),
        ),
        conv(4, 2, 3, **SAME),
    ],
    **{
        f"interpolation {how}": lambda how=how: [
            conv(3, 2, 3, **SAME, stride=2),
            Do(lambda x: F.interpolate(x, **how)),
            conv(2, 2, 3, **SAME),
        ]
        for how in (
            {"scale_factor": 2},
            {"scale_factor": 2.0, "mode": "bilinear"},
            {"scale_factor": 0.5, "mode": "bilinear"},
            {"scale_factor": (1.5, 1 / 3), "mode": "bilinear"},
            {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
            {"size": (7, 17), "mode": "nearest-exact"},
            {"size": (20, 5), "mode": "area"},
            {"size": 1, "mode": "bilinear", "align_corners": True},
            {"scale_factor": 2, "mode": "bicubic"},
            {"size": (5, 4), "mode": "bilinear", "antialias": True},
        )
    },
    "adaptive": lambda: [conv(3, 2, 3, **SAME), nn.AdaptiveAvgPool2d((5, 3)), conv(2, 2, 2)],
    "adaptive maximum": lambda: [conv(3, 2, 3, stride=2), nn.AdaptiveMaxPool2d((4, None)), conv(2, 2, 2)],
    "global": lambda: [conv(3, 2, 3, stride=3), nn.AdaptiveAvgPool2d(1), conv(2, 2, 1)],
    "mean": lambda: [conv(3, 2, 5, stride=5), Do(lambda x: x.mean((2, 3))), nn.Linear(2, 2)],
    "mean of rows": lambda: [conv(3, 2, 3, **SAME), Do(lambda x: x.mean(2, keepdim=True)), conv(2, 2, (1, 3))],
    "sum over columns": lambda: [conv(3, 2, 3), Do(lambda x: x.sum(-1)[..., None]), conv(2, 2, (3, 1), padding=(1, 0))],
    "flat": lambda: [conv(3, 2, 4, stride=4), nn.Flatten(), nn.LazyLinear(2)],
    "gate": lambda: [
        conv(3, 2, 3, **SAME, stride=2),
        Both(
            lambda parts: parts[0] * parts[1],
            nn.Identity(),
            then(nn.AdaptiveAvgPool2d(1), conv(2, 2, 1), nn.Sigmoid()),
        ),
        conv(2, 2, 3, **SAME),
    ],
    "cut": lambda: [conv(3, 2, 3, **SAME), Do(lambda x: x[:, :, 2:-1, ::2]), conv(2, 2, 3, **SAME)],
    "flipped": lambda: [conv(3, 2, 3, stride=2), Do(lambda x: x.flip(3)), conv(2, 2, 3, stride=2, **SAME)],
    "rolled": lambda: [
        conv(3, 2, 3, **SAME),
        Do(lambda x: torch.roll(x, (2, -3), (2, 3))),
        conv(2, 2, 3, **SAME),
    ],
    "one row": lambda: [conv(3, 2, 3, **SAME), Do(lambda x: x[:, :, 4:5]), conv(2, 2, (1, 3))],
    "turned": lambda: [conv(3, 2, (3, 5)), Do(lambda x: x.mT), conv(2, 2, (2, 3), stride=(2, 1)), Do(lambda x: x.mT)],
    "channels last": lambda: [
        conv(3, 4, 4, stride=4),
        Do(lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2)),
        conv(4, 2, 3, **SAME),
    ],
    "linear on channels": lambda: [
        conv(3, 4, 2, stride=2),
        Do(lambda x: x.permute(0, 2, 3, 1)),
        nn.Linear(4, 2),
        Do(lambda x: x.movedim(-1, 1)),
    ],
    "tokens and back": lambda: [conv(3, 2, 2, stride=2), Do(tokens_and_back), conv(2, 2, 2)],
    "pixels shuffled": lambda: [conv(3, 8, 3, stride=2), nn.PixelShuffle(2), conv(2, 2, 3, **SAME)],
    "pixels unshuffled": lambda: [
        conv(3, 2, 2),
        Do(lambda x: x[:, :, :14, :12]),
        nn.PixelUnshuffle(2),
        conv(8, 2, 3, **SAME),
    ],
    "channels shuffled": lambda: [conv(3, 4, 3, **SAME), Do(shuffled), conv(4, 2, 3)],
    "halves": lambda: [conv(3, 4, 3, **SAME), Do(halves_changed)],
    "written into": lambda: [conv(3, 2, 3, **SAME), Do(written_into), conv(2, 2, 3)],
    "stacked": lambda: [
        Both(lambda parts: torch.stack(parts, 1).flatten(1, 2), conv(3, 2, 3, **SAME), conv(3, 2, 1)),
        conv(4, 2, 1),
    ],
    "side by side": lambda: [
        Both(lambda parts: torch.cat(parts, 3), conv(3, 2, (1, 3), padding=(0, 1)), conv(3, 2, 1)),
        conv(2, 2, 3),
    ],
    "group norm": lambda: [conv(3, 2, 3, stride=3), nn.GroupNorm(1, 2), conv(2, 2, 1)],
    "rectifiers": lambda: [
        conv(3, 2, 3),
        Do(lambda x: torch.where(x > 0, F.silu(x), x).clamp(0)),
        Do(lambda x: 1 + 2 * x / 3 - x**2),
    ],
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("size", [(17, 24)])
@pytest.mark.parametrize("name", NETS)
def test_boxes_are_the_support_of_the_gradient(name, size, monkeypatch):
    torch.manual_seed(0)
    net = nn.Sequential(*NETS[name]())
    images = torch.rand(2, 3, *size) + 0.1
    net(images)
    layer = str(len(net) - 1)
    field = receptive_field(net, layer, images)
    expected, num_units = oracle(net, layer, images, monkeypatch)
    assert field.num_units == num_units
    assert {unit: field.box(*unit, clipped=True) for unit in expected} == expected


def torchvision_network(name):
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    if name == "vgg16":  # without its large linear layers
        return nn.Sequential(OrderedDict(features=models.vgg.make_layers(models.vgg.cfgs["D"])))
    quick = {"init_weights": False} if name == "googlenet" else {}
    return models.get_model(name, weights=None, **quick)


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("resnet18", "layer4", (64, 96)),
        ("vgg16", "features.23", (48, 33)),
        ("squeezenet1_1", "features.7", (48, 63)),
        ("densenet121", "features.denseblock2", (64, 48)),
        ("mobilenet_v2", "features.7", (48, 64)),
        ("shufflenet_v2_x0_5", "stage3", (64, 96)),
        ("convnext_tiny", "features.2", (32, 48)),
        ("googlenet", "inception3b", (48, 64)),
        ("efficientnet_b0", "features.3", (32, 48)),
    ],
)
def test_networks_of_torchvision(name, layer, size, monkeypatch):
    net = torchvision_network(name)
    images = torch.rand(1, 3, *size) + 0.1
    field = receptive_field(net, layer, images)
    expected, num_units = oracle(net, layer, images, monkeypatch)
    assert field.num_units == num_units
    assert {unit: field.box(*unit, clipped=True) for unit in expected} == expected


@pytest.mark.parametrize(
    ("name", "layer", "extent", "stride"),
    [
        # Araujo et al. 2019.
        ("alexnet", "features.12", 195, 32),
        ("vgg16", "features.30", 212, 32),
        # By the recurrence. Their ResNets, with the stride in a block's last unit, see more (483 for ResNet-50).
        ("vgg16", "features.29", 196, 16),
        ("resnet18", "layer4", 435, 32),
        ("resnet50", "layer4", 427, 32),
    ],
)
def test_published_figures(name, layer, extent, stride):
    field = receptive_field(torchvision_network(name), layer, (96, 128))
    assert field.extent == (extent, extent)
    assert field.stride == (stride, stride)


def test_timm():
    timm = pytest.importorskip("timm")
    field = receptive_field(timm.create_model("resnet10t"), "layer4", (64, 96))
    assert (field.num_units, field.stride) == ((2, 3), (32, 32))


@pytest.fixture
def net():
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, (3, 5), stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(True), nn.MaxPool2d(2)
    return nn.Sequential(*layers, nn.Conv2d(4, 4, 3, padding=1)).train()


def test_by_hand(net):
    # Rows: 3, then 3 + 1 * 2 = 5, then 5 + 2 * 4 = 13; start -1, -1, -5. Columns: 5, 7, 15; -1, -1, -5.
    field = receptive_field(net, "4", (16, 24))
    assert (field.num_units, field.image_size) == ((4, 5), (16, 24))
    assert (field.extent, field.stride) == ((13, 15), (4, 4))
    assert field.box(0, 1) == (-5, -1, 8, 14)
    assert field.box(0, 1, clipped=True) == (0, 0, 8, 14)
    assert field.centre(0, 1) == (1.5, 6.5)
    assert field.centres().shape == (4, 5, 2)
    assert torch.equal(field.centres()[3, 2], torch.tensor([13.5, 10.5]))
    assert receptive_field(net, "0", (3, 16, 24)).extent == (3, 5)


@pytest.mark.parametrize("name", ["residual", "inception", "transposed", "transposed 4 x 4", "u", "dilated"])
def test_the_unclipped_field_is_that_of_the_middle_of_a_large_image(name):
    net = nn.Sequential(*NETS[name]())
    layer = str(len(net) - 1)
    small, large = receptive_field(net, layer, (16, 16)), receptive_field(net, layer, (112, 112))
    ahead = round(48 / small.stride[0])  # 48 pixels, a multiple of each stride here
    for unit in range(small.num_units[0]):
        box = large.box(unit + ahead, unit + ahead, clipped=True)
        assert small.box(unit, unit) == tuple(edge - 48 for edge in box)


def test_the_whole_image_behind_a_gate_or_a_pooling():
    field = receptive_field(nn.Sequential(*NETS["gate"]()), "1", (16, 24))
    assert (field.extent, field.stride) == ((16, 24), (2, 2))
    assert field.box(1, 2) == (0, 0, 16, 24)
    assert field.centre(1, 2) == (2.5, 4.5)
    pooled = receptive_field(nn.Sequential(*NETS["mean"]()), "2", (15, 25))
    assert (pooled.extent, pooled.stride, pooled.num_units) == ((15, 25), (0, 0), (1, 1))
    assert pooled.centre(0, 0) == (7.5, 12.5)


def test_windows_see_as_a_whole():
    field = receptive_field(nn.Sequential(conv(3, 2, 2, stride=2), Do(windows)), "1", (16, 24))
    assert field.num_units == (8, 12)
    assert field.box(1, 5, clipped=True) == (0, 8, 8, 16)  # its own (2, 10, 4, 12) lies within


def test_a_unit_in_a_gap_sees_nothing():
    field = receptive_field(nn.Sequential(*NETS["transposed with gaps"]()), "1", (16, 16))
    assert field.box(0, 1) == field.box(0, 1, clipped=True) == (0, 0, 0, 0)
    assert field.box(0, 2) == (0, 2, 3, 5)
    assert torch.isnan(torch.tensor(field.centre(0, 1)[1]))


def test_a_region_is_the_union_of_round_fields(net):
    field = receptive_field(net, "4", (16, 24))
    units = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) > 0.8
    for extent in (None, (6, 4.5)):
        expected = torch.zeros(2, 3, 16, 24, dtype=torch.bool)
        tall, wide = extent or (13, 15)
        for *place, row, column in units.nonzero().tolist():
            y, x = -5 + 6.5 + 4 * row, -5 + 7.5 + 4 * column
            for i in range(16):
                for j in range(24):
                    inside = ((i + 0.5 - y) / (tall / 2)) ** 2 + ((j + 0.5 - x) / (wide / 2)) ** 2 <= 1
                    expected[(*place, i, j)] |= inside
        assert torch.equal(field.region(units, extent=extent), expected)
    assert torch.equal(field.region(units[0, 1]), field.region(units)[0, 1])
    with pytest.raises(SettingError, match=r"units of shape \(..., 4, 5\), as layer '4' has them, were expected, not"):
        field.region(units[..., :2])


def state(net):
    return (
        [module.training for module in net.modules()],
        [(parameter.requires_grad, parameter.grad) for parameter in net.parameters()],
        [len(module._forward_hooks) for module in net.modules()],
        [value.tolist() for value in net.state_dict().values()],
    )


def test_the_network_is_left_as_it_was(net, monkeypatch):
    before = state(net)
    images = torch.rand(2, 3, 16, 24)
    own = images.clone()
    with torch.inference_mode():
        receptive_field(net, "4", images)
    assert state(net) == before
    assert torch.equal(images, own)

    def broken(x):
        raise ZeroDivisionError

    monkeypatch.setattr(net[3], "forward", broken)
    with pytest.raises(ZeroDivisionError):
        receptive_field(net, "4", images)
    assert receptive_field(net, "2", images).extent == (3, 5)  # what lies behind is not run
    monkeypatch.undo()
    assert state(net) == before
    assert torch.relu(torch.tensor(-1.0)) == 0


class Attention(nn.Module):
    def forward(self, x):
        return F.scaled_dot_product_attention(x, x, x)


class Uneven(nn.Module):
    def forward(self, x):
        return F.avg_pool2d(x, 3, stride=2) + F.interpolate(F.avg_pool2d(x, 5, stride=5), size=(7, 7))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Attention(), "scaled_dot_product_attention in 1 has no rule in the receptive field; name a layer before it"),
        (nn.FractionalMaxPool2d(2, output_size=3), "fractional_max_pool2d in 1 has no rule"),
        (Uneven(), "Tensor.add in 1 joins maps whose units lie 2 and 2.1.* pixels apart; give images whose sides"),
        (Do(lambda x: x.__setitem__((slice(None), 0), 0.0)), "Tensor.__setitem__ in 1 has no rule"),
        (Do(lambda x: x[:, :, :2].add_(x[:, :, 2:4])), "Tensor.add_ in 1 changes a part of a tensor in place"),
        (Do(lambda x: F.conv2d(x, x)), "conv2d in 1 has a kernel that comes from the images|takes several inputs"),
        (Do(lambda x: torch.add(x, x, out=torch.zeros_like(x))), "torch.add in 1 writes into a given tensor"),
        (nn.Flatten(2), r"layer '1' returns \(1, 3, 256\), with rows and columns in one axis; name a layer before"),
        (Do(torch.ones_like), "nothing that can be followed leads from the images to layer '1'"),
    ],
)
def test_what_cannot_be_followed_is_told(module, message):
    with pytest.raises(SubjectError, match=message):
        receptive_field(nn.Sequential(nn.Identity(), module), "1", (16, 16))


def test_bad_questions(net):
    with pytest.raises(SubjectError, match="has no layer '9'"):
        receptive_field(net, "9", (16, 16))
    with pytest.raises(SettingError, match=r"a unit from \(0, 0\) to \(3, 2\), .*, was expected, not \(4, 0\)"):
        receptive_field(net, "4", (16, 16)).box(4, 0)
    with pytest.raises(SettingError, match=r"the size of an image, .*, was expected, not \(16,\)"):
        receptive_field(net, "4", (16,))
    with pytest.raises(SettingError, match=r"add an axis for the batch: images\[None\]"):
        receptive_field(net, "4", torch.rand(3, 16, 16))
    unused = nn.Sequential(net, nn.Identity())
    unused.forward = net.forward
    with pytest.raises(SubjectError, match="layer '1' did not run in the forward pass"):
        receptive_field(unused, "1", (16, 16))
