"""Where points and edges of a picture lie in what the network sees."""

import numpy as np
import pytest
import torch

from whynet.base.errors import SettingError
from whynet.models.preprocessing import Preprocessing
from whynet.workflows.view import View

PICTURE = np.zeros((20, 40, 3), np.uint8)
WHOLE = Preprocessing(height=10, width=80)
MIDDLE = Preprocessing(height=10, width=10, fit="crop")  # columns 10 to 30


def test_the_grid_is_that_of_the_input_unless_told_otherwise():
    assert View.through(WHOLE, PICTURE) == View(rectangle=(0.0, 0.0, 40.0, 20.0), height=10, width=80)
    assert View.through(MIDDLE, PICTURE, 3, 7) == View(rectangle=(10.0, 0.0, 30.0, 20.0), height=3, width=7)


@pytest.mark.parametrize(("preprocess", "box"), [(WHOLE, (24, 2.5, 48, 7.5)), (MIDDLE, (1, 2.5, 7, 7.5))])
def test_a_box_and_its_corners_go_one_way(preprocess, box):
    view = View.through(preprocess, PICTURE)
    assert view.box((12.0, 5.0, 24.0, 15.0)) == box
    corners = view.landmarks(np.array([[12.0, 5.0, 1.0], [24.0, 15.0, 0.0]]))
    np.testing.assert_array_equal(corners, [[*box[:2], 1], [*box[2:], 0]])


@pytest.mark.parametrize("preprocess", [WHOLE, MIDDLE])
def test_centres_are_half_a_pixel_from_the_edges(preprocess):
    view = View.through(preprocess, PICTURE)
    x, y = view.centres()
    points = np.array([[x[0], y[0], 1.0], [x[-1], y[-1], 1.0]])
    expected = [[0.5, 0.5, 1], [view.width - 0.5, view.height - 0.5, 1]]
    np.testing.assert_allclose(view.landmarks(points), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("preprocess", [WHOLE, MIDDLE])
def test_points_of_the_grid_find_back_to_the_picture(preprocess):
    view = View.through(preprocess, PICTURE)
    points = np.array([[12.0, 5.0], [24.5, 15.25]])
    on_grid = view.landmarks(np.column_stack([points, np.ones(2)]))[:, :2]
    np.testing.assert_allclose(view.in_picture(on_grid), points, rtol=0, atol=1e-12)


def test_other_functions_do_not_say_what_they_show():
    with pytest.raises(SettingError, match=r"through a whynet Preprocessing, .* but not through test_other.*lambda"):
        View.through(lambda pictures: torch.zeros(len(pictures), 3, 8, 8), PICTURE)
