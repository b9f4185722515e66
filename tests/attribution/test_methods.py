"""Each method by name, on small networks and on those of torchvision and timm, against a replica.

The replica takes a network apart with `torch.fx`, folds its batch norms into the convolutions, and sends a signal back
node by node; it shares no code with `whynet.attribution`.
"""

import operator
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import Interpreter, symbolic_trace
from torch.nn.utils.fusion import fuse_conv_bn_eval

from whynet.attribution import deconvnet, excitation_backprop, guided_backprop, saliency
from whynet.attribution.methods import METHODS, heat_map, method_named
from whynet.base.errors import SettingError, SubjectError

SUMS = (nn.Conv2d, nn.Linear, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
FUNCTION_SUMS = (F.adaptive_avg_pool2d, F.avg_pool2d, torch.mean, "mean")
RECTIFIERS = (nn.ReLU, nn.ReLU6)
FUNCTION_RECTIFIERS = (F.relu, torch.relu, "relu")
ADDITIONS = (operator.add, operator.iadd, torch.add)


class Values(Interpreter):
    """Runs a traced network and keeps the value of each node."""

    def __init__(self, traced):
        super().__init__(traced, garbage_collect_values=False)
        for module in traced.modules():
            if hasattr(module, "inplace"):
                module.inplace = False

    def call_function(self, target, args, kwargs):
        if target is operator.iadd:
            target = operator.add
        return super().call_function(target, args, {k: v for k, v in kwargs.items() if k != "inplace"})


class Replica:
    def __init__(self, network, images):
        self.traced = symbolic_trace(network.eval())
        self.modules = dict(self.traced.named_modules())
        values = Values(self.traced)
        with torch.no_grad():
            values.run(images)
        self.values, self.interpreter = values.env, values
        self.nodes = list(self.traced.graph.nodes)

    def module(self, node):
        return self.modules[node.target] if node.op == "call_module" else None

    def fused(self, node):
        """The convolution that a batch norm follows, with the two folded into one, if nothing else reads it."""
        before = node.args[0]
        if isinstance(self.module(before), nn.Conv2d) and len(before.users) == 1:
            return before, fuse_conv_bn_eval(self.module(before), self.module(node))
        return None, None

    def is_one_of(self, node, modules, functions):
        return isinstance(self.module(node), modules) or (node.op != "call_module" and node.target in functions)

    def call(self, node, *inputs):
        tensors = iter(inputs)
        args = [
            next(tensors) if a in node.all_input_nodes else a for a in torch.fx.node.map_arg(node.args, lambda n: n)
        ]
        if node.op == "call_module":
            return self.module(node)(*args)
        if isinstance(node.args[0], (list, tuple)):
            return node.target(list(inputs), *node.args[1:], **node.kwargs)
        kwargs = {k: v for k, v in node.kwargs.items() if k != "inplace"}
        if node.op == "call_method":
            return getattr(args[0], node.target)(*args[1:], **kwargs)
        return node.target(*args, **kwargs)

    def back(self, signal, method, *, top=None):
        """The signal at each node that has one; top: the node whose dual is subtracted."""
        signals = {self.nodes[-1].args[0]: signal}
        for node in reversed(self.nodes[:-1]):
            if node not in signals or node.op == "placeholder":
                continue
            for source, own in self.shares(node, signals[node], method, contrastive=node.name == top):
                signals[source] = signals[source] + own if source in signals else own
        return {node.name: own for node, own in signals.items()} | {
            node.target: own for node, own in signals.items() if node.op == "call_module"
        }

    def shares(self, node, signal, method, *, contrastive):
        sources = [n for n in node.all_input_nodes if isinstance(self.values.get(n), torch.Tensor)]
        inputs = [self.values[n].detach().requires_grad_() for n in sources]
        if self.is_one_of(node, RECTIFIERS, FUNCTION_RECTIFIERS) and method != "gradient":
            if method == "excitation":
                return [(sources[0], signal)]
            gate = 1 if method == "deconvnet" else self.slope(node, inputs, torch.ones_like(signal))[0]
            return [(sources[0], signal.clamp(min=0) * gate)]
        if method != "excitation":
            return list(zip(sources, self.slope(node, inputs, signal), strict=True))
        if isinstance(self.module(node), nn.BatchNorm2d):
            conv, fused = self.fused(node)
            if fused is None:
                return [(sources[0], signal)]
            return [(conv.args[0], self.proportions(fused, self.values[conv.args[0]], signal))]
        if self.is_one_of(node, SUMS, FUNCTION_SUMS):
            function = self.module(node) or (lambda x: self.call(node, x))
            own = self.proportions(function, inputs[0], signal)
            return [(sources[0], own - self.proportions(function, inputs[0], signal, sign=-1) if contrastive else own)]
        if node.target in ADDITIONS:
            positive = [x.detach().clamp(min=0) for x in inputs]
            total = sum(positive)
            return [(n, torch.where(total > 0, p / total, 0) * signal) for n, p in zip(sources, positive, strict=True)]
        return list(zip(sources, self.slope(node, inputs, signal), strict=True))

    def slope(self, node, inputs, signal):
        with torch.enable_grad():
            return torch.autograd.grad(self.call(node, *inputs), inputs, signal)

    def proportions(self, function, x, signal, *, sign=1):
        """Each output's signal over all that contributed to it: inputs and weights of both signs, one after another."""
        x, found = x.detach(), 0
        halves = []
        for part, want in ((x.clamp(min=0), 1), (x.clamp(max=0), -1)):
            part.requires_grad_()
            if isinstance(function, (nn.Conv2d, nn.Linear)):
                weight = (sign * want * function.weight.detach()).clamp(min=0) * want
                if isinstance(function, nn.Conv2d):
                    out = F.conv2d(
                        part, weight, None, function.stride, function.padding, function.dilation, function.groups
                    )
                else:
                    out = F.linear(part, weight)
            else:
                out = function(part) * (want > 0)
            halves.append((part, out))
        total = sum(out for _, out in halves).detach()
        ratio = torch.where(total > 0, signal / total, 0)
        for part, out in halves:
            found = found + torch.autograd.grad(out, part, ratio)[0] * part.detach()
        return found


def settled(network):
    """A network whose batch norms are as after training, some factors of theirs negative."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.weight.data.uniform_(-0.2, 1)
            module.bias.data.normal_(0, 0.2)
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 32, 32))
    return network.eval().double()


def torchvision_network(name, **options):
    return settled(pytest.importorskip("torchvision").models.get_model(name, num_classes=5, **options))


def vgg16():
    network = pytest.importorskip("torchvision").models.vgg16(init_weights=False)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Sequential(nn.Linear(512, 32), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(32, 5))
    return settled(network)


def timm_network(name):
    return settled(pytest.importorskip("timm").create_model(name, num_classes=5))


NETWORKS = {
    "vgg16": (vgg16, "features.23", "classifier_3"),
    "resnet18": (lambda: torchvision_network("resnet18"), "layer3.0.bn1", "fc"),
    "densenet121": (lambda: torchvision_network("densenet121"), "features.transition1.conv", "classifier"),
    "mobilenet_v2": (lambda: torchvision_network("mobilenet_v2"), "features.7.conv.1.2", "classifier_1"),
    "googlenet": (
        lambda: torchvision_network("googlenet", aux_logits=False, init_weights=False),
        "inception4a.branch1.bn",
        "fc",
    ),
    "timm resnet18": (lambda: timm_network("resnet18"), "layer3.0.act1", "fc"),
}


@pytest.fixture(scope="module", params=NETWORKS)
def taken_apart(request):
    make, layer, top = NETWORKS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = make()
        images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    return network, images, Replica(network, images), layer, top


@pytest.mark.parametrize("name", ["saliency", "deconvnet", "guided_backprop", "grad_cam", "excitation_backprop"])
def test_known_networks(taken_apart, name):
    network, images, replica, layer, _ = taken_apart
    signal = F.one_hot(torch.tensor([3, 1]), 5).double()
    method = {"deconvnet": "deconvnet", "guided_backprop": "guided", "excitation_backprop": "excitation"}
    found = replica.back(signal, method.get(name, "gradient"))
    image = next(iter(replica.values)).name
    place = None
    if name == "grad_cam":
        place, activations = layer, replica.values[next(n for n in replica.nodes if n.target == layer)]
        expected = (found[layer].mean((2, 3), keepdim=True) * activations).sum(1).clamp(min=0)
    elif name == "excitation_backprop":
        place, expected = layer, found[layer].sum(1)
        torch.testing.assert_close(
            heat_map(name, network, images, torch.tensor([3, 1])), found[image].sum(1), rtol=1e-6, atol=1e-9
        )
    else:
        expected = found[image].abs().amax(1).float()
    assert expected.abs().max() > 0
    answer = heat_map(name, network, images, torch.tensor([3, 1]), layer=place)
    torch.testing.assert_close(answer.double(), expected.double(), rtol=1e-4, atol=1e-6)


def test_known_networks_contrastive(taken_apart):
    network, images, replica, layer, top = taken_apart
    signal = F.one_hot(torch.tensor([3, 1]), 5).double()
    expected = replica.back(signal, "excitation", top=top)[layer].sum(1).clamp(min=0)
    assert expected.max() > 0
    found = heat_map("contrastive_excitation_backprop", network, images, torch.tensor([3, 1]), layer=layer)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


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


@pytest.fixture
def modules_alone() -> nn.Module:
    """Written as the peers need it: one module a rectifier, none in place."""
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 10), nn.ReLU(), nn.Linear(10, 4),
    ).eval()  # fmt: skip


def test_captum_gives_the_same_where_it_is_right(modules_alone: nn.Module) -> None:
    captum = pytest.importorskip("captum.attr")
    images, classes = torch.randn(5, 3, 14, 14), torch.tensor([0, 3, 1, 2, 1])
    peers = {saliency: captum.Saliency, guided_backprop: captum.GuidedBackprop, deconvnet: captum.Deconvolution}
    for method, peer in peers.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Captum says that it sets hooks
            expected = peer(modules_alone).attribute(images.clone().requires_grad_(), classes).detach()
        assert expected.abs().sum() > 0
        found = method(modules_alone, images, classes)
        torch.testing.assert_close(found, expected.amax(1) if method is saliency else expected)


def test_zennit_gives_the_same_where_it_is_right(modules_alone: nn.Module) -> None:
    composites = pytest.importorskip("zennit.composites")
    from zennit.attribution import Gradient

    images, classes = torch.rand(5, 3, 14, 14), torch.tensor([0, 3, 1, 2, 1])
    peers = {
        guided_backprop: composites.GuidedBackprop,
        deconvnet: composites.DeconvNet,
        excitation_backprop: lambda: composites.ExcitationBackprop(zero_params="bias"),
    }
    for method, composite in peers.items():
        with Gradient(modules_alone, composite()) as attributor:
            expected = attributor(images, F.one_hot(classes, 4).float())[1].detach()
        assert expected.abs().sum() > 0
        found = method(modules_alone, images, classes)
        summed = expected.sum(1) if method is excitation_backprop else expected
        torch.testing.assert_close(found, summed, rtol=1e-4, atol=1e-6)


def test_a_transformer() -> None:
    network = pytest.importorskip("timm").create_model(
        "vit_tiny_patch16_224", img_size=32, num_classes=4, depth=2, embed_dim=24, num_heads=3
    )
    images = torch.randn(2, 3, 32, 32)
    pixels = images.clone().requires_grad_()
    (slope,) = torch.autograd.grad(network.eval()(pixels)[:, 1].sum(), pixels)
    torch.testing.assert_close(saliency(network, images, 1), slope.abs().amax(1))
    for method in (guided_backprop, deconvnet):
        with pytest.warns(UserWarning, match="no rectifier was recognised"):
            torch.testing.assert_close(method(network, images, 1), slope)
    with pytest.raises(SubjectError, match=r"has no rule in excitation backprop; ask for a map at a layer behind it"):
        excitation_backprop(network, images, 1)
    with pytest.raises(SubjectError, match=r"scaled_dot_product_attention.* in blocks\.1\.attn has no rule"):
        excitation_backprop(network, images, source="blocks.1.attn.proj", units=[1], layer="blocks.1.attn.q_norm")
