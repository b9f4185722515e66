"""Paired test: is the difference between two methods larger than the noise of their seeds?

Student, "The Probable Error of a Mean", Biometrika 6, 1908; the paired t-test over n seeds, for each of which both
methods have a figure, a_i and b_i:

    d_i = a_i - b_i,   t = mean(d) sqrt(n) / s_d,   p = P(|T| >= |t|),   interval = mean(d) +- t_{0.975} s_d / sqrt(n)

T has Student's distribution with n - 1 degrees of freedom, and s_d is the deviation of d with n - 1. Pairing takes out
what a seed does to both methods alike (the same data, split and order), often the larger part of the noise. It assumes
that d is about normal; with 5 seeds nothing can check that.

Where all differences are the same the t-test is not defined (s_d = 0). Then the interval is that one difference, and p
its limit as s_d goes to 0: 0, or 1 where there is no difference at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whynet.base.errors import DataError

_CONFIDENCE = 0.95
_ROUNDING = 1e-12
"""Differences that vary by less than this share of the figures do so by rounding alone."""


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """The difference between two methods over the same seeds.

    Args:
        difference: Mean of the first method minus mean of the second, in the unit of the figures.
        low: Lower end of the 95 % confidence interval of the difference.
        high: Its upper end.
        p_value: Chance of at least such a difference, in either direction, if there were none; in [0, 1].
        n: How many pairs.
        test: What was computed.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n: int
    test: str = "paired t-test"


def paired_test(a: Sequence[float], b: Sequence[float]) -> PairedTest:
    """Compare two methods by their figures on the same seeds.

    Args:
        a: The figure of the first method for each seed.
        b: Those of the second for the same seeds, in the same order.

    Returns:
        The difference with its interval and p-value; a positive one means that `a` is higher.

    Raises:
        DataError: The counts differ, there are fewer than 2 pairs, or a figure is not finite.
    """
    if len(a) != len(b) or len(a) < 2:
        raise DataError(
            f"a paired test needs the figures of at least 2 seeds, for both methods alike, but there are {len(a)} and "
            f"{len(b)}; run more seeds"
        )
    first, second = np.array(a, dtype=float), np.array(b, dtype=float)
    if not np.isfinite([first, second]).all():
        raise DataError(f"finite figures were expected, but got {list(a)} and {list(b)}; leave such a seed out of both")
    differences = first - second
    mean = float(differences.mean())
    rounding = _ROUNDING * float(np.abs([first, second]).max())
    if np.ptp(differences) <= rounding:
        return PairedTest(difference=mean, low=mean, high=mean, p_value=float(abs(mean) <= rounding), n=len(a))
    from scipy.stats import ttest_rel

    result = ttest_rel(first, second)
    low, high = result.confidence_interval(_CONFIDENCE)
    return PairedTest(difference=mean, low=float(low), high=float(high), p_value=float(result.pvalue), n=len(a))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of several tests, adjusted so that one of them below 0.05 is as rare by chance as for a single test.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979: with
    p_(1) <= ... <= p_(m), adjusted_(i) = max over j <= i of min(1, (m - j + 1) p_(j)).

    Args:
        p_values: Of tests of one family, each in [0, 1].

    Returns:
        The adjusted p-values, in the order given.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
