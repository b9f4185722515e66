"""Scaling agrees with scipy's and with itself from any side, and says what cannot be scaled."""

import pytest
import torch
from scipy.ndimage import zoom

from whynet.attribution import upsample
from whynet.base.errors import SettingError


@pytest.mark.parametrize(("rows", "columns", "factor"), [(4, 4, 8), (3, 5, 2), (1, 7, 16), (2, 2, 1)])
def test_agrees_with_scipy(rows, columns, factor):
    maps = torch.randn(2, rows, columns, generator=torch.Generator().manual_seed(0))
    found = upsample(maps, (rows * factor, columns * factor))
    for own, map_ in zip(found, maps, strict=True):
        theirs = zoom(map_.numpy(), factor, order=1, mode="nearest", grid_mode=True)
        torch.testing.assert_close(own, torch.from_numpy(theirs), atol=1e-5, rtol=1e-5)


def test_units_are_scaled_each_by_itself():
    maps = torch.rand(2, 3, 4, 6)
    found = upsample(maps, (9, 14))
    assert found.shape == (2, 3, 9, 14)
    torch.testing.assert_close(found[:, 1], upsample(maps[:, 1], (9, 14)))


def test_lies_in_the_middle_of_its_cell():
    maps = torch.zeros(1, 4, 4)
    maps[0, 1, 2] = 1
    found = upsample(maps, 40)[0]
    weights = found / found.sum()
    rows, columns = torch.arange(40) + 0.5, torch.arange(40) + 0.5
    assert float((weights.sum(1) * rows).sum()) == pytest.approx(15, abs=1e-3)
    assert float((weights.sum(0) * columns).sum()) == pytest.approx(25, abs=1e-3)


def test_stays_in_its_range_and_averages_where_it_shrinks():
    maps = torch.randn(1, 16, 16)
    for size in (5, 16, 50):
        found = upsample(maps, size)
        assert maps.min() <= found.min()
        assert found.max() <= maps.max()
    chess = (torch.arange(16)[:, None] + torch.arange(16)) % 2
    assert upsample(chess[None].float(), 4)[0, 1, 1] == pytest.approx(0.5, abs=0.05)


def test_says_what_cannot_be_scaled():
    with pytest.raises(SettingError, match=r"not shape \(2, 7\); a layer of tokens or vectors has no place"):
        upsample(torch.rand(2, 7), 4)
    with pytest.raises(SettingError, match="at least 1 x 1 pixel was expected, not 0 x 4"):
        upsample(torch.rand(1, 2, 2), (0, 4))
