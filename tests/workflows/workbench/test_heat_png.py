import io

import numpy as np
import pytest
from PIL import Image

from whynet.workflows.workbench.heat_png import LONGEST_SIDE, heat_png


def _drawn(*given, **named):
    return np.asarray(Image.open(io.BytesIO(heat_png(*given, **named))))


def test_the_strongest_place_covers_most_and_nothing_is_clear():
    heat = np.array([[0.0, 0.0], [0.0, 2.0]], np.float32)
    drawn = _drawn(heat, (100, 200), None)
    assert drawn.shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 4)
    alpha = drawn[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[-1, -1] == alpha.max() > 200


def test_the_map_lies_where_the_network_looked():
    drawn = _drawn(np.ones((3, 3), np.float32), (100, 100), (25.0, 50.0, 75.0, 100.0))
    rows, columns = np.nonzero(drawn[..., 3])
    side = LONGEST_SIDE / 100
    assert (rows.min(), rows.max() + 1) == (round(50 * side), LONGEST_SIDE)
    assert (columns.min(), columns.max() + 1) == (round(25 * side), round(75 * side))


def test_signs_have_colours_of_their_own_and_one_scale():
    drawn = _drawn(np.array([[-1.0, 1.0]], np.float32), (40, 80), None, signed=True)
    left, right = drawn[0, 0, :3].astype(int), drawn[0, -1, :3].astype(int)
    assert left[2] > left[0]
    assert right[0] > right[2]
    weak = _drawn(np.array([[-1.0, 1.0]], np.float32), (40, 80), None, signed=True, scale=10.0)
    assert weak[..., 3].max() < drawn[..., 3].max()


def test_without_signs_what_is_against_is_clear():
    assert not _drawn(np.full((2, 2), -1.0, np.float32), (40, 40), None)[..., 3].any()


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 1)])
def test_any_picture_has_a_map(size):
    assert min(_drawn(np.ones((2, 2), np.float32), size, None).shape) >= 1
