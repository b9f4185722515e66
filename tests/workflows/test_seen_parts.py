"""Landmarks and masks of parts against slow replicas, which ask each point of the grid where it lies in the picture."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.data.animal_parts import AnimalParts
from whynet.data.birds import PaintedBirds
from whynet.data.cub import CUB
from whynet.data.example import Example
from whynet.models.preprocessing import Preprocessing
from whynet.workflows import seen_parts
from whynet.workflows.catalogue import LANDMARKS
from whynet.workflows.seen_parts import landmarks_of, part_masks

NAMES = ("head", "back", "tail")
NAN_ROW = [math.nan] * 4
# How pictures are prepared, rows and columns of one, and by hand the left, top, right and bottom of what is seen of it.
VIEWS = {
    "stretch": (Preprocessing(height=9, width=14), (20, 40), (0, 0, 40, 20)),
    "enlarge": (Preprocessing(height=40, width=36), (20, 12), (0, 0, 12, 20)),
    "crop wide": (Preprocessing(height=16, width=24, fit="crop"), (20, 40), (5, 0, 35, 20)),
    "crop high": (Preprocessing(height=16, width=16, fit="crop"), (30, 12), (0, 9, 12, 21)),
    "share": (Preprocessing(height=10, width=10, crop_share=0.5), (20, 40), (10, 5, 30, 15)),
    # Resized to 16 x 26, of which rows 4 to 12 and columns 9 to 17 are seen: no whole pixels of the picture.
    "between pixels": (
        Preprocessing(height=8, width=8, fit="crop", crop_share=0.5, interpolation="bilinear"),
        (30, 50),
        (9 * 50 / 26, 4 * 30 / 16, 17 * 50 / 26, 12 * 30 / 16),
    ),
}
both = pytest.mark.parametrize("name", VIEWS)


def example(sides=(20, 40), **known) -> Example:
    return Example(name="jay.jpg", image=np.zeros((*sides, 3), np.uint8), label=0, **known)


def slow_landmark(point, view, height, width):
    """A point of the picture as the network sees it; None for a part that is not to be seen."""
    left, top, right, bottom = view
    if point is None or not (left <= point[0] <= right and top <= point[1] <= bottom):
        return [0.0, 0.0, 0.0]
    return [(point[0] - left) / (right - left) * width, (point[1] - top) / (bottom - top) * height, 1.0]


def slow_mask(holds, view, height, width):
    """The pixels of the grid whose centres lie on the part."""
    left, top, right, bottom = view
    mask = torch.zeros(height, width, dtype=torch.bool)
    for row in range(height):
        for column in range(width):
            x, y = left + (column + 0.5) / width * (right - left), top + (row + 0.5) / height * (bottom - top)
            mask[row, column] = bool(holds(x, y))
    return mask


def compare(shown, name, centres, holds):
    """Both functions, at the size of the input and of a layer, against the centre of each part and what it holds."""
    preprocess, _, view = VIEWS[name]
    size = preprocess.height, preprocess.width
    found = landmarks_of(preprocess, shown, NAMES, NAMES)
    np.testing.assert_allclose(found, [slow_landmark(point, view, *size) for point in centres], rtol=0, atol=1e-9)
    for grid in (size, (5, 7)):
        masks, is_there = part_masks(preprocess, shown, len(NAMES), *grid)
        assert torch.equal(masks, torch.stack([slow_mask(part, view, *grid) for part in holds]))
        assert is_there.tolist() == [bool(mask.any()) for mask in masks]


@both
def test_masks(name):
    rows, columns = VIEWS[name][1]
    part_map = np.random.default_rng(0).integers(0, 3, (rows, columns), np.uint8)  # of the tail there is nothing
    pixels = {part: [(c, r) for r in range(rows) for c in range(columns) if part_map[r, c] == part] for part in (1, 2)}
    means = [[sum(place[axis] + 0.5 for place in own) / len(own) for axis in (0, 1)] for own in pixels.values()]
    holds = [lambda x, y, part=part: part_map[math.floor(y), math.floor(x)] == part for part in (1, 2, 3)]
    compare(example((rows, columns), part_map=part_map), name, [*means, None], holds)


@both
@pytest.mark.parametrize("seed", range(5))
def test_boxes(name, seed):
    rows, columns = VIEWS[name][1]
    rng = np.random.default_rng(seed)
    corners = rng.random((3, 2)) * [columns * 0.8, rows * 0.8]
    boxes = np.hstack([corners, corners + (0.02 + rng.random((3, 2)) / 2) * [columns, rows]])
    boxes[1] = math.nan
    centres = [None if math.isnan(x0) else ((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes]
    holds = [lambda x, y, box=box: box[0] <= x < box[2] and box[1] <= y < box[3] for box in boxes]
    compare(example((rows, columns), part_boxes=boxes), name, centres, holds)


@both
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("boxed", [False, True])
def test_points(name, seed, boxed, monkeypatch):
    monkeypatch.setattr(seen_parts, "POINT_RADIUS", 0.2)  # of several pixels
    rows, columns = VIEWS[name][1]
    rng = np.random.default_rng(seed)
    landmarks = np.column_stack([rng.random((3, 2)) * [columns, rows], [1.0, 0.0, 1.0]])
    box = (columns * 0.11, rows * 0.23, columns * 0.71, rows * 0.87) if boxed else None
    diagonal = math.dist(box[:2], box[2:]) if boxed else math.hypot(rows, columns)
    centres = [point[:2] if point[2] else None for point in landmarks]
    holds = [lambda x, y, p=p: bool(p[2]) and math.dist(p[:2], (x, y)) <= 0.2 * diagonal for p in landmarks]
    compare(example((rows, columns), landmarks=landmarks, box=box), name, centres, holds)


def test_nothing_known_is_nothing_seen():
    preprocess = Preprocessing(height=6, width=8)
    for shown in (example(), example(part_boxes=np.array([NAN_ROW] * 3)), example(landmarks=np.zeros((3, 3)))):
        np.testing.assert_array_equal(landmarks_of(preprocess, shown, NAMES, NAMES), np.zeros((3, 3)))
        masks, is_there = part_masks(preprocess, shown, 3, 6, 8)
        assert masks.shape == (3, 6, 8)
        assert not masks.any()
        assert is_there.tolist() == [False] * 3


def test_which_is_taken_of_several():
    points = np.array([[4.0, 6.0, 1.0], [0.0, 0.0, 0.0], [2.0, 2.0, 1.0]])
    boxes = np.array([[8.0, 4.0, 12.0, 8.0], NAN_ROW, NAN_ROW])
    part_map = np.zeros((20, 40), np.uint8)
    part_map[2:4, 30:36] = 2
    preprocess = Preprocessing(height=20, width=40)
    shown = example(landmarks=points, part_boxes=boxes, part_map=part_map)
    for expected in ([[4, 6, 1], [0, 0, 0], [2, 2, 1]], [[10, 6, 1], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [33, 3, 1]]):
        found = landmarks_of(preprocess, shown, NAMES, NAMES)[: len(expected)]
        np.testing.assert_array_equal(found, expected)
        shown = replace(shown, landmarks=None) if shown.landmarks is not None else replace(shown, part_boxes=None)
    shown = example(landmarks=points, part_boxes=boxes, part_map=part_map)
    for expected in ([0, 12, 0], [16, 0, 0]):
        masks, _ = part_masks(preprocess, shown, 3, 20, 40)
        assert masks.flatten(1).sum(1).tolist() == expected
        shown = replace(shown, part_map=None)


def test_the_chosen_come_in_their_order():
    points = np.array([[4.0, 6.0, 1.0], [0.0, 0.0, 0.0], [2.0, 2.0, 1.0]], np.float32)
    preprocess = Preprocessing(height=10, width=80)
    found = landmarks_of(preprocess, example(landmarks=points), NAMES, ("tail", "head"))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[4, 1, 1], [8, 3, 1]])
    assert landmarks_of(preprocess, example(landmarks=points), NAMES, ()).shape == (0, 3)


def test_a_part_cut_in_two():
    """Columns 10 to 30 are seen: a strip of the head, not its centre."""
    preprocess = Preprocessing(height=20, width=20, fit="crop")
    shown = example(part_boxes=np.array([[0.0, 0.0, 12.0, 10.0], [9.0, 0.0, 10.4, 20.0], [0.0, 0.0, 9.0, 20.0]]))
    assert not landmarks_of(preprocess, shown, NAMES, NAMES).any()
    masks, is_there = part_masks(preprocess, shown, 3, 20, 20)
    assert masks.flatten(1).sum(1).tolist() == [20, 0, 0]  # the back's strip holds no centre of a pixel
    assert is_there.tolist() == [True, False, False]
    shown = example(landmarks=np.array([[9.9, 10.0, 1.0], [30.0, 10.0, 1.0], [20.0, 10.0, 0.0]]))
    assert landmarks_of(preprocess, shown, NAMES, NAMES).tolist() == [[0, 0, 0], [20, 10, 1], [0, 0, 0]]
    assert part_masks(preprocess, shown, 3, 20, 20)[1].tolist() == [True, True, False]  # a disc reaches into the view


def test_errors():
    preprocess = Preprocessing(height=8, width=8)
    shown = example(landmarks=np.ones((2, 3)))
    with pytest.raises(
        SettingError, match=r"the landmark of 'beak' was asked for, but the parts are head, back, tail;"
    ):
        landmarks_of(preprocess, shown, NAMES, ("head", "beak"))
    with pytest.raises(SettingError, match=r"the landmark of 'beak' was asked for, but the parts are none; choose"):
        landmarks_of(preprocess, shown, (), ("beak",))
    for wrong in (shown, example(part_boxes=np.array([NAN_ROW] * 2))):
        for ask in (
            lambda it: landmarks_of(preprocess, it, NAMES, NAMES),
            lambda it: part_masks(preprocess, it, 3, 8, 8),
        ):
            with pytest.raises(
                DataError, match=r"jay\.jpg: 3 parts were expected, but 2 are annotated; check the number"
            ):
                ask(wrong)
    with pytest.raises(
        DataError, match=r"jay\.jpg: a map of parts from 1 to 2 was expected, but one has part 3; check"
    ):
        part_masks(preprocess, example(part_map=np.full((20, 40), 3, np.uint8)), 2, 8, 8)
    with pytest.raises(SettingError, match=r"through a whynet Preprocessing, .* but not through test_errors\..*lambda"):
        part_masks(lambda pictures: torch.zeros(len(pictures), 3, 8, 8), shown, 2, 8, 8)


def test_discs_of_this_radius_overlap_the_masks_of_painted_birds_most(tmp_path, monkeypatch):
    birds = PaintedBirds("test", num_species=6, per_class=2, image_size=64, cache=tmp_path)
    preprocess = Preprocessing(height=64, width=64)
    overlap = {}
    for radius in (0.03, seen_parts.POINT_RADIUS, 0.12):
        monkeypatch.setattr(seen_parts, "POINT_RADIUS", radius)
        shares = []
        for bird in (birds[index] for index in range(len(birds))):
            masks, is_there = part_masks(preprocess, bird, 15, 64, 64)
            discs, _ = part_masks(preprocess, replace(bird, part_map=None), 15, 64, 64)
            either = (masks | discs).flatten(1).sum(1)
            shares += ((masks & discs).flatten(1).sum(1) / either)[is_there].tolist()
        overlap[radius] = sum(shares) / len(shares)
    low, middle, high = overlap.values()
    assert middle > max(low, high) > 0.15
    assert middle > 0.25


def test_landmarks_of_painted_birds(tmp_path):
    birds = PaintedBirds("test", num_species=2, per_class=2, image_size=32, cache=tmp_path)
    preprocess = Preprocessing(height=16, width=64)
    for bird in (birds[index] for index in range(4)):
        found = landmarks_of(preprocess, bird, birds.part_names, LANDMARKS["birds"])
        for (x, y, is_seen), part in zip(found, LANDMARKS["birds"], strict=True):
            own = bird.landmarks[birds.part_names.index(part)]
            assert is_seen == own[2]
            if is_seen:
                np.testing.assert_allclose((x, y), (2 * own[0], own[1] / 2))


def test_the_real_animals(animal_parts_root):
    animals = AnimalParts(animal_parts_root, "test")
    preprocess = Preprocessing(height=48, width=64)
    seen = np.zeros(2)
    for index in range(0, len(animals), max(1, len(animals) // 40)):
        animal = animals[index]
        rows, columns = animal.image.shape[:2]
        found = landmarks_of(preprocess, animal, animals.part_names, LANDMARKS["animal_parts"])
        masks, is_there = part_masks(preprocess, animal, 2, 48, 64)
        assert (found[:, 2] == np.isfinite(animal.part_boxes[:, 0])).all()
        seen += found[:, 2]
        for (x, y, known), mask, there, box in zip(found, masks, is_there, animal.part_boxes, strict=True):
            assert there or not known or min(box[2:] - box[:2]) < 2 * max(rows / 48, columns / 64)
            if there:
                assert mask.sum() == pytest.approx(
                    (box[2] - box[0]) * (box[3] - box[1]) / rows / columns * 48 * 64, abs=2 * 48 + 2 * 64
                )
                assert (x * columns / 64, y * rows / 48) == pytest.approx(((box[::2]).mean(), (box[1::2]).mean()))
                assert mask[int(y), int(x)] or not known
    assert (seen > 0).all()


def test_the_real_birds(cub10_root):
    birds = CUB(cub10_root, "test")
    preprocess = Preprocessing(height=60, width=40, fit="crop")
    cut_off = 0
    for index in range(0, len(birds), max(1, len(birds) // 30)):
        bird = birds[index]
        left, top, right, bottom = preprocess.box(*bird.image.shape[:2])
        found = landmarks_of(preprocess, bird, birds.part_names, LANDMARKS["cub"])
        masks, is_there = part_masks(preprocess, bird, 15, 60, 40)
        for (x, y, is_seen), part in zip(found, LANDMARKS["cub"], strict=True):
            number = birds.part_names.index(part)
            own_x, own_y, visible = bird.landmarks[number]
            cut_off += bool(visible and not is_seen)
            assert is_seen == (visible and left <= own_x <= right and top <= own_y <= bottom)
            if is_seen:
                assert is_there[number]
                assert masks[number, min(int(y), 59), min(int(x), 39)]
                assert (left + x * (right - left) / 40, top + y * (bottom - top) / 60) == pytest.approx((own_x, own_y))
    assert cut_off
