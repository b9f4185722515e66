import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.base.errors import SubjectError
from whynet.models.introspection import Introspection
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject

CLASSES = ["tern", "wren", "crow"]


class Functional(nn.Module):
    """One ReLU module reused, one ReLU in place, and functional operations between the layers."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 5, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm2d(5)
        self.unused = nn.Linear(2, 2)
        self.output = nn.Linear(5, 3)

    def forward(self, images):
        x = self.relu(self.first(images))
        x = F.max_pool2d(x, 2)
        x = self.relu(self.norm(self.second(x)))
        x *= 2
        return self.output(x.mean((2, 3)))


def subject(network):
    return Subject(network, class_names=CLASSES, preprocess=Preprocessing(height=8, width=8))


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = Functional()
    network(torch.randn(4, 3, 8, 8))  # running statistics that differ from the batch's
    return network


def by_hand(network, images):
    """The same forward pass, written out without anything in place."""
    network.eval()
    with torch.no_grad():
        first = network.first(images)
        relu0 = first.clamp(min=0)
        second = network.second(F.max_pool2d(relu0, 2))
        relu1 = network.norm(second).clamp(min=0)
        logits = network.output((relu1 * 2).mean((2, 3)))
    return {"first": first, "relu:0": relu0, "second": second, "relu:1": relu1}, logits


@pytest.mark.parametrize("layers", [["relu"], ["second", "relu:1", "first", "relu:0"], []])
def test_segments_are_those_that_each_layer_has_alone(network, layers):
    images, passes = torch.randn(2, 3, 8, 8), []
    alone = [Introspection(subject(network), [layer], probabilities=False).read(images)[0] for layer in layers]
    introspection = Introspection(subject(network), layers)
    network.register_forward_hook(lambda *_: passes.append(1))
    names, sizes = zip(*introspection.segments(), strict=True)
    assert len(passes) == 1
    assert names == (*layers, "probabilities")
    assert list(sizes) == [*(reading.shape[1] for reading in alone), len(CLASSES)]


def test_activations_are_those_before_anything_was_done_in_place(network):
    images = torch.randn(2, 3, 8, 8)
    recording = Introspection(subject(network), ["first", "relu", "second"]).record(images)
    expected, logits = by_hand(network, images)
    assert list(recording.activations) == ["first", "relu:0", "relu:1", "second"]
    for name, activation in recording.activations.items():
        torch.testing.assert_close(activation, expected[name])
    torch.testing.assert_close(recording.logits, logits)


def test_reading_holds_pooled_layers_then_probabilities(network):
    images = torch.randn(2, 3, 8, 8)
    reading, logits = Introspection(subject(network), ["relu:1", "first"]).read(images)
    expected, _ = by_hand(network, images)
    wanted = [expected["relu:1"].mean((2, 3)), expected["first"].mean((2, 3)), logits.softmax(1)]
    torch.testing.assert_close(reading, torch.cat(wanted, 1))
    assert not reading.requires_grad


def test_tokens_are_averaged():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Linear(3, 6)
            self.output = nn.Linear(6, 3)

        def forward(self, images):
            return self.output(self.tokens(images.flatten(2).transpose(1, 2)).mean(1))

    network = Tokens()
    images = torch.randn(2, 3, 4, 4)
    reading, _ = Introspection(subject(network), ["tokens"], probabilities=False).read(images)
    torch.testing.assert_close(reading, network.tokens(images.flatten(2).transpose(1, 2)).mean(1).detach())


class ChannelsLast(nn.Module):
    """(batch, rows, columns, channels) between its two ends; `mix` returns a tuple, `window` more rows than images."""

    def __init__(self, channels, output_fmt):
        super().__init__()
        self.output_fmt = output_fmt
        self.stem = nn.Conv2d(3, channels, 2, stride=2)
        self.linear = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.mix = Mix()
        self.window = nn.Identity()
        self.output = nn.Linear(channels, 3)

    def forward(self, images):
        x = self.linear(self.stem(images).permute(0, 2, 3, 1))
        x, _ = self.mix(self.norm(x))
        self.window(x.flatten(0, 1))
        return self.output(x.mean((1, 2)))


class Mix(nn.Module):
    def forward(self, x):
        return x + x.mean((1, 2), keepdim=True), None


@pytest.mark.parametrize("sides", [(8, 8), (12, 8)])
@pytest.mark.parametrize(("channels", "output_fmt"), [(5, None), (4, "NHWC")])
def test_channels_are_found_also_where_they_are_last(sides, channels, output_fmt):
    network = ChannelsLast(channels, output_fmt)
    images = torch.randn(2, 3, *sides)
    kept = {}
    network.linear.register_forward_hook(lambda *call: kept.update(linear=call[2]))
    network.mix.register_forward_hook(lambda *call: kept.update(mix=call[2][0]))
    layers = ["stem", "linear", "norm", "mix"]
    reading, _ = Introspection(subject(network), layers, probabilities=False).read(images)
    assert reading.shape == (2, 4 * channels)
    for index, layer in enumerate(layers):
        for image in range(2):
            for channel in range(channels):
                value = reading[image, index * channels + channel]
                if layer == "stem":
                    expected = network.stem(images)[image, channel].mean()
                elif layer == "norm":
                    expected = network.norm(kept["linear"])[image, :, :, channel].mean()
                else:
                    expected = kept[layer][image, :, :, channel].mean()
                torch.testing.assert_close(value, expected.detach(), atol=1e-5, rtol=1e-5)
    activations = Introspection(subject(network), ["mix"]).record(images).activations
    assert activations["mix"].shape == (2, channels, sides[0] // 2, sides[1] // 2)


def test_a_map_with_as_many_channels_as_rows_keeps_them_first():
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 6, 1)), nn.Flatten(), nn.Linear(6 * 6 * 4, 3))
    images = torch.randn(2, 3, 6, 4)
    found = Introspection(subject(network), ["0"]).record(images).activations["0"]
    torch.testing.assert_close(found, network[0](images).detach())


def test_windows_are_refused():
    with pytest.raises(SubjectError, match="'window' has 8 rows for 2 images"):
        Introspection(subject(ChannelsLast(5, None)), ["window"]).read(torch.randn(2, 3, 8, 8))


def test_an_output_without_a_tensor_is_refused():
    class Words(nn.Module):
        def forward(self, x):
            return {"words": x}

    class Wordy(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.output = Words(), nn.Linear(12, 3)

        def forward(self, images):
            return self.output(self.words(images.flatten(1))["words"])

    with pytest.raises(SubjectError, match="'words' returned a dict, not a tensor; name a layer inside it"):
        Introspection(subject(Wordy()), ["words"]).record(torch.randn(1, 3, 2, 2))


def test_torchvision_resnet_with_in_place_relu():
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=3)
    images = torch.randn(2, 3, 32, 32)
    recording = Introspection(subject(network), ["layer1.0.bn1", "layer4", "avgpool"]).record(images)
    network.eval()
    with torch.no_grad():
        stem = network.maxpool(network.bn1(network.conv1(images)).clamp(min=0))
        torch.testing.assert_close(
            recording.activations["layer1.0.bn1"], network.layer1[0].bn1(network.layer1[0].conv1(stem))
        )
        x = network.layer4(network.layer3(network.layer2(network.layer1(stem))))
    torch.testing.assert_close(recording.activations["layer4"], x)
    torch.testing.assert_close(recording.activations["avgpool"].flatten(1), x.mean((2, 3)))


def state_of(network):
    return (
        [module.training for module in network.modules()],
        [len(module._forward_hooks) for module in network.modules()],
        [parameter.requires_grad for parameter in network.parameters()],
        [parameter.grad for parameter in network.parameters()],
        {name: tensor.clone() for name, tensor in network.state_dict().items()},
    )


def assert_same_state(before, after):
    assert before[:4] == after[:4]
    for name, tensor in before[4].items():
        assert torch.equal(tensor, after[4][name])


def test_nothing_is_left_behind(network):
    network.train()
    network.second.eval()
    network.first.weight.requires_grad_(False)
    before = state_of(network)
    introspection = Introspection(subject(network), ["relu", "norm"])
    introspection.record(torch.randn(2, 3, 8, 8))
    assert_same_state(before, state_of(network))
    with pytest.raises(RuntimeError):
        introspection.record(torch.randn(2, 3, 1, 1))  # nothing is left to pool: an error in the middle of the forward
    assert_same_state(before, state_of(network))


@pytest.mark.parametrize("training", [False, True])
def test_threads_do_not_see_each_others_activations(network, training):
    introspection = Introspection(subject(network.train(training)), ["relu:1"])
    before = state_of(network)
    images = [torch.randn(2, 3, 8, 8) for _ in range(8)]
    expected = [introspection.read(batch)[0] for batch in images]
    found = [None] * 8

    def work(index):
        for _ in range(20):
            found[index] = introspection.read(images[index])[0]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    assert_same_state(before, state_of(network))


def test_errors(network):
    with pytest.raises(SubjectError, match=r"no layer 'secnd'; near names are second"):
        Introspection(subject(network), ["secnd"])
    with pytest.raises(SubjectError, match="named once"):
        Introspection(subject(network), ["first", "first"])
    with pytest.raises(SubjectError, match="whole or by its calls, not relu, first, relu:1"):
        Introspection(subject(network), ["relu", "first", "relu:1"])
    with pytest.raises(SubjectError, match="at least one layer"):
        Introspection(subject(network), [], probabilities=False)
    with pytest.raises(SubjectError, match="'unused' did not run"):
        Introspection(subject(network), ["unused"]).record(torch.randn(1, 3, 8, 8))
    with pytest.raises(SubjectError, match="there is no call 'relu:2', since layer 'relu' ran 2 times, from 0 on"):
        Introspection(subject(network), ["relu:2"]).record(torch.randn(1, 3, 8, 8))
    with pytest.raises(SubjectError, match="no call 'first:0', since layer 'first' ran once; name it without a call"):
        Introspection(subject(network), ["first:0"]).record(torch.randn(1, 3, 8, 8))
    with pytest.raises(SubjectError, match="NaN or infinite"):
        Introspection(subject(network), ["first"]).record(torch.full((1, 3, 8, 8), torch.nan))


def test_output_that_is_not_logits():
    wide = Subject(nn.Sequential(nn.Flatten(), nn.Linear(12, 4)), class_names=CLASSES, preprocess=lambda p: p)
    with pytest.raises(SubjectError, match=r"shape \(batch, 3\), one for each class name, not \(2, 4\)"):
        wide.logits(torch.randn(2, 3, 2, 2))
    with pytest.raises(SubjectError, match="one unique name for each class"):
        Subject(nn.Identity(), class_names=["a", "a"], preprocess=lambda p: p)
