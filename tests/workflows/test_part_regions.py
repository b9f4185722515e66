"""Points, boxes and masks of parts go the way of their picture through the preprocessing."""

import math

import numpy as np
import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.data.example import Example
from whynet.models.preprocessing import Preprocessing
from whynet.workflows.part_regions import available_sources, part_regions, sees_parts
from whynet.workflows.seen_regions import seen_regions

NAN_ROW = [math.nan] * 4
# How pictures are prepared, rows and columns of one, and by hand the left, top, right and bottom of what is seen of it.
VIEWS = {
    "stretch": (Preprocessing(height=9, width=14), (20, 40), (0, 0, 40, 20)),
    "enlarge": (Preprocessing(height=40, width=36), (20, 12), (0, 0, 12, 20)),
    "crop wide": (Preprocessing(height=16, width=16, fit="crop"), (20, 40), (10, 0, 30, 20)),
    "crop high": (Preprocessing(height=16, width=16, fit="crop"), (30, 12), (0, 9, 12, 21)),
    "share": (Preprocessing(height=10, width=10, crop_share=0.5), (20, 40), (10, 5, 30, 15)),
    # Resized to 16 x 26, of which rows 4 to 12 and columns 9 to 17 are seen: no whole pixels of the picture.
    "between pixels": (
        Preprocessing(height=8, width=8, fit="crop", crop_share=0.5, interpolation="bilinear"),
        (30, 50),
        (9 * 50 / 26, 4 * 30 / 16, 17 * 50 / 26, 12 * 30 / 16),
    ),
}


def example(sides=(20, 40), **known) -> Example:
    return Example(name="jay.jpg", image=np.zeros((*sides, 3), np.uint8), label=0, **known)


def centre(view, height, width, row, column):
    """The point of the picture under the centre of a pixel of the grid."""
    left, top, right, bottom = view
    return left + (column + 0.5) / width * (right - left), top + (row + 0.5) / height * (bottom - top)


def slow_masks(part_map, num_parts, view, height, width):
    weights = torch.zeros(num_parts + 1, height, width)
    for row in range(height):
        for column in range(width):
            x, y = centre(view, height, width, row, column)
            part = int(part_map[math.floor(y), math.floor(x)])
            weights[part - 1 if part else num_parts, row, column] = 1
    return weights


def slow_boxes(boxes, view, height, width):
    weights = torch.zeros(len(boxes) + 1, height, width)
    for row in range(height):
        for column in range(width):
            x, y = centre(view, height, width, row, column)
            best, best_area = len(boxes), math.inf
            for part, (x0, y0, x1, y1) in enumerate(boxes):
                if x0 <= x < x1 and y0 <= y < y1 and (x1 - x0) * (y1 - y0) < best_area:
                    best, best_area = part, (x1 - x0) * (y1 - y0)
            weights[best, row, column] = 1
    return weights


def slow_points(landmarks, box, view, height, width):
    """Distances are those on the grid, which the network sees; the picture may have been stretched."""
    left, top, right, bottom = view
    seen = {
        part: ((x - left) / (right - left) * width, (y - top) / (bottom - top) * height)
        for part, (x, y, visible) in enumerate(landmarks)
        if visible and left <= x <= right and top <= y <= bottom
    }
    weights = torch.zeros(len(landmarks) + 1, height, width)
    cells = {part: {} for part in seen}
    for row in range(height):
        for column in range(width):
            x, y = centre(view, height, width, row, column)
            if box is not None and not (box[0] <= x < box[2] and box[1] <= y < box[3]):
                weights[-1, row, column] = 1
                continue
            away = {part: math.dist(point, (column + 0.5, row + 0.5)) for part, point in seen.items()}
            part = min(away, key=away.get)
            cells[part][row, column] = away[part]
    for part, cell in cells.items():
        for (row, column), distance in cell.items():
            largest = max(cell.values())
            weights[part, row, column] = 1 if math.isclose(min(cell.values()), largest) else 1 - distance / largest
    return weights


def random_boxes(rng, count, sides):
    """Boxes that cover a part of the picture at least."""
    rows, columns = sides
    corners = rng.random((count, 2)) * [columns * 0.8, rows * 0.8]
    return np.hstack([corners, corners + (0.1 + rng.random((count, 2))) * [columns, rows]])


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("layer", [False, True])
def test_masks(name, layer):
    preprocess, sides, view = VIEWS[name]
    height, width = (5, 7) if layer else (preprocess.height, preprocess.width)
    part_map = np.random.default_rng(0).integers(0, 4, sides, np.uint8)
    found = part_regions(preprocess, example(sides, part_map=part_map), 3, height, width, "masks")
    assert torch.equal(found, slow_masks(part_map, 3, view, height, width))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("layer", [False, True])
def test_boxes(name, layer):
    preprocess, sides, view = VIEWS[name]
    height, width = (5, 7) if layer else (preprocess.height, preprocess.width)
    for seed in range(10):
        boxes = random_boxes(np.random.default_rng(seed), 4, sides)
        boxes[0] = np.array([0.4, 0.3, 0.6, 0.7]) * np.tile(sides[::-1], 2)  # one at least is always seen
        boxes[1] = math.nan
        found = part_regions(preprocess, example(sides, part_boxes=boxes), 4, height, width, "boxes")
        assert torch.equal(found, slow_boxes(boxes, view, height, width))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("layer", [False, True])
