"""Compared with loops over pixels and with OpenCV itself; what is kept stays as it was."""

import inspect
import math

import cv2
import numpy as np
import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics import Completeness, kept_by_area, kept_by_threshold, masked_and_inpainted


def random_maps(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).double().pow(3)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (4, 16, 20, 3)).astype(np.uint8)


@pytest.mark.parametrize("gamma", [0.01, 0.3, 1.0])
def test_a_pixel_stays_if_any_map_reaches_gamma_of_its_maximum(gamma):
    maps = random_maps(0, 3, 2, 5, 6)
    maps[1, 0] = 0  # keeps nothing
    maps[2] = 0
    found = kept_by_threshold(maps, gamma).tolist()
    for m, image in enumerate(maps.tolist()):
        highest = [max(map(max, own)) for own in image]
        for i in range(5):
            for j in range(6):
                reached = [top > 0 and own[i][j] >= gamma * top for own, top in zip(image, highest, strict=True)]
                assert found[m][i][j] == any(reached)
    assert not np.any(found[2])


def test_more_maps_and_a_lower_gamma_keep_more_and_scales_do_not_matter():
    maps = random_maps(1, 4, 3, 8, 8)
    kept = kept_by_threshold(maps, 0.3)
    assert (kept_by_threshold(maps[:, :1], 0.3) <= kept).all()
    assert (kept <= kept_by_threshold(maps, 0.1)).all()
    assert torch.equal(kept_by_threshold(maps * torch.tensor([4.0, 0.5, 16.0])[:, None, None], 0.3), kept)
    assert torch.equal(kept_by_threshold(maps[:, :1], 1.0), maps[:, 0] == maps[:, 0].amax((1, 2), keepdim=True))


def test_as_many_of_the_strongest_pixels_as_asked_for():
    maps = (random_maps(2, 5, 4, 6) * 5).round() - 1  # many are equal, some negative
    numbers = torch.tensor([0, 1, 7, 23, 24])
    found = kept_by_area(maps, numbers)
    for own, number, kept in zip(maps.flatten(1).tolist(), numbers.tolist(), found.flatten(1).tolist(), strict=True):
        best = sorted(range(24), key=lambda pixel: (-own[pixel], pixel))[:number]
        assert [pixel for pixel in range(24) if kept[pixel]] == sorted(best)
    assert found.sum((1, 2)).tolist() == numbers.tolist()


def test_the_same_area_as_a_threshold_is_the_same_mask():
    maps = random_maps(3, 3, 1, 7, 7)
    kept = kept_by_threshold(maps, 0.2)
    assert torch.equal(kept_by_area(maps[:, 0], kept.sum((1, 2))), kept)


@pytest.mark.parametrize(("method", "flag"), [("telea", cv2.INPAINT_TELEA), ("navier-stokes", cv2.INPAINT_NS)])
def test_filling_is_opencvs_on_a_picture_painted_black(pictures, method, flag):
    kept = random_maps(4, 4, 16, 20) > 0.2
    found = masked_and_inpainted(pictures, kept, method=method, radius_pixels=4.0)
    for picture, mask, filled in zip(pictures, kept.numpy(), found, strict=True):
        black = picture.copy()
        black[~mask] = 0
        np.testing.assert_array_equal(filled, cv2.inpaint(black, 255 * (~mask).astype(np.uint8), 4.0, flag))
        np.testing.assert_array_equal(filled[mask], picture[mask])
        assert (filled[~mask] != black[~mask]).any()


def test_nothing_of_what_was_cut_out_is_left(pictures):
    kept = random_maps(5, 4, 16, 20) > 0.2
    other = np.where(kept.numpy()[..., None], pictures, 255 - pictures)
    np.testing.assert_array_equal(masked_and_inpainted(other, kept), masked_and_inpainted(pictures, kept))


@pytest.mark.parametrize(("method", "drift"), [("navier-stokes", 0), ("telea", 5)])
def test_a_picture_of_one_colour_is_filled_with_it(method, drift):
    picture = np.full((1, 12, 12, 3), (200, 40, 90), np.uint8)
    kept = torch.zeros(1, 12, 12, dtype=torch.bool)
    kept[:, 3:9, 4:8] = True
    found = masked_and_inpainted(picture, kept, method=method)
    assert np.abs(found.astype(int) - picture).max() <= drift


def test_nothing_kept_is_black_and_all_kept_as_it_was(pictures):
    before = pictures.copy()
    kept = torch.zeros(4, 16, 20, dtype=torch.bool)
    kept[1] = kept[3] = True
    found = masked_and_inpainted(pictures, kept)
    assert not found[[0, 2]].any()
    np.testing.assert_array_equal(found[[1, 3]], pictures[[1, 3]])
    found[:] = 1
    np.testing.assert_array_equal(pictures, before)
    assert masked_and_inpainted(pictures[:0], kept[:0]).shape == (0, 16, 20, 3)


def test_accuracy_and_area_equal_a_count_and_devices_add_up():
    is_right = torch.tensor([True, False, True, True, False])
    kept = random_maps(6, 5, 4, 6) > 0.3
    whole, one, other = Completeness(), Completeness(), Completeness()
    whole.update(is_right, kept)
    one.update(is_right[:2], kept[:2])
    other.update(is_right[2:], kept[2:])
    for name, state in other.metric_state.items():
        assert one._reductions[name].__name__ == "dim_zero_sum"
        setattr(one, name, getattr(one, name) + state)
    area = sum(sum(map(sum, mask)) / 24 for mask in kept.tolist()) / 5
    for found in (whole.compute(), one.compute()):
        assert (found.accuracy, found.kept_area, found.n) == pytest.approx((0.6, area, 5))


def test_what_makes_no_mask_is_refused():
    maps = torch.ones(2, 1, 3, 3)
    for gamma in (0.0, 1.5, math.nan):
        with pytest.raises(SettingError, match=f"a gamma above 0 and at most 1 was expected, not {gamma}"):
            kept_by_threshold(maps, gamma)
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(DataError, match="finite maps of at least 0 were expected"):
            kept_by_threshold(maps * wrong, 0.1)
    with pytest.raises(DataError, match="maps without NaN or infinity were expected"):
        kept_by_area(maps[:, 0] * math.nan, torch.tensor([1, 1]))
    for number in (-1, 10):
        with pytest.raises(DataError, match=f"a number of pixels from 0 to 9 was expected, but {number} came"):
            kept_by_area(maps[:, 0], torch.tensor([1, number]))
    with pytest.raises(SettingError, match="a radius above 0 pixels was expected, not 0.0"):
        masked_and_inpainted(np.zeros((1, 3, 3, 3), np.uint8), torch.ones(1, 3, 3) > 0, radius_pixels=0.0)
    with pytest.raises(SettingError, match="a method of telea or navier-stokes was expected, not 'foo'"):
        unchecked = inspect.unwrap(masked_and_inpainted)  # the tests' own check of types comes first
        unchecked(np.zeros((1, 3, 3, 3), np.uint8), torch.ones(1, 3, 3) > 0, method="foo")
    with pytest.raises(DataError, match="an answer for each mask was expected, but 3 answers and 1 masks came"):
        inspect.unwrap(Completeness.update)(Completeness(), torch.tensor([True] * 3), torch.ones(1, 3, 3) > 0)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 picture, but there are"):
        Completeness().compute()
