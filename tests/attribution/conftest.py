"""A slow replica of the backward rules, and small networks in every way of writing, each with its steps for it.

The replica shares no code with `whynet.attribution`: a network is a list of steps, one image goes through it one step
at a time, each step's Jacobian is written out whole, and signals go back entry by entry as the papers' equations say.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class Step:
    """One operation.

    Args:
        name: What later steps call its output.
        kind: "linear" (affine in its one input), "single" (affine, each output from one entry), "rectifier", "copy"
            (each output is one entry: max pooling, concatenation, padding) or "add".
        inputs: Names of what it takes; "image" is the input.
        function: Of tensors without a batch axis.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    function: Callable[..., Tensor]


def values(steps: list[Step], image: Tensor) -> dict[str, Tensor]:
    """The output of each step."""
    found = {"image": image}
    for step in steps:
        found[step.name] = step.function(*(found[name] for name in step.inputs))
    return found


def backward(
    steps: list[Step], image: Tensor, signal: Tensor, method: str, *, top: str | None = None
) -> dict[str, Tensor]:
    """The signal at each step's output and at the image.

    Args:
        steps: In the order of the forward.
        image: Without a batch axis.
        signal: At the output of the last step.
        method: "gradient", "deconvnet", "guided" or "excitation".
        top: For contrastive excitation the step whose weights are negated for the dual unit.
    """
    found = values(steps, image)
    signals = {name: torch.zeros_like(value) for name, value in found.items()}
    signals[steps[-1].name] = signal.clone()
    for step in reversed(steps):
        own, inputs = signals[step.name].flatten(), [found[name] for name in step.inputs]
        for place, name in enumerate(step.inputs):
            shares = _shares(step, inputs, place, method, contrastive=step.name == top)
            given = own.clamp(min=0) if method in ("deconvnet", "guided") and step.kind == "rectifier" else own
            signals[name] = signals[name] + (shares.T @ given).view_as(inputs[place])
    return signals


def _shares(step: Step, inputs: list[Tensor], place: int, method: str, *, contrastive: bool) -> Tensor:
    """(outputs, entries of this input): how much of each output's signal each entry gets."""
    jacobian = torch.autograd.functional.jacobian(step.function, tuple(inputs), vectorize=True)[place]
    outputs = step.function(*inputs).numel()
    slopes = jacobian.reshape(outputs, -1)
    if step.kind == "rectifier":
        if method in ("deconvnet", "excitation"):
            return torch.eye(outputs, dtype=slopes.dtype)
        return slopes
    if method != "excitation" or step.kind == "copy":
        return slopes
    if step.kind == "single":
        return torch.eye(outputs, dtype=slopes.dtype)
    if step.kind == "linear":
        shares = _proportions(slopes, inputs[0])
        return shares - _proportions(-slopes, inputs[0]) if contrastive else shares
    assert step.kind == "add"
    shares = torch.zeros_like(slopes)
    for entry in range(outputs):
        parts = [max(float(term.detach().flatten()[entry]), 0.0) for term in inputs]
        if sum(parts) > 0:
            shares[entry, entry] = parts[place] / sum(parts)
    return shares


def _proportions(slopes: Tensor, entries: Tensor) -> Tensor:
    """Each output's positive contributions (a_j w_ji)+ over their sum."""
    contributions = (slopes * entries.flatten()).clamp(min=0)
    totals = contributions.sum(1, keepdim=True)
    return torch.where(totals > 0, contributions / totals, 0)


@dataclass
class Case:
    """A network and its steps; `layers` are names of modules whose output is that of the step beside it."""

    network: nn.Module
    steps: list[Step]
    layers: dict[str, str] = field(default_factory=dict)
    top: str = ""
    shape: tuple[int, ...] = (3, 6, 6)


