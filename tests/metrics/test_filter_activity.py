"""Compared with the means in loops; dead filters and classes without images own nothing."""

import math

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics import FilterActivity


def random_data(seed, images=14, filters=5, classes=4):
    """Filter 3 is dead, and class 2 has no image."""
    draw = torch.Generator().manual_seed(seed)
    maps = torch.randn(images, filters, 2, 3, generator=draw).clamp(min=0)
    maps[:, 3] = 0
    labels = torch.randint(classes, (images,), generator=draw)
    return maps, labels.where(labels != 2, 0)


def slow_means(maps, labels, classes, reduce):
    means = []
    for f in range(maps.shape[1]):
        means.append([])
        for c in range(classes):
            own = [
                reduce([float(value) for value in maps[i, f].flatten()])
                for i in range(len(maps))
                if int(labels[i]) == c
            ]
            means[-1].append(sum(own) / len(own) if own else math.nan)
    return means


def measured(maps, labels, classes=4, **options):
    metric = FilterActivity(maps.shape[1], classes, **options)
    metric.update(maps, labels)
    return metric.compute()


def test_equals_the_means_in_loops():
    maps, labels = random_data(0)
    found = measured(maps, labels)
    sums, maxima = (slow_means(maps, labels, 4, reduce) for reduce in (sum, max))
    for own, theirs in ((found.mean_sums, sums), (found.mean_maxima, maxima)):
        for row, expected in zip(own.tolist(), theirs, strict=True):
            assert row == pytest.approx(expected, nan_ok=True)
    for own, theirs in ((found.category, sums), (found.category_by_maximum, maxima)):
        expected = [max((0, 1, 3), key=lambda c, row=row: row[c]) for row in theirs]
        expected[3] = -1
        assert own.tolist() == expected
    assert found.images.tolist() == [sum(int(label) == c for label in labels) for c in range(4)]
    assert (found.dead.tolist(), found.num_dead) == ([False, False, False, True, False], 1)
    owners = {int(c) for c in found.category if c >= 0}
    assert found.classes_with_filters == len(owners)
    assert found.classes_with_filters_share == len(owners) / 4
    assert found.assigned_classes_with_filters is found.assigned_classes_with_filters_share is None


def test_sum_and_maximum_can_name_different_classes():
    maps = torch.zeros(2, 1, 2, 2)
    maps[0] = 1
    maps[1, 0, 0, 0] = 3
    found = measured(maps, torch.tensor([0, 1]), 2)
    assert (found.category.tolist(), found.category_by_maximum.tolist()) == ([0], [1])
    assert found.mean_sums.tolist() == [[4, 3]]
    assert found.mean_maxima.tolist() == [[1, 3]]


def test_owners_of_an_assignment_are_counted_beside():
    maps, labels = random_data(1)
    found = measured(maps, labels, assigned=torch.tensor([2, 2, -1, 0, 2]))
    assert found.assigned_classes_with_filters == 2
    assert found.assigned_classes_with_filters_share == 0.5
    assert measured(maps, labels, assigned=torch.full((5,), -1)).assigned_classes_with_filters == 0


def test_one_class_one_position_and_filters_that_are_all_dead():
    one = measured(torch.ones(3, 2, 1, 1), torch.zeros(3, dtype=torch.long), 1)
    assert (one.category.tolist(), one.classes_with_filters, one.classes_with_filters_share) == ([0, 0], 1, 1)
    dead = measured(torch.zeros(3, 2, 1, 1), torch.zeros(3, dtype=torch.int), 1)
    assert (dead.category.tolist(), dead.num_dead, dead.classes_with_filters) == ([-1, -1], 2, 0)
    assert dead.category_by_maximum.tolist() == [-1, -1]


def test_neither_batches_nor_devices_matter_and_memory_does_not_grow():
    maps, labels = random_data(2)
    expected = measured(maps, labels)
    ours, theirs = FilterActivity(5, 4), FilterActivity(5, 4)
    sizes = {name: state.shape for name, state in ours.metric_state.items()}
    for metric, batch in ((theirs, slice(6)), (ours, slice(6, 7)), (ours, slice(7, 14))):
        metric.update(maps[batch], labels[batch])
    ours.merge_state(theirs)
    found = ours.compute()
    torch.testing.assert_close(found.mean_sums, expected.mean_sums, equal_nan=True)
    torch.testing.assert_close(found.mean_maxima, expected.mean_maxima, equal_nan=True)
    for name in ("category", "images", "dead"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert {name: state.shape for name, state in ours.metric_state.items()} == sizes
    assert {reduction.__name__ for reduction in ours._reductions.values()} == {"dim_zero_sum"}


def test_what_does_not_fit_is_refused():
    maps, labels = random_data(3)
    metric = FilterActivity(5, 4)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        metric.compute()
    with pytest.raises(DataError, match="maps of 5 filters were expected, but 4 came"):
        metric.update(maps[:, :4], labels)
    with pytest.raises(DataError, match="one label an image was expected, but 13 came for 14"):
        metric.update(maps, labels[:13])
    with pytest.raises(DataError, match="labels from 0 to 3 were expected, but 4 came"):
        metric.update(maps, labels.where(labels > 0, 4))
    with pytest.raises(DataError, match="maps without NaN or infinity"):
        metric.update(maps / 0, labels)
    with pytest.raises(SettingError, match="num_classes = 0"):
        FilterActivity(5, 0)
    with pytest.raises(SettingError, match="one class a filter, so 5, was expected, but 4 came"):
        FilterActivity(5, 4, assigned=torch.zeros(4, dtype=torch.long))
