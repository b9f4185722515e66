"""Compared with all permutations and numpy's correlations; what is the same but for its order is stable."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch

from whynet.base.errors import DataError
from whynet.metrics import matched_features, stability


def random_activations(seed, images=30, features=4):
    """Features that share a little with those of every other seed."""
    shared = torch.randn(images, features, generator=torch.Generator().manual_seed(100))
    return shared + 1.5 * torch.randn(images, features, generator=torch.Generator().manual_seed(seed))


def best_of_all(a, b):
    """The best permutation, by trying them all."""
    n = a.shape[1]
    r = np.corrcoef(a.double().numpy().T, b.double().numpy().T)[:n, n:]
    mean, order = max((sum(r[f, g] for f, g in enumerate(order)) / n, order) for order in permutations(range(n)))
    return mean, order, [r[f, g] for f, g in enumerate(order)]


@pytest.mark.parametrize("features", [1, 2, 5])
def test_equals_the_best_of_all_permutations(features):
    a, b = random_activations(0, features=features), random_activations(1, features=features)
    found = matched_features(a, b)
    mean, order, correlations = best_of_all(a, b)
    assert found.assignment == order
    assert found.correlations.tolist() == pytest.approx(correlations)
    assert found.mean == pytest.approx(mean)


def test_stability_is_the_mean_over_all_pairs():
    seeds = [random_activations(seed) for seed in range(4)]
    means = [best_of_all(seeds[i], seeds[j])[0] for i in range(4) for j in range(i + 1, 4)]
    assert len(means) == 6
    assert stability(seeds).stability == pytest.approx(sum(means) / 6)
    assert stability(seeds[::-1]) == pytest.approx(stability(seeds))


def test_the_floor_is_the_mean_over_all_pairs_that_are_not_matched():
    seeds = [random_activations(seed) for seed in range(3)]
    others = []
    for i in range(3):
        for j in range(i + 1, 3):
            _, order, _ = best_of_all(seeds[i], seeds[j])
            r = np.corrcoef(seeds[i].double().numpy().T, seeds[j].double().numpy().T)[:4, 4:]
            others += [r[f, g] for f in range(4) for g in range(4) if order[f] != g]
    assert len(others) == 3 * 12
    assert stability(seeds).floor == pytest.approx(sum(others) / len(others))
    assert math.isnan(matched_features(seeds[0][:, :1], seeds[1][:, :1]).unmatched)


def test_the_same_features_in_another_order_and_on_another_scale_are_stable():
    a = random_activations(2)
    order = [2, 0, 3, 1]
    b = a[:, order] * torch.tensor([0.1, 5.0, 2.0, 300.0]) + 7
    found = matched_features(a, b)
    assert [order[g] for g in found.assignment] == [0, 1, 2, 3]
    assert found.mean == pytest.approx(1)
    assert stability([a, b, a]).stability == pytest.approx(1)
    assert matched_features(a[:, :1], -a[:, :1]).mean == pytest.approx(-1)


def test_a_feature_without_variance_goes_with_none():
    a, b = random_activations(3), random_activations(3)
    a[:, 1] = 0.1  # no sum of it is exact
    b[:, [0, 2]] = 0
    found = matched_features(a, b)
    assert found.assignment[3] == 3
    assert sorted(found.assignment) == [0, 1, 2, 3]
    assert found.correlations[3] == pytest.approx(1)
    assert found.correlations[1] == 0
    assert stability([torch.ones(5, 2), torch.rand(5, 2)]) == (0, 0)


def test_what_cannot_be_matched_is_refused():
    a = random_activations(4)
    for seeds in ([], [a]):
        with pytest.raises(DataError, match=f"at least 2 seeds, but there are {len(seeds)}"):
            stability(seeds)
    for shape in ((30, 3), (29, 4)):
        with pytest.raises(DataError, match=rf"of the same shape .* but \(30, 4\), \({shape[0]}, {shape[1]}\) came"):
            stability([a, a[: shape[0], : shape[1]]])
    with pytest.raises(DataError, match="at least 2 images and 1 feature"):
        matched_features(a[:1], a[:1])
    with pytest.raises(DataError, match="at least 2 images and 1 feature"):
        matched_features(a[:, :0], a[:, :0])
    with pytest.raises(DataError, match="finite activations were expected"):
        matched_features(a, a * math.nan)
