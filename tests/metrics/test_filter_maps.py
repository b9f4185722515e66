"""What is refused is named with its values; the best choice passes over what is unknown."""

import math

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics.filter_maps import (
    best,
    check_labels,
    check_maps,
    check_numbers,
    checked_assignment,
    checked_thresholds,
    parts_to_see,
)


def test_the_best_choice_is_the_first_of_the_highest_and_none_where_all_are_unknown():
    nan = math.nan
    values, index = best(torch.tensor([[nan, 2.0, 2.0], [nan, nan, nan], [-1.0, nan, -3.0]]))
    assert index.tolist() == [1, -1, 0]
    assert values.tolist() == pytest.approx([2, nan, -1], nan_ok=True)


def test_maps_of_one_position_and_no_images_can_be_measured():
    check_maps(torch.ones(2, 3, 1, 1), 3)
    check_maps(torch.ones(0, 3, 2, 1), 3)
    check_labels(torch.tensor([], dtype=torch.long), 0, 1)


def test_maps_that_cannot_be_measured_are_refused():
    with pytest.raises(DataError, match="maps of 2 filters were expected, but 3 came; say how many"):
        check_maps(torch.ones(1, 3, 2, 2), 2)
    with pytest.raises(DataError, match="at least 1 x 1 position were expected, but 0 x 2 came"):
        check_maps(torch.ones(1, 2, 0, 2), 2)
    for wrong in (math.nan, math.inf, -math.inf):
        maps = torch.ones(1, 2, 2, 2)
        maps[0, 1, 1, 0] = wrong
        with pytest.raises(DataError, match="maps without NaN or infinity were expected"):
            check_maps(maps, 2)


def test_numbers_thresholds_and_assignments_out_of_range_are_refused():
    with pytest.raises(SettingError, match="num_filters = 2, num_parts = 0 came"):
        check_numbers(num_filters=2, num_parts=0)
    with pytest.raises(SettingError, match="one threshold a filter, so 2, was expected, but 3 came"):
        checked_thresholds(torch.ones(3), 2)
    for wrong in (-0.1, math.nan, math.inf):
        with pytest.raises(SettingError, match="finite thresholds of at least 0 were expected"):
            checked_thresholds(torch.tensor([1.0, wrong]), 2)
    with pytest.raises(SettingError, match="one class a filter, so 2, was expected, but 1 came"):
        checked_assignment(torch.tensor([0]), 2, 3)
    for wrong in (-2, 3):
        with pytest.raises(SettingError, match=f"classes from 0 to 2, or -1 for a filter without, .* but {wrong} came"):
            checked_assignment(torch.tensor([-1, wrong]), 2, 3)
    assert checked_assignment(None, 2, 3) is None


def test_what_was_checked_is_a_copy():
    thresholds, assigned = torch.zeros(2), torch.tensor([-1, 2])
    copies = checked_thresholds(thresholds, 2), checked_assignment(assigned, 2, 3)
    thresholds += 7
    assigned += 1
    assert [copy.tolist() for copy in copies] == [[0, 0], [-1, 2]]
    assert copies[0].dtype == torch.double


def test_labels_that_name_no_class_are_refused():
    with pytest.raises(DataError, match="one label an image was expected, but 1 came for 2"):
        check_labels(torch.tensor([0]), 2, 3)
    for wrong in (-1, 3):
        with pytest.raises(DataError, match=f"labels from 0 to 2 were expected, but {wrong} came"):
            check_labels(torch.tensor([0, wrong]), 2, 3)


@pytest.mark.parametrize("dtype", [torch.bool, torch.float, torch.double])
def test_a_part_is_seen_if_it_is_present_and_has_a_mask(dtype):
    masks = torch.zeros(2, 3, 2, 5, dtype=dtype)
    masks[0, 0, 1, 4] = masks[1, 1, 0, 0] = masks[1, 2, 0, 0] = 1
    present = torch.tensor([[True, True, False], [False, True, True]])
    seen, empty = parts_to_see(masks, present, 2, 3)
    assert seen.tolist() == [[True, False, False], [False, True, True]]
    assert empty.tolist() == [0, 1, 0]


def test_masks_that_do_not_fit_are_refused():
    masks, present = torch.ones(2, 3, 4, 5), torch.ones(2, 3, dtype=torch.bool)
    for own, there in (
        (masks[:1], present),
        (masks[:, :2], present),
        (masks, present[:, :2]),
        (masks[..., :0], present),
    ):
        with pytest.raises(DataError, match=r"masks of 2 images x 3 parts .* but \(.*\) came"):
            parts_to_see(own, there, 2, 3)
    for wrong in (-0.5, 1.5, math.nan):
        with pytest.raises(DataError, match="masks from 0 to 1 were expected"):
            parts_to_see(masks * wrong, present, 2, 3)
