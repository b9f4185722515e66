"""Shares do not depend on how the work is cut into pieces, nor on how many signals are shared."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from whynet.attribution import shares
from whynet.attribution.shares import MatrixSum, OperationSum


def proportions(a: Tensor, weight: Tensor, probability: Tensor) -> Tensor:
    """Equation 5, term by term."""
    found = torch.zeros_like(a)
    for image in range(len(a)):
        for i in range(len(weight)):
            contributions = (a[image] * weight[i]).clamp(min=0)
            if contributions.sum() > 0:
                found[image] += probability[image, i] * contributions / contributions.sum()
    return found


@pytest.mark.parametrize("lowest", [0.0, -1.0])
def test_a_matrix_in_blocks(lowest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    a, weight, p = torch.rand(3, 7).sub_(0.2).clamp_(min=lowest), torch.randn(11, 7), torch.rand(3, 11)
    weight[4] = -weight[4].abs() * a[0].sign()  # nothing contributes
    p[:, 6] = 0
    expected = proportions(a, weight, p)
    for block in (1, 20, 1000):
        monkeypatch.setattr(shares, "_BLOCK", block)
        torch.testing.assert_close(MatrixSum(a, weight).share(p), expected)
    torch.testing.assert_close(MatrixSum(a, weight).dual().share(p), proportions(a, -weight, p))
    turned = MatrixSum(a, weight).turned(torch.tensor([1.0, -1.0] * 5 + [1.0]))
    assert turned is not None
    torch.testing.assert_close(turned.totals()[:, 1], (-a * weight[1]).clamp(min=0).sum(1))


@pytest.mark.parametrize("lowest", [0.0, -1.0])
@pytest.mark.parametrize("channels", [False, True])
def test_a_convolution_in_pieces_and_for_many_signals(
    lowest: float, channels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    a, weight = torch.rand(5, 2, 4, 4).sub_(0.3).clamp_(min=lowest), torch.randn(3, 2, 3, 3)
    signals = [torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)]
    matrix = F.conv2d(torch.eye(32).view(32, 2, 4, 4), weight, padding=1).flatten(1).T  # (outputs, inputs)
    expected = [proportions(a.flatten(1), matrix, p.flatten(1)).view_as(a) for p in signals]

    def convolution(memory: shares.Memory | None) -> OperationSum:
        return OperationSum(
            a, weight, lambda a, w: F.conv2d(a, w, padding=1), is_batched=True, channels=channels, memory=memory
        )

    for size, budget in ((1, 10**6), (2 * 48 * 4, 10**6), (10**6, 10**6), (1, 0), (10**6, 0)):
        monkeypatch.setattr(shares, "_CHUNK", size)
        memory = shares.Memory(budget)
        many = convolution(memory)
        for p, answer in zip(signals, expected, strict=True):
            kept = p.clone()
            torch.testing.assert_close(convolution(None).share(p), answer, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(many.share(p), answer, rtol=1e-4, atol=1e-6)
            assert torch.equal(p, kept)
        assert memory.room == max(0, budget - 4 * 5 * 48)  # once for both signals
