"""A probability of 1 stays 1 on its way, and where it does not, the operation is named."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.attribution import excitation_backprop
from whynet.attribution.excitation_rules import RULES
from whynet.base.errors import SubjectError


@pytest.fixture
def resnet18() -> nn.Module:
    torch.manual_seed(0)
    network = pytest.importorskip("torchvision").models.resnet18(num_classes=5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.weight.data.uniform_(-0.2, 1)
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 32, 32))
    return network.eval()


def test_it_stays_one_at_every_layer_that_all_of_it_passes(resnet18: nn.Module) -> None:
    images = torch.randn(2, 3, 32, 32)
    cuts = ["conv1", "bn1", "maxpool", *(f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1))]
    for layer in [None, *cuts, "avgpool"]:
        found = excitation_backprop(resnet18, images, 2, layer=layer, check=True)
        assert (found >= 0).all()
        torch.testing.assert_close(found.flatten(1).sum(1), torch.ones(2), rtol=0, atol=1e-4)
    within = excitation_backprop(resnet18, images, 2, layer="layer3.0.bn1", check=True)  # a part goes by the shortcut
    assert (within.flatten(1).sum(1) < 1).all()
    found = excitation_backprop(resnet18, images, units=[0, 3], layer="layer2", contrastive=True, check=True)
    assert (found >= 0).all()
    assert (found.flatten(2).sum(2) <= 1).all()
    assert found.sum() > 0


def test_a_leak_is_an_error_that_names_the_operation(resnet18: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, F.batch_norm, lambda _mode, func, args, kwargs: func(*args, **kwargs))
    with pytest.raises(
        SubjectError, match=r"batch_norm in layer4\.1\.bn2 passed .* of a probability of .* to its inputs"
    ):
        excitation_backprop(resnet18, torch.randn(2, 3, 32, 32), 2, check=True)


class Signed(nn.Module):
    """A residual sum of signed terms, whose sign the next layer turns."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.last = nn.Conv2d(3, 1, 1, bias=False), nn.Conv2d(3, 1, 1, bias=False), nn.Linear(1, 1)
        for module, value in ((self.one, -1.0), (self.two, -1.0), (self.last, -1.0)):
            module.weight.data.fill_(value)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last((self.one(x) + self.two(x)).mean((2, 3)))


def test_where_nothing_contributed_is_reported(resnet18: nn.Module) -> None:
    with pytest.warns(UserWarning, match=r"100.0% of the probability stopped .* 100.0% in Tensor.mean in the network"):
        excitation_backprop(Signed(), torch.rand(2, 3, 4, 4), 0, check=True)
    nn.init.constant_(resnet18.fc.weight, -1)
    nn.init.constant_(resnet18.fc.weight[0], 1)
    with pytest.warns(UserWarning, match=r"50.0% of the probability stopped .* 50.0% in linear in fc"):
        excitation_backprop(resnet18, torch.randn(2, 3, 32, 32), units=[0, 1], layer="layer4", check=True)


def test_half_precision_is_no_leak_and_a_tensor_that_is_handed_on_counts_once(resnet18: nn.Module) -> None:
    images = torch.randn(2, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        found = excitation_backprop(resnet18, images, 2, check=True)
    torch.testing.assert_close(found.sum((1, 2)), torch.ones(2), rtol=0, atol=0.02)
    nn.init.constant_(resnet18.fc.weight, -1)
    resnet18.fc.register_forward_hook(lambda _module, _inputs, output: output.contiguous().float())
    with pytest.warns(UserWarning, match=r"100.0% of the probability stopped .*: 100.0% in linear in fc$"):
        excitation_backprop(resnet18, images, 2, check=True)
