"""Compared with the sums of the paper in loops and with scipy's entropy; what falls on one part has none."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from whynet.base.errors import DataError, SettingError
from whynet.metrics import Locality, mask_weights, point_weights

HEIGHT, WIDTH = 14, 21


def random_weights(seed, images, parts=4):
    draw = np.random.default_rng(seed)
    weights = []
    for _ in range(images):
        landmarks = np.stack([draw.uniform(2, 19, parts), draw.uniform(2, 12, parts), np.ones(parts)], 1)
        landmarks[draw.integers(parts), 2] = 0
        weights.append(point_weights(landmarks, (2.0, 1.0, 19.0, 13.0), HEIGHT, WIDTH))
    return torch.stack(weights)


def random_maps(seed, images, features, blank=()):
    maps = torch.rand(images, features, 4, 5, generator=torch.Generator().manual_seed(seed)).pow(4)
    for image, feature in blank:
        maps[image, feature] = 0
    return maps


def slow_histograms(maps, weights):
    """S^n in loops over pixels, and how many maps were left out."""
    histograms, empty = [], []
    for n in range(maps.shape[1]):
        sums, seen = [0.0] * weights.shape[1], 0
        for m in range(len(maps)):
            enlarged = F.interpolate(
                maps[m, n][None, None].double(), weights.shape[2:], mode="bilinear", align_corners=False
            )[0, 0].tolist()
            total = sum(map(sum, enlarged))
            if total == 0:
                continue
            seen += 1
            for p, own in enumerate(weights[m].tolist()):
                for map_row, weight_row in zip(enlarged, own, strict=True):
                    sums[p] += sum(w * c / total for w, c in zip(weight_row, map_row, strict=True))
        whole = sum(value / seen for value in sums) if seen else 1
        histograms.append([value / max(seen, 1) / whole for value in sums])
        empty.append(len(maps) - seen)
    return histograms, empty


def test_equals_the_sums_of_the_paper_in_loops():
    maps, weights = random_maps(0, 5, 3, blank=[(1, 0), (3, 0), (4, 2)]), random_weights(0, 5)
    metric = Locality(3, 5)
    metric.update(maps[:2], weights[:2])
    metric.update(maps[2:], weights[2:])
    found = metric.compute()
    histograms, empty = slow_histograms(maps, weights)
    np.testing.assert_allclose(found.histograms.numpy(), histograms, atol=1e-6)
    entropies = [-sum(share * math.log(share) for share in own if share) for own in histograms]
    assert found.entropy.tolist() == pytest.approx(entropies, abs=1e-6)
    assert found.locality == pytest.approx(sum(entropies) / 3, abs=1e-6)
    assert found.empty.tolist() == empty == [2, 0, 1]


def test_entropy_is_that_of_scipy():
    metric = Locality(4, 5)
    metric.update(random_maps(1, 6, 4), random_weights(1, 6))
    found = metric.compute()
    torch.testing.assert_close(found.histograms.sum(1), torch.ones(4).double())
    assert found.entropy.tolist() == pytest.approx(stats.entropy(found.histograms.numpy(), axis=1).tolist())
    assert ((found.entropy > 0) & (found.entropy < math.log(5))).all()


def test_one_part_has_no_entropy_and_equal_parts_the_log_of_their_number():
    part_map = np.repeat(np.arange(5, dtype=np.uint8), 3)[None].repeat(4, 0)  # context and 4 parts, 12 pixels each
    weights = mask_weights(part_map, 4)[None]
    maps = torch.stack([weights[0, 1], weights[0, -1], weights[0, :2].sum(0), torch.ones(4, 15)])[None] * 7
    metric = Locality(4, 5)
    metric.update(maps, weights)
    found = metric.compute()
    assert found.entropy.tolist() == pytest.approx([0, 0, math.log(2), math.log(5)], abs=1e-6)
    torch.testing.assert_close(found.histograms[:2], torch.eye(5).double()[[1, 4]])


def test_neither_scale_nor_order_nor_batches_matter():
    maps, weights = random_maps(2, 6, 3), random_weights(2, 6)
    scales = torch.rand(6, 3, 1, 1, generator=torch.Generator().manual_seed(0)) + 0.1
    whole, scaled, other = Locality(3, 5), Locality(3, 5), Locality(3, 5)
    whole.update(maps, weights)
    scaled.update((scales * maps)[[4, 0]][:, [2, 0, 1]], weights[[4, 0]])
    other.update((scales * maps)[[1, 5, 3, 2]][:, [2, 0, 1]], weights[[1, 5, 3, 2]])
    for name, state in other.metric_state.items():  # as devices are added up
        assert scaled._reductions[name].__name__ == "dim_zero_sum"
        setattr(scaled, name, getattr(scaled, name) + state)
    torch.testing.assert_close(scaled.compute().histograms, whole.compute().histograms[[2, 0, 1]])
    assert scaled.compute().locality == pytest.approx(whole.compute().locality)


def test_a_feature_that_was_never_seen_has_no_entropy_and_does_not_count():
    maps, weights = random_maps(3, 2, 2, blank=[(0, 1), (1, 1)]), random_weights(3, 2)
    metric, alone = Locality(2, 5), Locality(1, 5)
    metric.update(maps, weights)
    alone.update(maps[:, :1], weights)
    found, expected = metric.compute(), alone.compute()
    assert found.histograms[1].tolist() == [0] * 5
    assert found.entropy.isnan().tolist() == [False, True]
    assert found.empty.tolist() == [0, 2]
    assert found.locality == pytest.approx(expected.locality)
    assert expected.locality == float(expected.entropy[0])
    assert expected.entropy.shape == (1,)
    blank = Locality(1, 5)
    blank.update(0 * maps[:, :1], weights)
    assert math.isnan(blank.compute().locality)


def test_a_map_where_nothing_weighs_has_no_entropy():
    metric = Locality(1, 2)
    metric.update(torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 4, 4))
    found = metric.compute()
    assert found.histograms.tolist() == [[0, 0]]
    assert found.entropy.isnan().all()
    assert found.empty.tolist() == [0]


def test_what_has_no_place_is_refused():
    metric = Locality(2, 3)
    maps, weights = torch.ones(1, 2, 2, 2), torch.ones(1, 3, 4, 4)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        metric.compute()
    with pytest.raises(DataError, match="2 features and weights of 3 regions were expected, but 1 and 3 came"):
        metric.update(maps[:, :1], weights)
    with pytest.raises(DataError, match="but 2 and 2 came"):
        metric.update(maps, weights[:, :2])
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(DataError, match="finite maps of at least 0 were expected"):
            metric.update(maps * wrong, weights)
        with pytest.raises(DataError, match="finite weights of at least 0 were expected"):
            metric.update(maps, weights * wrong)
    with pytest.raises(SettingError, match="not 0 features and 3 regions"):
        Locality(0, 3)
