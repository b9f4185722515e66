"""Shares of maps on parts, against loops over the pixels of enlarged maps; which pictures can be asked where."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.base.errors import DataError
from whynet.data.example import Example, ExampleDataset
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.concepts.parts import ShownParts, region_names, shown_parts
from whynet.workflows.part_regions import part_regions

NAN_ROW = [math.nan] * 4
POINTS = np.array([[5.0, 10.0, 1.0], [30.0, 10.0, 1.0], [0.0, 0.0, 0.0]])
BOXES = np.array([[0.0, 0.0, 10.0, 10.0], [20.0, 5.0, 40.0, 20.0], [12.0, 0.0, 15.0, 20.0]])
MASK = np.repeat(np.array([[0, 1, 2, 3]], np.uint8), [10], axis=1).repeat(20, axis=0)


class Birds(ExampleDataset):
    """Black pictures of 20 x 40 pixels with whatever is known of their parts."""

    part_names = ("beak", "left wing", "right wing")
    class_names = ("a", "b")

    def __init__(self, *known):
        self.known, self.labels, self.captions = known, [0] * len(known), [()] * len(known)
        self.names = [f"bird {number}" for number in range(len(known))]

    def __getitem__(self, index):
        return Example(name=self.names[index], image=np.zeros((20, 40, 3), np.uint8), label=0, **self.known[index])


def subject(**preprocessing):
    preprocess = Preprocessing(height=10, width=10, **preprocessing)
    return Subject(nn.Identity(), class_names=("a", "b"), preprocess=preprocess)


def test_shares_are_those_of_the_enlarged_map_pixel_by_pixel():
    torch.manual_seed(0)
    weights, maps = torch.rand(2, 3, 10, 12), torch.rand(2, 4, 3, 5).double().float()
    weights[0, 0] = 0
    maps[1, 2] = 0
    found = ShownParts(source="masks", places=[0, 1], weights=weights).shares(maps)
    large = F.interpolate(maps, (10, 12), mode="bilinear", align_corners=False)
    for picture in range(2):
        for feature in range(4):
            total = sum(map(sum, large[picture, feature].tolist()))
            for region in range(3):
                on_region = sum(
                    float(large[picture, feature, row, column] * weights[picture, region, row, column])
                    for row in range(10)
                    for column in range(12)
                )
                expected = on_region / total if total else 0
                assert float(found[picture, feature, region]) == pytest.approx(expected, abs=1e-5)
    assert (found[1, 2] == 0).all()


def test_shares_of_exact_masks_add_up_to_1():
    weights = part_regions(subject().preprocess, Birds({"part_map": MASK})[0], 3, 10, 10, "masks")
    found = ShownParts(source="masks", places=[0], weights=weights[None]).shares(torch.rand(1, 5, 4, 7))
    torch.testing.assert_close(found.sum(2), torch.ones(1, 5))


def test_both_sides_and_the_landmarks_are_called_as_people_call_them():
    assert region_names(Birds(), {"beak": "bill"}) == ("bill", "wing", "wing", "context")
    assert region_names(Birds(), {}) == ("beak", "wing", "wing", "context")


def test_the_surest_source_of_the_first_picture_that_has_any_is_taken_for_all():
    birds = Birds({}, {"landmarks": POINTS}, {"landmarks": POINTS, "part_map": MASK}, {"part_map": MASK})
    found = shown_parts(subject(), birds, [0, 1, 2, 3])
    assert (found.source, found.places) == ("points", [1, 2])
    found = shown_parts(subject(), birds, [3, 2, 1])
    assert (found.source, found.places) == ("masks", [0, 1])
    assert found.weights.shape == (2, 4, 10, 10)
    for place in range(2):
        torch.testing.assert_close(
            found.weights[place], part_regions(subject().preprocess, birds[2], 3, 10, 10, "masks")
        )
    found = shown_parts(subject(), birds, [2, 1], source="points")
    assert (found.source, found.places) == ("points", [0, 1])
    assert shown_parts(subject(), birds, [0, 3], source="points") is None


def test_a_box_that_is_absent_says_nothing_so_all_must_be_there():
    some = np.array([BOXES[0], NAN_ROW, BOXES[2]])
    birds = Birds({"part_boxes": some}, {"part_boxes": BOXES}, {"part_boxes": np.array([NAN_ROW] * 3)})
    found = shown_parts(subject(), birds, [0, 1, 2])
    assert (found.source, found.places) == ("boxes", [1])
    assert shown_parts(subject(), birds, [0, 2]) is None


def test_pictures_whose_parts_are_all_cut_off_are_left_out():
    """The network sees columns 10 to 30 of 40 alone."""
    beside = np.array([[5.0, 10.0, 1.0], [35.0, 10.0, 1.0], [0.0, 0.0, 0.0]])
    birds = Birds({"landmarks": beside}, {"landmarks": POINTS}, {"landmarks": beside})
    found = shown_parts(subject(fit="crop"), birds, [0, 1, 2])
    assert (found.source, found.places) == ("points", [1])
    assert shown_parts(subject(fit="crop"), birds, [0, 2]) is None
    boxes = Birds({"part_boxes": np.array([[0.0, 0.0, 9.0, 9.0]] * 3)}, {"part_boxes": BOXES})
    assert shown_parts(subject(fit="crop"), boxes, [0, 1]).places == [1]


def test_a_part_too_many_is_told():
    birds = Birds({"landmarks": np.vstack([POINTS, POINTS])})
    with pytest.raises(DataError, match="bird 0: 3 parts were expected, but 6 are annotated"):
        shown_parts(subject(), birds, [0])


def test_nothing_is_known_of_parts_without_names_or_through_a_preprocessing_of_ones_own():
    birds = Birds({"part_map": MASK})
    own = Subject(nn.Identity(), class_names=("a", "b"), preprocess=lambda pictures: torch.zeros(1, 3, 10, 10))
    assert shown_parts(own, birds, [0]) is None
    assert shown_parts(subject(), birds, []) is None
    assert shown_parts(subject(), Birds({}, {}), [0, 1]) is None
    birds.part_names = ()
    assert shown_parts(subject(), birds, [0]) is None


def test_the_main_part_has_most_of_the_map_and_context_must_be_more_than_chance():
    """Three cells: a left and a right wing and a bill in the first row, context in the second."""
    weights = torch.zeros(1, 4, 2, 3)
    for region in range(3):
        weights[0, region, 0, region] = 1
    weights[0, 3, 1] = 1
    parts, names = ShownParts(source="masks", places=[0], weights=weights), ("wing", "bill", "wing", "context")

    def main(*cells):
        return parts.main_parts(torch.tensor(cells, dtype=torch.float).view(1, 1, 2, 3), names)[0][0]

    assert main(3, 4, 2, 0, 0, 0) == "wing", "both sides together"
    assert main(1, 4, 2, 0, 0, 0) == "bill"
    assert main(2, 4, 2, 0, 0, 0) == "wing", "of two the first"
    assert main(1, 3, 1, 2, 1, 2) == "bill", "half of the map beside it is no more than chance"
    assert main(1, 3, 1, 2, 2, 2) == "context"
    assert main(0, 0, 0, 0, 0, 5) == "context"
    assert main(0, 0, 0, 0, 0, 0) is None
