"""Compared with thresholds from all values, sorted; never off by more than is promised."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from whynet.base.errors import DataError, SettingError
from whynet.metrics import QuantileSketch


def exact_threshold(values, share):
    """The smallest number of at least 0 that at most this share of the values is above."""
    for candidate in sorted({0.0, *(value for value in values if value > 0)}):
        if sum(value > candidate for value in values) <= Fraction(str(share)) * len(values):
            return candidate
    raise AssertionError


def filter_values(maps, index):
    return [value for image in maps for row in image[index].tolist() for value in row]


def rectified(seed, images, filters=3, rows=3, columns=5):
    maps = torch.randn(images, filters, rows, columns, generator=torch.Generator().manual_seed(seed))
    scales = torch.tensor([10.0 ** (2 * index - 2) for index in range(filters)])[:, None, None]
    return (maps * scales).clamp(min=0)


def sketched(maps, **options):
    sketch = QuantileSketch(maps.shape[1], **options)
    sketch.update(maps)
    return sketch.compute()


@pytest.mark.parametrize("share", [0.005, 0.1, 0.29, 0.45])
@pytest.mark.parametrize("relative_error", [0.005, 0.3])
def test_is_at_most_the_promised_share_above_the_exact_threshold(share, relative_error):
    maps = rectified(0, 40)
    found = sketched(maps, share=share, relative_error=relative_error)
    for index, threshold in enumerate(found.thresholds.tolist()):
        values = filter_values(maps, index)
        exact = exact_threshold(values, share)
        assert exact > 0
        assert exact <= threshold <= exact * (1 + relative_error) * (1 + 1e-12)
        assert sum(value > threshold for value in values) <= share * len(values)
        assert found.positive_share[index] == pytest.approx(sum(value > 0 for value in values) / len(values))
    assert found.positions == 40 * 15
    assert not found.clamped.any()


ACTIVATIONS = st.one_of(
    st.sampled_from([0.0, -1.0, 1.0, 2.0, 1e-6, 1e6]),
    st.floats(-10, 0, width=32),
    st.floats(float(torch.tensor(1e-3)), 1024.0, width=32),
)


@settings(max_examples=80)
@given(
    st.lists(ACTIVATIONS, min_size=1, max_size=24),
    st.sampled_from([0.005, 0.07, 0.25, 0.29, 0.5, 0.9]),
    st.sampled_from([0.001, 0.05, 0.9]),
)
def test_the_bound_holds_for_any_values_and_ties(values, share, relative_error):
    maps = torch.tensor(values)[None, None, None]
    found = sketched(maps, share=share, relative_error=relative_error)
    exact, threshold = exact_threshold(maps.flatten().tolist(), share), float(found.thresholds)
    assert (threshold == 0) == (exact == 0)
    if not bool(found.clamped):
        assert exact <= threshold <= exact * (1 + relative_error) * (1 + 1e-12)
        assert sum(value > threshold for value in maps.flatten().tolist()) <= share * len(values) + 1e-9


def test_a_share_that_is_a_whole_number_but_for_rounding_counts_as_one():
    values = torch.arange(1.0, 101.0)[None, None, None]
    assert 0.29 * 100 < 29
    assert 71 <= float(sketched(values, share=0.29, relative_error=1e-3).thresholds) < 71.1
    assert float(sketched(values - 71, share=0.29).thresholds) == 0
    assert float(sketched(values - 70, share=0.29).thresholds) == pytest.approx(1, rel=5e-3)


def test_where_fewer_than_the_share_are_positive_the_threshold_is_0():
    maps = torch.zeros(2, 3, 10, 10)
    maps[0, 1, 2, 3] = 5  # 1 of 200
    maps[:, 2, 2, 3] = 5  # 2 of 200
    found = sketched(maps)
    assert found.thresholds[:2].tolist() == [0, 0]
    assert 5 <= float(found.thresholds[2]) <= 5 * 1.005
    assert found.positive_share.tolist() == [0, 0.005, 0.01]
    assert not found.clamped.any()


def test_many_equal_activations_are_all_below_the_threshold_or_all_above():
    maps = torch.zeros(1, 1, 10, 10)
    maps[..., :5] = 3.7  # half of all, so no more than 0.005 are above only from 3.7 on
    assert 3.7 <= float(sketched(maps.double()).thresholds) <= 3.7 * 1.005


def test_outside_the_range_the_threshold_is_its_end_and_that_is_said():
    tiny, large, inside = torch.full((3, 1, 2, 3), 1e-3), torch.full((3, 1, 2, 3), 1e3), torch.full((3, 1, 2, 3), 2.0)
    found = sketched(torch.cat([tiny, large, inside, 0 * inside], 1), lowest=0.1, highest=10.0)
    assert found.thresholds[:2].tolist() == [0.1, 10.0]
    assert 2 <= float(found.thresholds[2]) <= 2 * 1.005
    assert float(found.thresholds[3]) == 0
    assert found.clamped.tolist() == [True, True, False, False]
    ends = torch.tensor([0.5, 8.0])[None, :, None, None]  # both are edges, and belong to the bucket below
    assert sketched(ends, lowest=0.25, highest=8.0, relative_error=0.9).clamped.tolist() == [False, False]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.half, torch.double])
def test_other_precisions_count_as_they_are(dtype):
    maps = rectified(1, 20).to(dtype)
    found = sketched(maps, share=0.1)
    for index, threshold in enumerate(found.thresholds.tolist()):
        exact = exact_threshold(filter_values(maps.double(), index), 0.1)
        assert exact <= threshold <= exact * 1.005 * (1 + 1e-12)


def test_neither_batches_nor_order_nor_devices_matter_and_memory_does_not_grow():
    maps = rectified(2, 30)
    expected = sketched(maps, share=0.02)
    ours, theirs = QuantileSketch(3, share=0.02), QuantileSketch(3, share=0.02)
    sizes = {name: state.shape for name, state in ours.metric_state.items()}
    for image in range(7, 0, -1):
        ours.update(maps[[image]])
    ours(maps[:1])
    theirs.update(maps[8:].transpose(2, 3))  # another shape, the same positions
    ours.merge_state(theirs)
    assert torch.equal(ours.compute().thresholds, expected.thresholds)
    assert ours.compute().positions == expected.positions
    assert {name: state.shape for name, state in ours.metric_state.items()} == sizes
    assert {reduction.__name__ for reduction in ours._reductions.values()} == {"dim_zero_sum"}
    assert sizes["counts"][1] * 512 * 8 < 23e6


def test_a_single_position_is_a_map():
    maps = torch.arange(1.0, 11.0).reshape(10, 1, 1, 1)
    found = sketched(maps, share=0.2)
    assert found.thresholds.shape == (1,)
    assert 8 <= float(found.thresholds) <= 8 * 1.005


def test_what_cannot_be_counted_is_refused():
    sketch = QuantileSketch(2)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        sketch.compute()
    with pytest.raises(DataError, match="maps of 2 filters were expected, but 1 came"):
        sketch.update(torch.ones(1, 1, 2, 2))
    with pytest.raises(DataError, match="maps without NaN or infinity"):
        sketch.update(torch.full((1, 2, 2, 2), math.nan))
    with pytest.raises(SettingError, match="num_filters = 0 came"):
        QuantileSketch(0)
    for name, wrong in [("share", 0.0), ("share", 1.0), ("relative_error", 0.0), ("lowest", 0.0), ("highest", 1e-6)]:
        with pytest.raises(SettingError, match=f"were expected, not a share of .*{wrong}"):
            QuantileSketch(2, **{name: wrong})
