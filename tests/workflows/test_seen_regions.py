"""Boxes and masks go the way of their picture through the preprocessing."""

import numpy as np
import pytest
import torch

from whynet.data.example import Example
from whynet.models.preprocessing import Preprocessing
from whynet.workflows.seen_regions import seen_regions


def example(box=None, part_map=None, sides=(20, 40)):
    return Example(name="x", image=np.zeros((*sides, 3), np.uint8), label=0, box=box, part_map=part_map)


def test_a_stretched_box_is_where_its_corners_go():
    preprocess = Preprocessing(height=10, width=10)
    found = seen_regions(preprocess, [example(), example(box=(8.0, 2.0, 20.0, 10.0))])
    assert list(found) == ["box"]
    assert found["box"].rows == [1]
    expected = torch.zeros(10, 10, dtype=torch.bool)
    expected[1:5, 2:5] = True
    assert torch.equal(found["box"].masks[0], expected)


@pytest.mark.parametrize("interpolation", ["area", "bicubic"])
def test_a_cropped_box_is_cut_and_one_outside_is_left_out(interpolation):
    preprocess = Preprocessing(height=20, width=20, fit="crop", interpolation=interpolation)  # columns 10 to 30
    boxes = [(0.0, 0.0, 15.0, 20.0), (0.0, 0.0, 10.0, 20.0), (0.0, 0.0, 40.0, 20.0)]
    found = seen_regions(preprocess, [example(box=box) for box in boxes])
    assert found["box"].rows == [0]  # of the second nothing is seen, of the third nothing else
    expected = torch.zeros(20, 20, dtype=torch.bool)
    expected[:, :5] = True
    assert torch.equal(found["box"].masks[0], expected)


def test_any_part_counts():
    part_map = np.zeros((20, 40), np.uint8)
    part_map[:4, :8] = 2
    part_map[10:12, 20:24] = 14
    found = seen_regions(Preprocessing(height=20, width=40), [example(part_map=part_map)])
    assert list(found) == ["part"]
    assert torch.equal(found["part"].masks[0], torch.from_numpy(part_map > 0))


def test_without_regions_there_are_none():
    assert seen_regions(Preprocessing(height=8, width=8), [example()]) == {}