def _on_batch(module: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: module(x[None])[0]


def _rectified(x: Tensor) -> Tensor:
    return x.clamp(min=0)


RELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "x.relu()": lambda x: x.relu(),
    "x.relu_() used": lambda x: x.relu_(),
    "x.relu_() discarded": lambda x: (x.relu_(), x)[1],
    "clamp": lambda x: x.clamp(min=0),
    "clamp_": lambda x: x.clamp_(0),
    "clip": lambda x: torch.clip(x, min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "maximum, other way round": lambda x: torch.maximum(torch.zeros_like(x), x),
    "max": lambda x: torch.max(x, torch.zeros_like(x)),
    "threshold": lambda x: F.threshold(x, 0, 0),
}


class TwoConvs(nn.Module):
    """conv, relu, pool, conv, relu, linear; the rectifier is given."""

    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3)
        self.pool, self.last = nn.MaxPool2d(2), nn.Linear(5, 4)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        x = self.relu(self.second(self.pool(x)))
        return self.last(x.flatten(1))


def two_convs(relu: Callable[[Tensor], Tensor]) -> Case:
    net = TwoConvs(relu)
    steps = [
        Step("first", "linear", ("image",), _on_batch(net.first)),
        Step("relu1", "rectifier", ("first",), _rectified),
        Step("pool", "copy", ("relu1",), _on_batch(net.pool)),
        Step("second", "linear", ("pool",), _on_batch(net.second)),
        Step("relu2", "rectifier", ("second",), _rectified),
        Step("flat", "copy", ("relu2",), torch.flatten),
        Step("last", "linear", ("flat",), net.last),
    ]
    layers = {"first": "first", "pool": "pool", "second": "second", "last": "last"}
    return Case(net, steps, layers, top="last")


class Block(nn.Module):
    """A residual block with batch norm; how the sum is written is given."""

    def __init__(self, add: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.stem, self.bn0 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.one, self.bn1 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.two, self.bn2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.relu, self.pool, self.last = nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 3)
        self.add = add

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn0(self.stem(x)))
        y = self.relu(self.bn1(self.one(x)))
        y = self.add(self.bn2(self.two(y)), x)
        return self.last(self.pool(self.relu(y)).flatten(1))


def block(add: Callable[[Tensor, Tensor], Tensor]) -> Case:
    net = Block(add)
    _unsettle(net)
    steps = [
        Step("bn0", "linear", ("image",), _on_batch(lambda x: net.bn0(net.stem(x)))),
        Step("relu0", "rectifier", ("bn0",), _rectified),
        Step("bn1", "linear", ("relu0",), _on_batch(lambda x: net.bn1(net.one(x)))),
        Step("relu1", "rectifier", ("bn1",), _rectified),
        Step("bn2", "linear", ("relu1",), _on_batch(lambda x: net.bn2(net.two(x)))),
        Step("sum", "add", ("bn2", "relu0"), torch.add),
        Step("relu2", "rectifier", ("sum",), _rectified),
        Step("pool", "linear", ("relu2",), _on_batch(net.pool)),
        Step("flat", "copy", ("pool",), torch.flatten),
        Step("last", "linear", ("flat",), net.last),
    ]
    return Case(net, steps, {"bn0": "bn0", "bn1": "bn1", "bn2": "bn2", "pool": "pool"}, top="last")


def _added_in_place(a: Tensor, b: Tensor) -> Tensor:
    a += b
    return a


