import math
import random

import numpy as np
import pytest

from whynet.base.errors import DataError
from whynet.metrics.paired_test import holm, paired_test


def student_density(x, degrees):
    constant = math.gamma((degrees + 1) / 2) / math.sqrt(degrees * math.pi) / math.gamma(degrees / 2)
    return constant * (1 + x * x / degrees) ** (-(degrees + 1) / 2)


def slow_chance(t, degrees, steps=20_000):
    """P(|T| <= t) of Student's distribution, by Simpson's rule."""
    width = t / steps
    weights = [1 if i in (0, steps) else 4 if i % 2 else 2 for i in range(steps + 1)]
    return 2 * sum(w * student_density(i * width, degrees) for i, w in enumerate(weights)) * width / 3


@pytest.mark.parametrize("n", [2, 5, 9])
def test_equals_the_equations(n):
    draw = random.Random(n)
    a, b = [draw.gauss(30, 2) for _ in range(n)], [draw.gauss(29, 2) for _ in range(n)]
    d = [x - y for x, y in zip(a, b, strict=True)]
    mean = sum(d) / n
    standard_error = math.sqrt(sum((x - mean) ** 2 for x in d) / (n - 1) / n)
    result = paired_test(a, b)
    assert (result.n, result.test) == (n, "paired t-test")
    assert result.difference == pytest.approx(mean)
    assert result.p_value == pytest.approx(1 - slow_chance(abs(mean) / standard_error, n - 1), abs=1e-6)
    assert (result.low + result.high) / 2 == pytest.approx(mean)
    assert slow_chance((result.high - mean) / standard_error, n - 1) == pytest.approx(0.95, abs=1e-6)


def test_the_other_way_round_and_in_another_order():
    a, b = [30.1, 31.0, 29.5, 33.2], [29.0, 30.8, 30.1, 31.1]
    result, swapped = paired_test(a, b), paired_test(b, a)
    assert (swapped.difference, swapped.low, swapped.high) == pytest.approx(
        (-result.difference, -result.high, -result.low)
    )
    assert swapped.p_value == pytest.approx(result.p_value)
    assert paired_test(a[::-1], b[::-1]).p_value == pytest.approx(result.p_value)


def test_no_difference_is_found_in_5_percent_of_the_tests_where_there_is_none():
    draw = np.random.default_rng(0)
    figures = draw.normal(size=(2, 400, 5))
    found = sum(paired_test(a.tolist(), b.tolist()).p_value < 0.05 for a, b in zip(*figures, strict=True))
    assert 8 <= found <= 34  # 20 expected, deviation 4.4


@pytest.mark.parametrize("b", [[0.1, 0.2, 0.3], [0.1 + 1e-17, 0.3 - 0.1, 0.1 + 0.2]])
def test_no_difference_at_all(b):
    result = paired_test([0.1, 0.2, 0.3], b)
    assert (result.low, result.high, result.p_value) == (result.difference, result.difference, 1.0)
    assert result.difference == pytest.approx(0, abs=1e-15)


def test_the_same_difference_for_every_seed():
    result = paired_test([0.3, 0.4, 0.5], [0.1, 0.2, 0.3])  # equal but for rounding
    assert result.difference == result.low == result.high == pytest.approx(0.2)
    assert result.p_value == 0.0


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1.0], [2.0], "at least 2 seeds, for both methods alike, but there are 1 and 1"),
        ([1.0, 2.0, 3.0], [2.0, 1.0], "there are 3 and 2"),
        ([1.0, math.nan], [2.0, 1.0], r"finite figures were expected, but got \[1.0, nan\] and \[2.0, 1.0\]"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, message):
    with pytest.raises(DataError, match=message):
        paired_test(a, b)


def test_holms_adjustment_by_its_stepwise_rejections():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9]
    adjusted = holm(p_values)
    for level in (0.001, 0.02, 0.03, 0.06, 0.1, 0.95):
        left, rejected = sorted(range(5), key=p_values.__getitem__), set()
        while left and p_values[left[0]] <= level / len(left):
            rejected.add(left.pop(0))
        assert {index for index, p in enumerate(adjusted) if p <= level} == rejected
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
