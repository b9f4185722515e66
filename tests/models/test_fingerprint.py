import functools
import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.models.fingerprint import introspection_fingerprint
from whynet.models.introspection import Introspection
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject

CLASSES = ["tern", "wren", "crow"]


class Net(nn.Module):
    """Every kind of thing that a forward pass may depend on."""

    power = 1.0

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4)
        self.output = nn.Linear(4, 3)
        self.register_buffer("unsaved", torch.ones(3), persistent=False)
        self.tensor = torch.ones(3)
        self.array = np.ones(3)
        self.settings = {"scales": [1.0, 2.0], "names": {"b", "a"}}
        self.act = F.relu
        self.late = functools.partial(torch.clamp, min=0.0)
        self.hidden = [nn.Linear(3, 3)]  # no submodule: neither in the state dict nor in repr
        self.myself = self.settings["network"] = [self]

    def forward(self, images):
        x = self.act(self.norm(self.first(images))).mean((2, 3))
        return self.late(self.output(x) * self.settings["scales"][0] * self.unsaved * self.tensor) ** self.power


def fingerprint(
    network=None, *, layers=("first", "norm"), probabilities=True, names=CLASSES, preprocess=None, name="a"
):
    preprocess = Preprocessing(height=8, width=8) if preprocess is None else preprocess
    subject = Subject(network or Net(), class_names=names, preprocess=preprocess, name=name)
    return introspection_fingerprint(Introspection(subject, layers, probabilities=probabilities))


@pytest.fixture(scope="module")
def unchanged():
    return fingerprint()


def grow_weight(network):
    with torch.no_grad():
        network.first.weight[0, 0, 0, 0] += 1e-6


def replace_forward(network):
    network.forward = types.MethodType(lambda self, images: images.mean((2, 3)), network)


def double(_module, _inputs, output):
    return 2 * output