@pytest.mark.parametrize("boxed", [False, True])
def test_points(name, layer, boxed):
    preprocess, sides, view = VIEWS[name]
    height, width = (5, 7) if layer else (preprocess.height, preprocess.width)
    rows, columns = sides
    for seed in range(10):
        rng = np.random.default_rng(seed)
        landmarks = np.column_stack([rng.random((5, 2)) * [columns, rows], [1.0, 1.0, 0.0, 1.0, 1.0]])
        landmarks[0, :2] = columns / 2, rows / 2  # one at least is always seen
        box = (columns * 0.11, rows * 0.23, columns * 0.71, rows * 0.87) if boxed else None
        shown = example(sides, landmarks=landmarks, box=box)
        found = part_regions(preprocess, shown, 5, height, width, "points")
        expected = slow_points(landmarks, box, view, height, width)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("fit", ["stretch", "crop"])
@pytest.mark.parametrize("interpolation", ["area", "nearest", "bicubic"])
def test_a_box_lies_where_the_network_is_shown_it(fit, interpolation):
    preprocess = Preprocessing(height=10, width=10, fit=fit, interpolation=interpolation)
    box = (12.0, 4.0, 24.0, 16.0)
    shown = seen_regions(preprocess, [example(box=box)])["box"].masks[0]
    found = part_regions(preprocess, example(part_boxes=np.array([box])), 1, 10, 10, "boxes")
    assert torch.equal(found, torch.stack([shown, ~shown]).float())


def test_what_is_cut_off_is_not_visible():
    preprocess = Preprocessing(height=20, width=20, fit="crop")  # columns 10 to 30
    landmarks = np.array([[9.9, 5.0, 1.0], [30.0, 5.0, 1.0], [20.0, 5.0, 0.0]])
    points = part_regions(preprocess, example(landmarks=landmarks), 3, 20, 20, "points")
    assert points.flatten(1).any(1).tolist() == [False, True, False, False]
    given = np.array([[0.0, 0.0, 10.4, 20.0], [0.0, 0.0, 10.6, 20.0], NAN_ROW])  # the first has no pixel's centre
    boxes = part_regions(preprocess, example(part_boxes=given), 3, 20, 20, "boxes")
    assert boxes.flatten(1).sum(1).tolist() == [0, 20, 0, 380]


def test_a_part_of_which_nothing_is_seen_leaves_nothing_to_weigh():
    preprocess = Preprocessing(height=20, width=20, fit="crop")
    with pytest.raises(DataError, match=r"jay\.jpg: the box of at least 1 part .* but none of the 2 has one"):
        part_regions(preprocess, example(part_boxes=np.array([[0.0, 0.0, 9.0, 9.0], NAN_ROW])), 2, 20, 20, "boxes")
    with pytest.raises(DataError, match=r"jay\.jpg: at least 1 visible part was expected, but none of the 1 is"):
        part_regions(preprocess, example(landmarks=np.array([[5.0, 5.0, 1.0]])), 1, 20, 20, "points")


def test_sources():
    none = {"landmarks": np.zeros((2, 3)), "part_boxes": np.array([NAN_ROW] * 2)}
    assert available_sources(example(**none)) == ()
    known = {"landmarks": np.eye(2, 3, 2), "part_boxes": np.array([NAN_ROW, [0.0, 0.0, 1.0, 1.0]])}
    assert available_sources(example(**known)) == ("boxes", "points")
    assert available_sources(example(part_map=np.zeros((20, 40), np.uint8))) == ("masks",)


def test_errors():
    preprocess = Preprocessing(height=8, width=8)
    shown = example(landmarks=np.ones((2, 3)))
    with pytest.raises(SettingError, match=r"through a whynet Preprocessing, .* but not through test_errors\..*lambda"):
        part_regions(lambda pictures: torch.zeros(len(pictures), 3, 8, 8), shown, 2, 8, 8, "points")
    with pytest.raises(DataError, match=r"jay\.jpg: masks were expected .* but it has points; take another source or"):
        part_regions(preprocess, shown, 2, 8, 8, "masks")
    with pytest.raises(DataError, match=r"jay\.jpg: points were expected .* but it has nothing of the kind; take"):
        part_regions(preprocess, example(), 2, 8, 8, "points")
    with pytest.raises(DataError, match=r"jay\.jpg: 15 parts were expected, but 2 are annotated; check the number"):
        part_regions(preprocess, shown, 15, 8, 8, "points")
    with pytest.raises(DataError, match=r"jay\.jpg: .*parts from 1 to 2 was expected, but one has part 3"):
        part_regions(preprocess, example(part_map=np.full((20, 40), 3, np.uint8)), 2, 8, 8, "masks")


def test_whether_any_part_is_seen_is_known_before_it_is_asked_where():
    preprocess = Preprocessing(height=20, width=20, fit="crop")  # columns 10 to 30
    for x, is_seen in ((9.9, False), (10.1, True), (30.1, False)):
        shown = example(landmarks=np.array([[x, 5.0, 1.0], [20.0, 5.0, 0.0]]))
        assert sees_parts(preprocess, shown, 20, 20, "points") == is_seen
        shown = example(part_boxes=np.array([[x - 0.4, 0.0, x + 0.5, 9.0], NAN_ROW]))
        assert sees_parts(preprocess, shown, 20, 20, "boxes") == is_seen
    assert sees_parts(preprocess, example(part_map=np.zeros((20, 40), np.uint8)), 20, 20, "masks")
