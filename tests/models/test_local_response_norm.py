import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from whynet.models.local_response_norm import LocalResponseNorm


@pytest.mark.parametrize("size", [1, 4, 5])
@pytest.mark.parametrize("beta", [0.5, 0.75])
def test_values_and_gradients_are_torchs(size, beta):
    options = {"alpha": 0.5, "beta": beta, "k": 2.0}
    draw = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 12, 5, 7, generator=draw).mul(5).requires_grad_()
    weights = torch.randn(3, 12, 5, 7, generator=draw)
    found, expected = LocalResponseNorm(size, **options)(maps), nn.LocalResponseNorm(size, **options)(maps)
    assert (expected / maps).std() > 0.01  # the sum matters at this scale
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(one, maps, weights)[0] for one in (found, expected)]
    torch.testing.assert_close(*slopes)


def test_who_watches_operations_sees_torchs_own():
    seen = []

    class Watching(TorchFunctionMode):
        def __torch_function__(self, func, _types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    with Watching():
        LocalResponseNorm(5)(torch.rand(1, 6, 2, 2))
    assert F.local_response_norm in seen
    assert F.conv2d not in seen
