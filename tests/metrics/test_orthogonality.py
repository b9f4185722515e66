"""Compared with the equations in loops and with numpy; 0 where nothing is correlated."""

import math

import numpy as np
import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics import Orthogonality


def random_maps(seed, images=4, features=4, rows=3, columns=5):
    """Features that have something in common, each map on a scale of its own."""
    draw = torch.Generator().manual_seed(seed)
    own, shared = (torch.rand(images, n, rows, columns, generator=draw) for n in (features, 1))
    return (own + shared) * (0.1 + 9 * torch.rand(images, features, 1, 1, generator=draw))


def stacked(maps):
    """One column a feature: its normalised maps on all images, end to end."""
    maps = maps.double().numpy()
    columns = []
    for n in range(maps.shape[1]):
        column = []
        for m in range(maps.shape[0]):
            total = sum(maps[m, n].ravel())
            column += [value / total if total else 0.0 for value in maps[m, n].ravel()]
        columns.append(column)
    return columns


def slow_correlation(columns):
    count, n = len(columns[0]), len(columns)
    means = [sum(column) / count for column in columns]
    covariance = [
        [sum((x - means[i]) * (y - means[j]) for x, y in zip(columns[i], columns[j], strict=True)) for j in range(n)]
        for i in range(n)
    ]
    return [[covariance[i][j] / math.sqrt(covariance[i][i] * covariance[j][j]) for j in range(n)] for i in range(n)]


def determinant(matrix):
    if not matrix:
        return 1.0
    minors = [[row[:j] + row[j + 1 :] for row in matrix[1:]] for j in range(len(matrix))]
    return sum((-1) ** j * matrix[0][j] * determinant(minor) for j, minor in enumerate(minors))


def figures(maps, **options):
    metric = Orthogonality(maps.shape[1], **options)
    metric.update(maps)
    return metric.compute()


@pytest.mark.parametrize("jitter", [0.0, 1e-6, 0.1])
def test_equals_the_equations_in_loops(jitter):
    maps = random_maps(0)
    maps[1, 2] = 0  # blank on one image
    found = figures(maps, jitter=jitter)
    p = slow_correlation(stacked(maps))
    np.testing.assert_allclose(found.correlation.numpy(), p, atol=1e-12)
    assert found.o1 == pytest.approx(math.sqrt(sum(value**2 for row in p for value in row)) - 2)
    jittered = [[(p[i][j] + jitter * (i == j)) / (1 + jitter) for j in range(4)] for i in range(4)]
    assert found.o2 == pytest.approx(-math.log(determinant(jittered)))
    assert found.live == 4


def test_equals_numpy_over_many_positions_even_of_maps_that_are_nearly_flat():
    maps = random_maps(1, images=100, features=6, rows=25, columns=40)  # 100,000 positions
    maps[:, 4:] = 1 + 1e-3 * maps[:, 4:]
    metric = Orthogonality(6)
    for batch in maps.split(7):
        metric.update(batch)
    found = metric.compute()
    normalised = maps.double() / maps.double().sum((2, 3), keepdim=True)
    expected = np.corrcoef(normalised.transpose(0, 1).flatten(1).numpy())
    np.testing.assert_allclose(found.correlation.numpy(), expected, atol=1e-8)
    assert found.o1 == pytest.approx(np.linalg.norm(expected) - math.sqrt(6), abs=1e-8)
    sign, logarithm = np.linalg.slogdet((expected + 1e-6 * np.eye(6)) / (1 + 1e-6))
    assert sign == 1
    assert found.o2 == pytest.approx(-logarithm, abs=1e-7)
    assert found.o2 == pytest.approx(-np.linalg.slogdet(expected)[1], rel=1e-4)  # the jitter is small


def test_uncorrelated_maps_have_the_optimum():
    # Rows of a Hadamard matrix, none of them constant, as maps of 1 and 3: no two are correlated.
    waves = torch.tensor([[1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    found = figures((2.0 + waves).reshape(1, 3, 2, 2))
    torch.testing.assert_close(found.correlation, torch.eye(3).double())
    assert (found.o1, found.o2) == pytest.approx((0, 0), abs=1e-9)


def test_equal_maps_have_the_worst_and_it_is_finite():
    maps = random_maps(2)[:, :1].expand(-1, 4, -1, -1)
    found = figures(maps, jitter=1e-4)
    assert found.o1 == pytest.approx(4 - 2)
    assert found.o2 == pytest.approx(-3 * math.log(1e-4 / 1.0001) - math.log(4.0001 / 1.0001), rel=1e-6)
    assert figures(maps).o2 > found.o2
    assert figures(maps, jitter=0.0).o2 > 60  # infinite, but for rounding


def test_neither_scale_nor_order_nor_batches_matter():
    maps = random_maps(3, images=6)
    expected = figures(maps)
    scales = torch.rand(6, 4, 1, 1, generator=torch.Generator().manual_seed(5)) + 0.1
    again = (maps * scales)[:, [3, 0, 2, 1]]
    metric, other = Orthogonality(4), Orthogonality(4)
    for image in (5, 0, 3):
        metric.update(again[[image]])
    other.update(again[[1, 2, 4]])
    for name, state in other.metric_state.items():  # as devices are added up
        assert metric._reductions[name].__name__ == "dim_zero_sum"
        setattr(metric, name, getattr(metric, name) + state)
    found = metric.compute()
    torch.testing.assert_close(found.correlation, expected.correlation[[3, 0, 2, 1]][:, [3, 0, 2, 1]])
    assert (found.o1, found.o2) == pytest.approx((expected.o1, expected.o2))


def test_dead_features_are_left_out_and_said():
    maps = random_maps(4, images=300, features=3)
    dead = torch.zeros(300, 5, 3, 5)
    dead[:, [0, 2, 4]] = maps
    dead[:, 1] = 0.1  # the same everywhere; 3 is blank
    found, expected = figures(dead), figures(maps)
    assert found.live == 3
    assert (found.o1, found.o2) == pytest.approx((expected.o1, expected.o2))
    torch.testing.assert_close(found.correlation[[0, 2, 4]][:, [0, 2, 4]], expected.correlation)
    assert found.correlation[[1, 3]].isnan().all()
    assert found.correlation[:, [1, 3]].isnan().all()


def test_one_live_feature_is_trivially_orthogonal_and_none_is_nothing():
    one = figures(random_maps(5, features=1))
    assert (one.o1, one.o2, one.live) == (0, 0, 1)
    assert one.correlation.tolist() == [[1]]
    none = figures(torch.ones(2, 3, 2, 2))
    assert none.live == 0
    assert math.isnan(none.o1)
    assert math.isnan(none.o2)


def test_what_cannot_be_correlated_is_refused():
    metric = Orthogonality(2)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        metric.compute()
    with pytest.raises(DataError, match="maps of 2 features were expected, but 3 came"):
        metric.update(torch.ones(1, 3, 2, 2))
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(DataError, match="finite maps of at least 0 were expected"):
            metric.update(torch.full((1, 2, 2, 2), wrong))
    with pytest.raises(SettingError, match="not 0 features and a jitter of 1e-06"):
        Orthogonality(0)
    for jitter in (-1.0, math.nan):
        with pytest.raises(SettingError, match=f"not 2 features and a jitter of {jitter}"):
            Orthogonality(2, jitter=jitter)
