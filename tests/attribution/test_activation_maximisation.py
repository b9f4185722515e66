"""The ascent finds what a class or a unit likes most, the same for the same seed, and leaves nothing behind."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.attribution import Regularisers, activation_maximisation

SHAPE = (3, 12, 10)
NONE = Regularisers()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.relu, self.drop, self.last = nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6 * 30, 4)

    def forward(self, x):
        x = F.max_pool2d(self.relu(self.norm(self.conv(x))), 2)
        return self.last(self.drop(x).flatten(1))


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = Net()
    net(torch.randn(8, *SHAPE))
    net.last.weight.requires_grad_(False)
    net.norm.eval()
    return net.train()


@pytest.fixture
def images():
    return torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(1))


def ascend(net, *args, **options):
    options = {"shape": None if "images" in options else SHAPE, "steps": 20, **options}
    return activation_maximisation(net, *args, **options)


def linear(classes=2):
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 5, classes))


def blobs():
    """Four classes, each with a soft blob of a colour at a place of its own, as in networks that were trained."""
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    places, colours = [(6, 6), (6, 17), (17, 6), (17, 17)], torch.eye(4)[:, :3] - 0.25
    soft = torch.stack([torch.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 18) for r, c in places])
    net = nn.Sequential(nn.Conv2d(3, 4, 24), nn.ReLU(), nn.Flatten(), nn.Linear(4, 4, bias=False))
    net[0].weight.data = torch.einsum("kc,khw->kchw", colours, soft)
    net[0].bias.data.fill_(50)
    net[3].weight.data = torch.eye(4)
    return net


@pytest.mark.parametrize(
    "regularisers",
    [
        NONE,
        Regularisers(l2=1e-3),
        Regularisers(total_variation=1e-3),
        Regularisers(jitter=1, decay=0.05, small_norm=0.2),
    ],
)
def test_classes_rise_above_the_start_and_above_noise_of_the_same_norm(net, regularisers):
    found = ascend(net, [0, 1, 2, 3], regularisers=regularisers, steps=40)
    start = ascend(net, [0, 1, 2, 3], steps=1, learning_rate=1e-9, regularisers=NONE)
    assert found.shape == (4, *SHAPE)
    assert_above_noise(net, found)
    assert (net(found).diagonal() > net(start).diagonal()).all()


def test_smooth_classes_rise_under_the_usual_regularisers():
    net = blobs()
    found = ascend(net, [0, 1, 2, 3], shape=(3, 24, 24))
    assert_above_noise(net, found)
    assert net(found).argmax(1).tolist() == [0, 1, 2, 3]
    dreamed = ascend(net, [3, 2, 1, 0], images=found, steps=80, learning_rate=0.2)
    assert net(dreamed).argmax(1).tolist() == [3, 2, 1, 0]


def assert_above_noise(net, found):
    net.eval()
    noise = torch.randn(200, *found.shape[1:])
    for number, image in enumerate(found):
        score = net(image[None])[0, number]
        same_norm = noise * image.norm() / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        assert score > net(same_norm)[:, number].max()


def test_units_rise(net):
    net.eval()
    channels = ascend(net, source="conv", units=[0, 5], steps=30)
    noise = torch.randn(100, *SHAPE)
    noise *= channels.norm() / 2**0.5 / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    for image, unit in zip(channels, [0, 5], strict=True):
        assert net.conv(image[None])[0, unit].mean() > net.conv(noise)[:, unit].mean((1, 2)).max()
    position = ascend(net, source="conv", units=[(2, 7, 4)], steps=30, regularisers=NONE)
    assert net.conv(position)[0, 2, 7, 4] > net.conv(noise)[:, 2, 7, 4].max()
    start = ascend(net, source="conv", units=[(2, 7, 4)], steps=1, learning_rate=1e-9, regularisers=NONE)
    moved = (position - start).abs().sum((0, 1)) > 1e-5
    expected = torch.zeros(12, 10, dtype=torch.bool)
    expected[6:9, 3:6] = True  # its receptive field, and nothing else
    assert torch.equal(moved, expected)
    logits = ascend(net, units=[3, 1])
    assert torch.equal(logits, ascend(net, [3, 1]))


def test_the_optimum_of_a_linear_network_with_l2_is_its_weights_over_two_lambda():
    net, weight = linear(), 0.25
    found = ascend(net, [0, 1], shape=(3, 4, 5), regularisers=Regularisers(l2=weight), steps=80, learning_rate=0.05)
    expected = net[1].weight.detach() / (2 * weight)
    torch.testing.assert_close(found.flatten(1), expected, rtol=1e-4, atol=1e-5)


def test_the_fixed_point_of_a_linear_network_with_decay():
    net, decay, rate = linear(), 0.2, 0.1
    found = ascend(net, 1, shape=(3, 4, 5), regularisers=Regularisers(decay=decay), steps=60, learning_rate=rate)
    step = rate * net[1].weight[1].detach() / net[1].weight[1].detach().square().mean().sqrt()
    torch.testing.assert_close(found.flatten(), (1 - decay) * step / decay, rtol=1e-4, atol=1e-5)


def test_each_step_is_the_equation(net, images):
    regularisers = Regularisers(l2=0.02, decay=0.1, blur=0.8, blur_every=2, small_norm=0.2, small_contribution=0.3)
    expected = images.clone()
    net.eval()
    for step in range(3):
        seen = expected.clone().requires_grad_()
        (slopes,) = torch.autograd.grad(net(seen)[:, 2].sum(), seen)
        for number in range(3):
            slope = slopes[number]
            ascent = slope - 2 * 0.02 * expected[number]
            rms = max(float(slope.square().mean().sqrt()), float(ascent.square().mean().sqrt()))
            expected[number] += 0.3 * ascent / rms
        expected = regularisers.after_step(expected, slopes, step)
    found = ascend(net, 2, images=images, regularisers=regularisers, steps=3, learning_rate=0.3)
    torch.testing.assert_close(found, expected)


def test_jitter_shifts_what_the_network_sees_and_shifts_back(images):
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(x.detach().clone())
            return x[:, :, 0, 0]

    found = ascend(Spy(), 1, images=images[:1], regularisers=Regularisers(jitter=2), steps=60, learning_rate=0.5)
    shifts = set()
    image = images[:1].clone()
    for one in seen:
        places = [(r, c) for r in range(-2, 3) for c in range(-2, 3) if torch.equal(image.roll((r, c), (2, 3)), one)]
        assert len(places) == 1
        shifts.add(places[0])
        slope = torch.zeros_like(image)
        slope[0, 1, 0, 0] = 1
        image = image + 0.5 * (slope / slope.square().mean().sqrt()).roll((-places[0][0], -places[0][1]), (2, 3))
    torch.testing.assert_close(found, image)
    assert len(shifts) > 15


def test_a_class_finds_the_same_alone_and_among_others(net, images):
    among = ascend(net, [2, 0, 2], steps=8)
    torch.testing.assert_close(among[:1], ascend(net, 2, steps=8), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(among[0], among[2])
    starts = ascend(net, [2, 0, 2], steps=1, learning_rate=1e-9, regularisers=NONE)
    torch.testing.assert_close(starts[0], starts[1])
    dreamed = ascend(net, 1, images=images, steps=5)
    for number in range(3):
        alone = ascend(net, 1, images=images[number : number + 1], steps=5)
        torch.testing.assert_close(dreamed[number : number + 1], alone, rtol=1e-4, atol=1e-4)


def test_a_function_of_the_logits(net):
    found = ascend(net, lambda logits: logits[:, 0] - logits[:, 1], regularisers=NONE)
    net.eval()
    first, second, *_ = net(found)[0]
    assert first - second > max(logits[0] - logits[1] for logits in net(torch.randn(100, *SHAPE)))


def test_the_same_seed_finds_the_same_and_the_global_generators_are_left_alone(net):
    def globals_():
        return torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = globals_()
    found = ascend(net, [0, 1], seed=7)
    after = globals_()
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    torch.manual_seed(99)
    assert torch.equal(found, ascend(net, [0, 1], seed=7))
    assert not torch.allclose(found, ascend(net, [0, 1], seed=8))


def state(net):
    return (
        {name: value.clone() for name, value in net.state_dict().items()},
        [module.training for module in net.modules()],
        [(parameter.requires_grad, parameter.grad) for parameter in net.parameters()],
        [(len(module._forward_hooks), len(module._backward_hooks)) for module in net.modules()],
    )


def same(one, other):
    return one[1:] == other[1:] and all(torch.equal(one[0][name], other[0][name]) for name in one[0])


@pytest.mark.parametrize("question", [{"target": 1}, {"source": "conv", "units": [1, (0, 2, 2)]}])
def test_a_network_in_training_mode_is_run_in_evaluation_and_left_as_it_was(net, question):
    before = state(net)
    found = ascend(net, **question)
    assert same(before, state(net))
    assert not found.requires_grad
    torch.testing.assert_close(found, ascend(copy.deepcopy(net).eval(), **question))
    with torch.inference_mode():
        assert torch.equal(found, ascend(net, **question))
        assert torch.is_inference_mode_enabled()


def test_nothing_stays_behind_after_an_error(net, images, monkeypatch):
    before, own = state(net), images.clone()
    calls = []

    def breaks_late(x):
        calls.append(x)
        if len(calls) == 3:
            raise ZeroDivisionError
        return x

    monkeypatch.setattr(net.drop, "forward", breaks_late)
    with pytest.raises(ZeroDivisionError):
        ascend(net, 1, images=images)
    assert same(before, state(net))
    assert torch.equal(images, own)
    assert torch.is_grad_enabled()


def test_half_and_double_precision(net):
    expected = ascend(net, 1, steps=5)
    double = ascend(copy.deepcopy(net).double(), 1, steps=5)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), expected, rtol=1e-2, atol=1e-2)
    half = ascend(copy.deepcopy(net).bfloat16(), 1, steps=5)
    assert half.dtype == torch.float32
    assert F.cosine_similarity(half.flatten(1), expected.flatten(1)) > 0.9


def test_channels_of_tokens_are_their_last_axis():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.mix, self.last = nn.Conv2d(3, 5, 3, stride=3), nn.Linear(5, 7), nn.Linear(7, 3)

        def forward(self, x):
            x = self.embed(x).flatten(2).transpose(1, 2)  # (B, 4, 5)
            return self.last(F.relu(self.mix(x)).mean(1))

    torch.manual_seed(2)
    net = Tokens()
    found = ascend(net, source="mix", units=[6, (6, 3)], shape=(3, 6, 6), regularisers=NONE, steps=1)
    start = ascend(
        net, source="mix", units=[6, (6, 3)], shape=(3, 6, 6), regularisers=NONE, steps=1, learning_rate=1e-9
    )
    moved = (found - start).abs().sum(1) > 1e-4
    assert moved[0].all()
    assert torch.equal(moved[1], torch.tensor([[False] * 6] * 3 + [[False] * 3 + [True] * 3] * 3))


def test_a_unit_that_cannot_be_reached_is_told(net):
    net.norm.weight.data[3], net.norm.bias.data[3], net.norm.bias.data[0] = 0.01, -5.0, 1.0
    with pytest.warns(
        UserWarning, match="1 of 2 images met no slope to climb, as where a rectifier is shut everywhere"
    ):
        ascend(net, source="relu", units=[3, 0])
