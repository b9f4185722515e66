"""Compared with algorithm 1 in loops, with scipy's nearest neighbours, and with the enlarging that it saves."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial import cKDTree

from whynet.base.errors import DataError, SettingError
from whynet.metrics import box_weights, mask_weights, point_weights, pulled_back

HEIGHT, WIDTH = 18, 25
BOX = (3.2, 2.5, 21.0, 30.0)  # overhangs the picture below


def random_landmarks(seed, parts=6):
    """Points within BOX and the picture; parts 1 and 4 cannot be seen."""
    draw = np.random.default_rng(seed)
    landmarks = np.ones((parts, 3))
    landmarks[:, 0] = draw.uniform(3.2, 21, parts)
    landmarks[:, 1] = draw.uniform(2.5, 18, parts)
    landmarks[[1, 4]] = (np.nan, 0, 0)
    return landmarks


def slow_point_weights(landmarks, box, height, width):
    """Algorithm 1, pixel by pixel."""
    x0, y0, x1, y1 = box
    weights = np.zeros((len(landmarks) + 1, height, width))
    cells = {part: [] for part in range(len(landmarks)) if landmarks[part][2]}
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5, row + 0.5
            if not (x0 <= x < x1 and y0 <= y < y1):
                weights[-1, row, column] = 1
                continue
            distances = {p: math.dist((x, y), landmarks[p][:2]) for p in cells}
            nearest = min(distances, key=distances.get)
            cells[nearest].append((distances[nearest], row, column))
    for part, cell in cells.items():
        largest = max((distance for distance, _, _ in cell), default=None)
        for distance, row, column in cell:
            weights[part, row, column] = 1 - (distance / largest if len(cell) > 1 else 0)
    return weights


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("box", [BOX, None])
def test_points_equal_algorithm_1_in_loops(seed, box):
    landmarks = random_landmarks(seed)
    found = point_weights(landmarks, box, HEIGHT, WIDTH)
    expected = slow_point_weights(landmarks, box or (0, 0, WIDTH, HEIGHT), HEIGHT, WIDTH)
    assert found.shape == (7, HEIGHT, WIDTH)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_cells_are_those_of_the_nearest_neighbour():
    landmarks = random_landmarks(7, parts=9)
    found = point_weights(landmarks, None, HEIGHT, WIDTH).numpy()
    visible = np.flatnonzero(landmarks[:, 2])
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distances, nearest = cKDTree(landmarks[visible, :2]).query(np.stack([columns + 0.5, rows + 0.5], -1))
    for index, part in enumerate(visible):
        cell = nearest == index
        farthest = distances[cell].max()
        np.testing.assert_allclose(found[part][cell], 1 - distances[cell] / farthest, atol=1e-6)
        assert not found[part][~cell].any()


def test_each_pixel_belongs_to_one_part_or_to_the_context():
    landmarks = random_landmarks(1)
    found = point_weights(landmarks, BOX, HEIGHT, WIDTH)
    assert ((found > 0).sum(0) <= 1).all()
    assert ((found >= 0) & (found <= 1)).all()
    inside = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    inside[2:, 3:21] = True
    assert torch.equal(found[-1], (~inside).float())
    assert not found[[1, 4]].any()


def test_weights_move_with_the_picture_and_not_with_the_order():
    landmarks = random_landmarks(2)
    straight = point_weights(landmarks, (3.0, 2.0, 21.0, 15.0), HEIGHT, WIDTH)
    moved = point_weights(landmarks + np.array([2, 3, 0]), (5.0, 5.0, 23.0, 18.0), HEIGHT, WIDTH)
    torch.testing.assert_close(moved[:-1, 3:, 2:], straight[:-1, :-3, :-2])
    order = [3, 0, 5, 1, 4, 2]
    torch.testing.assert_close(
        point_weights(landmarks[order], BOX, HEIGHT, WIDTH), point_weights(landmarks, BOX, HEIGHT, WIDTH)[[*order, 6]]
    )


def test_the_pixel_of_the_point_weighs_1_and_the_farthest_0():
    found = point_weights(np.array([[0.5, 0.5, 1.0]]), None, 1, 5)
    torch.testing.assert_close(found[0], torch.tensor([[1.0, 0.75, 0.5, 0.25, 0.0]]))


def test_cells_of_one_pixel_or_of_equally_far_ones_weigh_1():
    lone = point_weights(np.array([[0.1, 0.4, 1.0], [1.5, 0.5, 1.0]]), None, 1, 4)
    torch.testing.assert_close(lone[0], torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    corner = point_weights(np.array([[1.0, 1.0, 1.0]]), None, 2, 2)  # half a diagonal from each pixel
    torch.testing.assert_close(corner[0], torch.ones(2, 2))


def test_a_tie_goes_to_the_first_and_a_second_part_on_the_same_point_has_no_pixel():
    found = point_weights(np.array([[0.5, 0.5, 1.0], [2.5, 0.5, 1.0], [2.5, 0.5, 1.0]]), None, 1, 3)
    torch.testing.assert_close(found[0], torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(found[1], torch.tensor([[0.0, 0.0, 1.0]]))
    assert not found[2:].any()
    near = point_weights(np.array([[0.5, 0.5, 1.0], [3.5, 0.5, 1.0]]), (0.0, 0.0, 3.0, 1.0), 1, 4)
    torch.testing.assert_close(near[-1], torch.tensor([[0.0, 0.0, 0.0, 1.0]]))


def slow_box_weights(boxes, height, width):
    weights = np.zeros((len(boxes) + 1, height, width))
    for row in range(height):
        for column in range(width):
            holding = [
                ((x1 - x0) * (y1 - y0), part)
                for part, (x0, y0, x1, y1) in enumerate(boxes)
                if x0 <= column + 0.5 < x1 and y0 <= row + 0.5 < y1
            ]
            weights[min(holding)[1] if holding else -1, row, column] = 1
    return weights


@pytest.mark.parametrize("seed", range(4))
def test_boxes_equal_loops(seed):
    draw = np.random.default_rng(seed)
    corners = draw.uniform(-3, 15, (6, 2))
    boxes = np.concatenate([corners, corners + draw.uniform(4, 12, (6, 2))], 1)
    boxes[2] = np.nan
    boxes[5] = boxes[3]  # equally large: the first
    found = box_weights(boxes, HEIGHT, WIDTH)
    np.testing.assert_array_equal(found.numpy(), slow_box_weights(boxes, HEIGHT, WIDTH))
    assert (found.sum(0) == 1).all()
    assert not found[[2, 5]].any()


def test_the_smallest_box_has_the_pixel_whatever_the_order():
    head, eye = [0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 2.0, 2.0]
    for boxes, of_eye in (([head, eye], 1), ([eye, head], 0)):
        found = box_weights(np.array(boxes), 4, 5)
        assert found[of_eye].nonzero().tolist() == [[1, 1]]
        assert found[1 - of_eye].sum() == 15
        assert found[-1].sum() == 4


def test_masks_are_one_hot_with_the_context_last():
    part_map = np.random.default_rng(0).integers(0, 4, (HEIGHT, WIDTH)).astype(np.uint8)
    found = mask_weights(part_map, 5)
    expected = F.one_hot(torch.from_numpy(part_map).long(), 6).permute(2, 0, 1).float()
    assert torch.equal(found, expected[[1, 2, 3, 4, 5, 0]])
    assert (found.sum(0) == 1).all()
    assert mask_weights(np.zeros((2, 3), np.uint8), 2)[-1].all()


@pytest.mark.parametrize(
    ("rows", "columns", "height", "width"), [(7, 7, 28, 28), (4, 5, 13, 17), (1, 3, 6, 3), (8, 6, 8, 6), (9, 4, 5, 11)]
)
def test_pulling_back_saves_enlarging(rows, columns, height, width):
    draw = torch.Generator().manual_seed(rows)
    weights = torch.rand(2, 3, height, width, generator=draw).double()
    maps = torch.rand(2, 4, rows, columns, generator=draw).double().requires_grad_()
    enlarged = F.interpolate(maps, (height, width), mode="bilinear", align_corners=False)
    pulled, area = pulled_back(weights, rows, columns)
    torch.testing.assert_close(
        torch.einsum("bfrc,bprc->bfp", maps, pulled), torch.einsum("bfhw,bphw->bfp", enlarged, weights)
    )
    torch.testing.assert_close(torch.einsum("bfrc,rc->bf", maps, area), enlarged.sum((2, 3)))
    # The adjoint is what autograd sends back.
    (gradient,) = torch.autograd.grad(enlarged, maps, weights[:, :1].expand_as(enlarged))
    torch.testing.assert_close(gradient, pulled[:, :1].expand_as(maps))


def test_pulling_back_loses_no_weight_and_keeps_the_precision():
    weights = torch.rand(1, 2, 20, 30, generator=torch.Generator().manual_seed(0))
    pulled, area = pulled_back(weights, 5, 6)
    assert pulled.dtype == area.dtype == torch.float32
    torch.testing.assert_close(pulled.sum((2, 3)), weights.sum((2, 3)))
    torch.testing.assert_close(pulled_back(torch.ones(1, 1, 20, 30), 5, 6)[0][0, 0], area)
    torch.testing.assert_close(area.sum(), torch.tensor(600.0))


@pytest.mark.parametrize(
    ("change", "box", "message"),
    [
        (lambda points: points * [1, 1, 0], BOX, "at least 1 visible part was expected, but none of the 3 is"),
        (lambda points: points * [np.inf, 1, 1], BOX, "finite points of visible parts were expected"),
        (None, (25.0, 0.0, 30.0, 9.0), r"of 25 x 18 was expected, but \(25, 0, 30, 9\) holds none"),
        (None, (4.6, 2.0, 5.4, 9.0), r"\(4.6, 2, 5.4, 9\) holds none"),  # between two columns of centres
        (None, (np.nan, 0.0, 5.0, 5.0), r"\(nan, 0, 5, 5\) holds none"),
    ],
)
def test_points_that_say_nothing_are_refused(change, box, message):
    points = np.array([[4.0, 4.0, 1.0], [8.0, 5.0, 1.0], [6.0, 9.0, 1.0]])
    with pytest.raises(DataError, match=message):
        point_weights(points if change is None else change(points), box, HEIGHT, WIDTH)


def test_boxes_and_masks_that_say_nothing_are_refused():
    with pytest.raises(DataError, match="the box of at least 1 part was expected, but none of the 2 has one"):
        box_weights(np.full((2, 4), np.nan), HEIGHT, WIDTH)
    with pytest.raises(DataError, match=r"\(-5, 1, 0, 4\) holds none"):
        box_weights(np.array([[1.0, 1.0, 4.0, 4.0], [-5.0, 1.0, 0.0, 4.0]]), HEIGHT, WIDTH)
    with pytest.raises(DataError, match=r"\(1, nan, 4, 4\) holds none"):
        box_weights(np.array([[1.0, np.nan, 4.0, 4.0]]), HEIGHT, WIDTH)
    with pytest.raises(DataError, match="a map of parts from 1 to 2 was expected, but one has part 3"):
        mask_weights(np.array([[0, 3]], np.uint8), 2)
    with pytest.raises(SettingError, match="at least 1 x 1 position was expected, not 0 x 2"):
        pulled_back(torch.ones(1, 1, 4, 4), 0, 2)
