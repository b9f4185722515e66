"""The network, the images and other threads do not notice that something was explained."""

import copy
import threading
import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from whynet.attribution import deconvnet, excitation_backprop, grad_cam, guided_backprop, saliency
from whynet.attribution.passage import check_images, layer_of, network_of
from whynet.attribution.signal import check_question, unit_positions
from whynet.base.errors import SettingError, SubjectError

METHODS = (saliency, deconvnet, guided_backprop, excitation_backprop)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.relu, self.drop, self.last = nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4, 3)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.relu(self.norm(self.conv(x)))
        return self.last(self.drop(F.adaptive_avg_pool2d(x, 1).flatten(1)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = Net()
    net(torch.randn(8, 3, 6, 6))
    net.last.weight.requires_grad_(False)
    net.norm.eval()
    return net.train()


@pytest.fixture
def images():
    return torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(1))


def state(net):
    return (
        {name: value.clone() for name, value in net.state_dict().items()},
        [module.training for module in net.modules()],
        [(parameter.requires_grad, parameter.grad) for parameter in net.parameters()],
        [(len(module._forward_hooks), len(module._backward_hooks)) for module in net.modules()],
    )


def same(one, other):
    return one[1:] == other[1:] and all(torch.equal(one[0][name], other[0][name]) for name in one[0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer", [None, "conv"])
def test_a_network_in_training_mode_is_run_in_evaluation_and_left_as_it_was(method, layer, net, images):
    before, own = state(net), images.clone()
    found = method(net, images, 1, layer=layer)
    assert same(before, state(net))
    assert torch.equal(images, own)
    assert not images.requires_grad
    assert not found.requires_grad
    torch.testing.assert_close(found, method(copy.deepcopy(net).eval(), images, 1, layer=layer))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_stays_behind_after_an_error(method, net, images, monkeypatch):
    before = state(net)

    def broken(x):
        raise ZeroDivisionError

    monkeypatch.setattr(net.drop, "forward", broken)
    with pytest.raises(ZeroDivisionError):
        method(net, images, 1, layer="conv")
    assert same(before, state(net))
    assert torch.relu(torch.tensor(-1.0)) == 0
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("method", METHODS)
def test_within_no_grad_and_with_gradients_elsewhere(method, net, images):
    expected = method(net, images, 2)
    with torch.no_grad():
        assert torch.equal(method(net, images, 2), expected)
        assert not torch.is_grad_enabled()
    assert torch.equal(method(net, images.clone().requires_grad_(), 2), expected)


def test_threads_with_different_rules_do_not_disturb_one_another(net, images):
    expected = [method(net, images, 1) for method in METHODS]
    wrong = []

    def work(number):
        for _ in range(10):
            method = METHODS[number % len(METHODS)]
            if not torch.equal(method(net, images, 1), expected[number % len(METHODS)]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert net.training


@pytest.mark.parametrize("method", METHODS)
def test_kinds_of_numbers_and_batches(method, net, images):
    expected = method(net, images, 1)
    for number in range(len(images)):
        torch.testing.assert_close(method(net, images[number : number + 1], 1), expected[number : number + 1])
    torch.testing.assert_close(method(net.to(memory_format=torch.channels_last), images, 1), expected)
    double = method(copy.deepcopy(net).double(), images.double(), 1)
    torch.testing.assert_close(double.float(), expected, rtol=1e-3, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        halved = method(net, images, 1)
    assert halved.dtype == torch.float32
    assert F.cosine_similarity(halved.flatten(1), expected.flatten(1)).min() > 0.95


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_a_compiled_network_is_unwrapped(net, images):
    with pytest.warns(UserWarning, match="explained without its compilation"):
        found = saliency(torch.compile(net), images, 1)
    assert torch.equal(found, saliency(net, images, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of scripting
        scripted = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(108, 3)))
        with pytest.raises(SubjectError, match="a scripted network hides its operations"):
            saliency(scripted, images, 1)


def test_a_network_that_changes_its_input_in_place_leaves_the_images(images):
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    own = images.clone()
    for method in METHODS:
        for layer in (None, "2"):
            method(network, images, 1, layer=layer)
            assert torch.equal(images, own)


def test_targets(net, images):
    logits = net.eval()(images)
    top = logits.argmax(1)
    each = torch.stack([saliency(net, images[i : i + 1], int(top[i]))[0] for i in range(4)])
    torch.testing.assert_close(saliency(net, images, top), each)
    torch.testing.assert_close(saliency(net, images, lambda logits: logits.amax(1)), each)
    torch.testing.assert_close(
        saliency(net, images, units=[0, 2]), torch.stack([saliency(net, images, c) for c in (0, 2)], 1)
    )
    two = excitation_backprop(net, images, lambda logits: logits[:, 0] + 3 * logits[:, 1])
    mean = excitation_backprop(net, images, 0) / 4 + 3 * excitation_backprop(net, images, 1) / 4
    torch.testing.assert_close(two, mean)
    with pytest.raises(SettingError, match="the target falls with one of them"):
        excitation_backprop(net, images, lambda logits: logits[:, 0] - logits[:, 1])


def test_grad_cam_is_its_equation(net, images):
    net.eval()
    activations = net.norm(net.conv(images)).detach().requires_grad_()
    logits = net.last(F.relu(activations).mean((2, 3)))
    (slope,) = torch.autograd.grad(logits[:, 2].sum(), activations)
    expected = torch.einsum("bc,bchw->bhw", slope.mean((2, 3)), activations.detach()).clamp(min=0)
    torch.testing.assert_close(grad_cam(net, images, 2, layer="norm"), expected)
    torch.testing.assert_close(grad_cam(net, images, units=[2], layer="norm")[:, 0], expected)
    with pytest.raises(SettingError, match="Grad-CAM weights the channels of a layer; name one"):
        grad_cam(net, images, 2)
    with pytest.raises(SettingError, match="Grad-CAM needs maps, and layer 'drop' has shape"):
        grad_cam(net, images, 2, layer="drop")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": 3}, SettingError, "classes from 0 to 2 were expected, not 3"),
        ({"target": torch.tensor([0, 1])}, SettingError, "one class for each of 4 images was expected"),
        ({"target": torch.tensor(1.5)}, SettingError, "a class or one class for each"),
        ({"target": lambda logits: 3}, SettingError, "must return one number an image that depends on the logits"),
        ({}, SettingError, "either a target .* or units .* was expected"),
        ({"target": 1, "units": [1]}, SettingError, "either a target .* or units"),
        ({"target": 1, "source": "conv"}, SettingError, "a target is a class of the logits, but source is 'conv'"),
        ({"units": [], "source": "conv"}, SettingError, "at least one unit was expected"),
        ({"units": [4], "source": "conv"}, SettingError, r"unit 4 was expected to be a channel .* within \(4, 6, 6\)"),
        ({"units": [(0, 6, 0)], "source": "conv"}, SettingError, r"unit \(0, 6, 0\) was expected"),
        ({"target": 1, "layer": "cnov"}, SubjectError, "has no layer 'cnov'; near names are conv"),
        ({"target": 1, "layer": "unused"}, SubjectError, "layer 'unused' did not run"),
        ({"units": [1], "source": "conv", "layer": "drop"}, SubjectError, "layer 'drop' did not run before 'conv'"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_bad_questions(method, arguments, error, message, net, images):
    with pytest.raises(error, match=message):
        method(net, images, **arguments)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.randn(3, 6, 6), "add an axis for the batch"),
        (torch.zeros(2, 3, 6, 6, dtype=torch.uint8), "preprocessed images are floating-point numbers, not torch.uint8"),
        (torch.full((1, 3, 6, 6), torch.nan), "the images hold NaN"),
        (torch.randn(0, 3, 6, 6), "the batch is empty"),
    ],
)
def test_bad_images(bad, message, net):
    with pytest.raises(SettingError, match=message):
        saliency(net, bad, 1)
    # What the tests' type checker would refuse first at the public functions.
    with pytest.raises(SettingError, match="was expected, not a list"):
        check_images([1], net)
    with pytest.raises(SettingError, match="as the network's weights are, were expected, not of torch.float64"):
        saliency(net, torch.zeros(1, 3, 6, 6, dtype=torch.float64), 1)


def unchecked(function):
    """Without the tests' type checker."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def test_what_is_no_network_layer_target_or_list_of_units_is_told(net):
    with pytest.raises(SettingError, match="a torch.nn.Module or a whynet.Subject was expected, not a str"):
        unchecked(network_of)("runs/demo")
    with pytest.raises(SettingError, match="a layer is called by its dotted name, as 'layer3.1', not by a Conv2d"):
        unchecked(layer_of)(net, net.conv)
    with pytest.raises(SettingError, match="a target is a class by its number, .* not a str"):
        unchecked(check_question)("cat", None, None)
    with pytest.raises(SettingError, match=r"units are given as a list, as units=\[3\], not as a int"):
        unchecked(check_question)(None, None, 3)


@pytest.mark.parametrize("method", METHODS)
def test_within_inference_mode(method, net, images):
    expected = method(net, images, 2)
    with torch.inference_mode():
        assert torch.equal(method(net, images.clone(), 2), expected)
        assert torch.is_inference_mode_enabled()


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.mix, self.last = nn.Conv2d(3, 5, 3, stride=3), nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)  # (B, 4, 5)
        return self.last(F.relu(self.mix(x)).mean(1))


def test_tokens_are_positions(images):
    torch.manual_seed(2)
    net = Tokens()
    maps = {method: method(net, images, 1, layer="mix") for method in (saliency, excitation_backprop, grad_cam)}
    assert {found.shape for found in maps.values()} == {(4, 4)}
    activations = net.mix(net.embed(images).flatten(2).transpose(1, 2)).detach().requires_grad_()
    (slope,) = torch.autograd.grad(net.last(F.relu(activations).mean(1))[:, 1].sum(), activations)
    torch.testing.assert_close(maps[saliency], slope.abs().amax(2))
    expected = torch.einsum("bc,btc->bt", slope.mean(1), activations.detach()).clamp(min=0)
    torch.testing.assert_close(maps[grad_cam], expected)
    assert saliency(net, images, units=[0, 1], layer="mix").shape == (4, 2, 4)


def test_units_of_tokens_are_channels(images):
    torch.manual_seed(2)
    net = Tokens()
    found = saliency(net, images, source="mix", units=[6, (6, 3)])
    pixels = images.clone().requires_grad_()
    tokens = net.mix(net.embed(pixels).flatten(2).transpose(1, 2))  # (B, 4, 7)
    for number, chosen in enumerate((tokens[:, :, 6].amax(1), tokens[:, 3, 6])):
        (slope,) = torch.autograd.grad(chosen.sum(), pixels, retain_graph=True)
        torch.testing.assert_close(found[:, number], slope.abs().amax(1))
    with pytest.raises(SettingError, match=r"to be a channel or \(channel, token\) within \(7, 4\)"):
        saliency(net, images, source="mix", units=[7])


@pytest.mark.parametrize("method", [guided_backprop, deconvnet])
def test_the_plain_gradient_is_never_silent(method, images):
    smooth = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Flatten(), nn.Linear(64, 3))
    with pytest.warns(UserWarning, match="no rectifier was recognised in the network, so this is the plain gradient"):
        found = method(smooth, images, 1)
    torch.testing.assert_close(found.abs().amax(1), saliency(smooth, images, 1))


def test_bad_networks(net, images):
    with pytest.raises(SubjectError, match=r"logits of shape \(batch, classes\), not \(4, 4, 6, 6\)"):
        saliency(net.conv, images, 1)
    net.last.weight.data[0, 0] = torch.nan
    with pytest.raises(SubjectError, match="the network holds NaN or infinite values"):
        saliency(net, images, 1)


def test_quantised_weights_and_several_inputs_are_told(images):
    class Masked(nn.Module):
        def forward(self, x, mask):
            return (x * mask).mean((2, 3))

    with pytest.raises(SubjectError, match=r"takes one batch of images was expected, not forward\(x, mask\); wrap it"):
        saliency(Masked(), images, 1)
    quantised = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces where quantisation moves to
        quantised = torch.ao.quantization.quantize_dynamic(quantised, {nn.Linear}, dtype=torch.qint8)
    for method in METHODS:
        with pytest.raises(SubjectError, match="quantised weights have no gradients; explain the network before"):
            method(quantised, images, 1)
    with pytest.raises(SettingError, match="images on cpu, where the network is, were expected, not on meta"):
        saliency(Net(), images.to("meta"), 1)


def test_what_has_no_rule_is_named(images):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.gate, self.last = nn.Conv2d(3, 4, 3), nn.Sigmoid(), nn.Linear(4, 3)

        def forward(self, x):
            x = F.relu(self.conv(x))
            return self.last((x * self.gate(x.mean((2, 3), keepdim=True))).mean((2, 3)))

    with pytest.raises(
        SubjectError, match="sigmoid in gate has no rule in excitation backprop; ask for a map at a layer"
    ):
        excitation_backprop(Gated(), images, 1)
    attention = nn.Sequential(nn.Flatten(2), nn.LayerNorm(36), nn.Flatten(), nn.Linear(108, 3))
    with pytest.raises(SubjectError, match="layer_norm in 1 has no rule"):
        excitation_backprop(attention, images, 1)


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return F.relu(x)

    @staticmethod
    def backward(ctx, signal):
        return signal


def test_an_autograd_function_of_the_networks_own_is_named(net, images):
    net.drop.forward = Swish.apply
    with pytest.raises(SubjectError, match="Swish is an autograd function of the network's own, which has no rule"):
        excitation_backprop(net, images, 1)
    assert saliency(net, images, 1).sum() > 0


def test_a_unit_that_fires_through_its_bias_alone_is_reported(net, images):
    net.eval()
    net.last.weight.data.fill_(-1)
    with pytest.warns(UserWarning, match="no input contributed to what is explained in 4 of 4 images"):
        assert excitation_backprop(net, images, 1).sum() == 0


def test_a_part_that_is_overwritten_after_it_was_used_is_remembered(images):
    class Overwritten(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.three = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
            self.last = nn.Linear(4, 3)

        def forward(self, x, change=True):
            x = F.relu(self.one(x))
            y = self.two(x)
            if change:
                x[:, :2] = 0
            else:
                x = torch.cat([torch.zeros_like(x[:, :2]), x[:, 2:]], 1)
            return self.last(F.relu(y + self.three(x)).mean((2, 3)))

    torch.manual_seed(3)
    net = Overwritten()
    found = excitation_backprop(net, images, 1)
    net.forward = lambda x: Overwritten.forward(net, x, change=False)
    torch.testing.assert_close(found, excitation_backprop(net, images, 1))


class Ended(nn.Module):
    """A convolution, what is given, and a mean."""

    def __init__(self, change):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.last, self.change = nn.Conv2d(3, 4, 1), nn.Linear(4, 3), change
        self.last.weight.data.abs_()

    def forward(self, x):
        return self.last(F.relu(self.change(x, F.relu(self.conv(x)))).mean((2, 3)))


@pytest.mark.parametrize(
    "change",
    [
        lambda _, y: torch.ones(1) * 5 - y,
        lambda _, y: torch.sub(torch.ones(1), y),
        lambda _, y: torch.add(torch.ones(1), y, alpha=-1),
        lambda _, y: torch.ones(1) / (1 + y),
        lambda _, y: y * -2,
    ],
)
def test_what_falls_with_the_signal_has_no_rule(change, images):
    with pytest.raises(SubjectError, match="has no rule in excitation backprop"):
        excitation_backprop(Ended(change), images, 1)


def test_a_constant_takes_nothing_however_it_is_made(images):
    expected = excitation_backprop(Ended(lambda _, y: y + 1), images, 1, layer="conv")
    torch.testing.assert_close(expected.sum((1, 2)), torch.ones(4))
    for change in (lambda x, y: y + torch.ones_like(x[:, :1]), lambda x, y: y + x.new_ones(1)):
        torch.testing.assert_close(excitation_backprop(Ended(change), images, 1, layer="conv"), expected)


def test_other_rectifiers_may_be_changed_in_place_behind(images):
    def apart(relu):
        return Ended(lambda x, y: relu(y - 0.2) + x.mean(1, keepdim=True))

    def in_place(relu):
        return Ended(lambda x, y: relu(y - 0.2).add_(x.mean(1, keepdim=True)))

    for relu in (F.relu6, lambda y: y.clamp(min=0)):
        torch.testing.assert_close(guided_backprop(in_place(relu), images, 1), guided_backprop(apart(relu), images, 1))


def test_checkpointing_gives_the_same_or_is_told(images):
    block = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
    for method in (saliency, guided_backprop, deconvnet):
        expected = method(Ended(lambda _, y: block(y)), images, 1)
        kept = Ended(lambda _, y: checkpoint(block, y, use_reentrant=False))
        with suppress(SubjectError):  # torch may find that what it recomputed is something else
            torch.testing.assert_close(method(kept, images, 1), expected)
        with pytest.raises(SubjectError, match="recomputes activations on the way back.*switch gradient checkpoint"):
            method(Ended(lambda _, y: checkpoint(block, y, use_reentrant=True)), images, 1)
    assert block[0].weight.grad is None


def test_maps_that_are_not_finite_are_told(images):
    images[2] = 0
    net = nn.Sequential(Rooted(), nn.Flatten(), nn.Linear(108, 3))
    with pytest.raises(SubjectError, match="what arrived at the layer is NaN or infinite in 1 of 4 images"):
        saliency(net, images, 1)


class Rooted(nn.Module):
    def forward(self, x):
        return (x + x.square().mean((1, 2, 3), keepdim=True).sqrt()).clamp(min=-9)


@pytest.mark.parametrize("unit", [1.0, "1", True, (), (0, 1.5, 1)])
def test_what_is_no_unit_is_told(unit, net, images):
    with pytest.raises(SettingError, match=r"a unit is a channel, as 7, or \(channel, row, column\), as"):
        unchecked(unit_positions)(torch.zeros(2, 4, 6, 6), unit)


def test_numbers_of_numpy_are_numbers(net, images):
    assert torch.equal(
        unchecked(unit_positions)(torch.zeros(2, 4, 6, 6), np.int64(1)), unit_positions(torch.zeros(2, 4, 6, 6), 1)
    )
    unchecked(check_question)(np.int64(1), None, None)


def test_maps_of_a_double_network_are_double(net, images):
    net.double()
    for method in METHODS:
        assert method(net, images.double(), 1).dtype == torch.float64
    assert grad_cam(net, images.double(), 1, layer="conv").dtype == torch.float64


def test_signals_of_one_axis(images):
    net = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3))
    for batch in (1, 2, 3):
        assert excitation_backprop(net, torch.rand(batch, 2, 8), 1).shape == (batch, 2)


def test_a_part_that_is_compiled_is_told(net, images):
    net.conv.compile()
    with pytest.raises(SubjectError, match="a part of the network is compiled, which hides operations"):
        saliency(net, images, 1)


def test_a_batch_of_32(net):
    images = torch.randn(32, 3, 6, 6)
    for method in METHODS:
        whole = method(net, images, 1)
        torch.testing.assert_close(whole[30:], method(net, images[30:], 1))


def test_what_is_changed_in_place_after_it_was_used_is_remembered(images):
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Linear(4, 3)

        def forward(self, x, change=True):
            x = F.relu(self.one(x))
            y = F.relu(self.two(x))
            x = x.add_(y) if change else x + y
            return self.last(x.mean((2, 3)))

    torch.manual_seed(3)
    net = Late()
    found = excitation_backprop(net, images, 1)
    net.forward = lambda x: Late.forward(net, x, change=False)
    torch.testing.assert_close(found, excitation_backprop(net, images, 1))
