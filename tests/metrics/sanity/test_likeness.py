"""Likeness of maps: compared with numpy's ranks, and with an SSIM in loops."""

import numpy as np
import pytest
import torch

from whynet.base.errors import DataError
from whynet.metrics.sanity.likeness import rank_correlation, relative_difference, structural_similarity


@pytest.fixture
def maps():
    draw = torch.Generator().manual_seed(0)
    return torch.rand(3, 9, 11, generator=draw), torch.rand(3, 9, 11, generator=draw)


def ranks(values):
    """Of each value the mean place among its equals."""
    return [np.mean([sum(u < v for u in values) + 1, sum(u <= v for u in values)]) for v in values]


def test_rank_correlation_is_that_of_the_ranks(maps):
    a, b = (own.mul(20).round() for own in maps)  # with ties
    found = rank_correlation(a, b)
    for k in range(3):
        expected = np.corrcoef(ranks(a[k].flatten().tolist()), ranks(b[k].flatten().tolist()))[0, 1]
        assert float(found[k]) == pytest.approx(expected, abs=1e-6)
    assert rank_correlation(a, a.exp()).tolist() == pytest.approx([1, 1, 1])
    assert rank_correlation(a, -a).tolist() == pytest.approx([-1, -1, -1])


def test_a_map_without_an_order_is_like_an_equal_one_alone(maps):
    flat = torch.zeros(3, 9, 11)
    assert rank_correlation(flat, maps[0]).isnan().all()
    assert rank_correlation(flat, flat).tolist() == [1, 1, 1]


def test_ssim_is_the_mean_over_windows(maps):
    a, b = (own / own.amax((1, 2), keepdim=True) for own in maps)
    found = structural_similarity(*maps)
    for k in range(3):
        one, other = (np.pad(own[k].double().numpy(), 3, mode="reflect") for own in (a, b))
        values = []
        for y in range(9):
            for x in range(11):
                p, q = one[y : y + 7, x : x + 7], other[y : y + 7, x : x + 7]
                cross = (p * q).mean() - p.mean() * q.mean()
                means = (2 * p.mean() * q.mean() + 1e-4) / (p.mean() ** 2 + q.mean() ** 2 + 1e-4)
                values.append(means * (2 * cross + 9e-4) / (p.var() + q.var() + 9e-4))
        assert float(found[k]) == pytest.approx(np.mean(values), abs=1e-5)
    assert structural_similarity(maps[0], 3 * maps[0]).tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("side", [1, 2, 4, 7])
def test_ssim_of_small_maps(side):
    heat = torch.rand(2, side, side, generator=torch.Generator().manual_seed(side))
    assert structural_similarity(heat, heat).tolist() == pytest.approx([1, 1])
    assert (structural_similarity(heat, heat.flip(0)) < 1.0001).all()


def test_relative_difference():
    a = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    b = torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    assert relative_difference(a, b).tolist() == [0.5, 1, 0]
    assert relative_difference(b, a).tolist() == [0.5, 1, 0]


def test_says_what_cannot_be_compared(maps):
    with pytest.raises(DataError, match="of one size"):
        rank_correlation(maps[0], maps[1][:, :2])
    with pytest.raises(DataError, match="NaN"):
        structural_similarity(maps[0], maps[1] / 0)