CHANGES = {
    "weight": grow_weight,
    "bias": lambda network: network.first.bias.data.neg_(),
    "running mean": lambda network: network.norm.running_mean.add_(1e-6),
    "unsaved buffer": lambda network: network.unsaved.add_(1e-6),
    "tensor": lambda network: network.tensor.add_(1e-6),
    "array": lambda network: np.add(network.array, 1, out=network.array),
    "hidden module": lambda network: network.hidden[0].weight.data.mul_(2),
    "hidden bias": lambda network: network.hidden[0].bias.data.mul_(2),
    "stride": lambda network: setattr(network.first, "stride", (1, 1)),
    "epsilon": lambda network: setattr(network.norm, "eps", 1e-4),
    "number": lambda network: setattr(network, "power", 2.0),
    "nested number": lambda network: network.settings["scales"].reverse(),
    "set": lambda network: network.settings["names"].add("c"),
    "function": lambda network: setattr(network, "act", F.gelu),
    "lambda": lambda network: setattr(network, "act", lambda x: x),
    "partial": lambda network: setattr(network, "late", functools.partial(torch.clamp, min=0.1)),
    "hook": lambda network: network.norm.register_forward_hook(double),
    "hook before": lambda network: network.norm.register_forward_pre_hook(lambda _module, inputs: inputs),
    "forward": replace_forward,
    "module": lambda network: setattr(network, "norm", nn.InstanceNorm2d(4)),
    "precision": lambda network: network.double(),
    "cycle": lambda network: setattr(network, "myself", network.settings),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_the_forward_pass_depends_on_is_seen(change, unchanged):
    network = Net()
    change(network)
    assert fingerprint(network) != unchanged


@pytest.mark.parametrize(
    "change",
    [
        {"layers": ("norm", "first")},
        {"layers": ("first",)},
        {"probabilities": False},
        {"names": ["tern", "wren", "rook"]},
        {"names": ["wren", "tern", "crow"]},
        {"preprocess": Preprocessing(height=8, width=9)},
        {"preprocess": Preprocessing(height=8, width=8, fit="crop")},
        {"preprocess": Preprocessing(height=8, width=8, mean=(0.0, 0.0, 0.0))},
    ],
)
def test_what_is_read_and_shown_is_seen(change, unchanged):
    assert fingerprint(**change) != unchanged


def test_what_changes_no_reading_is_not_seen(unchanged):
    network = Net()
    assert fingerprint(network, name="another") == unchanged
    network.train()
    network.requires_grad_(False)
    with torch.no_grad():
        network.eval()(torch.randn(2, 3, 8, 8))
    assert fingerprint(network) == unchanged


def test_a_class_in_the_console_is_told_by_its_byte_code():
    def compiled(code):
        place = {"__name__": "console", "nn": nn}
        exec(f"class Typed(nn.Module):\n def forward(self, images):\n  return {code}", place)
        return place["Typed"]()

    prints = [
        fingerprint(compiled(code), layers=()) for code in ("images.mean((2, 3))", "images.mean((2, 3))", "images * 2")
    ]
    assert prints[0] == prints[1] != prints[2]


def made(factor):
    class Made(nn.Module):
        def forward(self, images):
            return factor * images.mean((2, 3))

    return Made()


def test_a_value_that_a_method_took_along_is_seen():
    assert fingerprint(made(2), layers=()) == fingerprint(made(2), layers=())
    assert fingerprint(made(2), layers=()) != fingerprint(made(3), layers=())


class Doubled(Preprocessing):
    def normalise(self, pictures):
        return 2 * super().normalise(pictures)


def test_a_preprocessing_of_ones_own_is_told_by_its_code(unchanged):
    assert fingerprint(preprocess=Doubled(height=8, width=8)) not in (unchanged, None)


NETWORK = """
import shapes_of_mine
from shapes_of_mine import act
from torch import nn

SCALE = 1.0


def last(x):
    return x * SCALE


class Net(nn.Module):
    def forward(self, images):
        return last(shapes_of_mine.pool(act(images)))
"""
SHAPES = """
def act(x):
    return x.relu()


def pool(x):
    return x.mean((2, 3))
"""


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("network", "SCALE = 1.0", "SCALE = 1.5"),
        ("network", "x * SCALE", "x / SCALE"),
        ("network", "pool(act(images))", "pool(images)"),
        ("shapes", "relu", "tanh"),
        ("shapes", "mean", "amax"),
    ],
)
def test_edited_code_is_seen(tmp_path, monkeypatch, file, old, new):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    texts = {"network": NETWORK, "shapes": SHAPES}

    def load():
        for name, module in (("shapes", "shapes_of_mine"), ("network", "network_of_mine")):
            path = tmp_path / f"{module}.py"
            path.write_text(texts[name])
            spec = importlib.util.spec_from_file_location(module, path)
            monkeypatch.setitem(sys.modules, module, importlib.util.module_from_spec(spec))
            spec.loader.exec_module(sys.modules[module])
        return sys.modules["network_of_mine"].Net()

    network = load()
    before = fingerprint(network, layers=())
    assert fingerprint(load(), layers=()) == before
    texts[file] = texts[file].replace(old, new)
    assert fingerprint(load(), layers=()) != before


def test_a_scale_set_while_it_runs_is_seen(monkeypatch):
    before = fingerprint(Scaled(), layers=())
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    assert fingerprint(Scaled(), layers=()) != before


SCALE = 2.0


class Scaled(nn.Module):
    def forward(self, images):
        return SCALE * images.mean((2, 3))


def test_nothing_is_promised_where_something_cannot_be_seen():
    assert fingerprint(preprocess=lambda pictures: pictures) is None
    sparse = Net()
    sparse.register_buffer("sparse", torch.eye(3).to_sparse())
    assert fingerprint(sparse) is None
    assert fingerprint(Net().to("meta")) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_not_seen_and_a_traced_graph_is():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.output = nn.Linear(3, 3)

        def forward(self, images):
            return self.output(images.mean((2, 3)))

    torch.manual_seed(0)
    network = Plain()
    assert fingerprint(torch.jit.trace(network, torch.zeros(1, 3, 2, 2)), layers=()) is None
    before, after = torch.fx.symbolic_trace(network), torch.fx.symbolic_trace(network)
    assert fingerprint(before, layers=()) == fingerprint(after, layers=()) is not None
    node = next(node for node in after.graph.nodes if node.op == "call_method")
    node.target = "amax"
    after.recompile()
    assert fingerprint(before, layers=()) != fingerprint(after, layers=())