def _unsettle(net: nn.Module) -> None:
    """Batch norms as after training, some of them with a negative factor."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(-0.4, 1.2)
            module.bias.data.normal_(0.2, 0.2)


class Dense(nn.Module):
    """A dense block: batch norms before convolutions, concatenation, average pooling of signed activations."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.norm, self.conv = nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3, padding=1, bias=False)
        self.norm2, self.last = nn.BatchNorm2d(5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat([x, self.conv(F.relu(self.norm(x), inplace=True))], 1)
        return self.last(F.relu(self.norm2(F.avg_pool2d(x, 2))).mean((2, 3)))


def dense() -> Case:
    net = Dense()
    _unsettle(net)
    steps = [
        Step("stem", "linear", ("image",), _on_batch(net.stem)),
        Step("norm", "linear", ("image",), _on_batch(lambda x: net.norm(net.stem(x)))),  # folded
        Step("relu", "rectifier", ("norm",), _rectified),
        Step("conv", "linear", ("relu",), _on_batch(net.conv)),
        Step("cat", "copy", ("stem", "conv"), lambda a, b: torch.cat([a, b])),
        Step("pool", "linear", ("cat",), _on_batch(lambda x: F.avg_pool2d(x, 2))),
        Step("norm2", "single", ("pool",), _on_batch(net.norm2)),
        Step("relu2", "rectifier", ("norm2",), _rectified),
        Step("mean", "linear", ("relu2",), lambda x: x.mean((1, 2))),
        Step("last", "linear", ("mean",), net.last),
    ]
    return Case(net, steps, {"conv": "conv"}, top="last")


class Mobile(nn.Module):
    """Depthwise and grouped convolutions, ReLU6, a convolution that is called twice, a transposed one, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU6())
        self.depthwise = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU6()
        )
        self.shared = nn.Conv2d(4, 4, 1)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2, bias=False), nn.BatchNorm2d(6), nn.ReLU6()
        )
        self.drop, self.last = nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(self.stem(x))
        x = F.relu6(self.shared(F.relu6(self.shared(x))))
        x = self.up(x) * 2 / 3
        x = F.interpolate(x, scale_factor=0.5, mode="bilinear")
        return self.last(self.drop(x.mean((2, 3)) + 1))


def mobile() -> Case:
    net = Mobile()
    _unsettle(net)
    six = lambda x: x.clamp(0, 6)  # noqa: E731
    steps = [
        Step("stem", "linear", ("image",), _on_batch(net.stem[0])),
        Step("relu0", "rectifier", ("stem",), six),
        Step("depthwise", "linear", ("relu0",), _on_batch(lambda x: net.depthwise[1](net.depthwise[0](x)))),
        Step("relu1", "rectifier", ("depthwise",), six),
        Step("once", "linear", ("relu1",), _on_batch(net.shared)),
        Step("relu2", "rectifier", ("once",), six),
        Step("twice", "linear", ("relu2",), _on_batch(net.shared)),
        Step("relu3", "rectifier", ("twice",), six),
        Step("up", "linear", ("relu3",), _on_batch(lambda x: net.up[1](net.up[0](x)))),
        Step("relu4", "rectifier", ("up",), six),
        Step("scaled", "single", ("relu4",), lambda x: x * 2 / 3),
        Step("half", "linear", ("scaled",), _on_batch(lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear"))),
        Step("mean", "linear", ("half",), lambda x: x.mean((1, 2))),
        Step("plus", "single", ("mean",), lambda x: x + 1),
        Step("last", "linear", ("plus",), net.last),
    ]
    return Case(net, steps, {"stem": "relu0", "depthwise": "relu1", "up": "relu4"}, top="last")


def mean_on_top() -> Case:
    """No linear layer: the logits are means of a convolution's maps, as in SqueezeNet."""
    net = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 3, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    steps = [
        Step("first", "linear", ("image",), _on_batch(net[0])),
        Step("relu1", "rectifier", ("first",), _rectified),
        Step("second", "linear", ("relu1",), _on_batch(net[2])),
        Step("relu2", "rectifier", ("second",), _rectified),
        Step("mean", "linear", ("relu2",), lambda x: x.mean((1, 2))),
    ]
    return Case(net, steps, {"0": "first", "1": "relu1"}, top="second")


CASES: dict[str, Callable[[], Case]] = {
    **{name: lambda relu=relu: two_convs(relu) for name, relu in RELUS.items()},
    "one module reused": lambda: two_convs(nn.ReLU()),
    "one module in place": lambda: two_convs(nn.ReLU(inplace=True)),
    "residual +": lambda: block(lambda a, b: a + b),
    "residual +, other way round": lambda: block(lambda a, b: b + a),
    "residual +=": lambda: block(_added_in_place),
    "residual torch.add": lambda: block(torch.add),
    "mean on top": mean_on_top,
    "dense": dense,
    "mobile": mobile,
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(list(CASES).index(request.param))
    made = CASES[request.param]()
    made.network.eval()
    return made


@pytest.fixture
def replica() -> Callable[..., dict[str, Tensor]]:
    return backward
