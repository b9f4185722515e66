"""Text stays on its plate, and cells do not touch."""

import numpy as np
import pytest

from whynet.workflows.plates import Cell, grid, plate

BLACK = np.zeros((50, 80, 3), np.uint8)
LONG = "a sentence that is far too long for any plate " * 20


def ink(part):
    return (part.min(axis=2) < 200).any()


def test_a_plate_holds_its_picture_and_its_lines():
    drawn = plate(BLACK, ["first", LONG])
    assert (drawn == 0).all(axis=2).sum() >= 50 * 80
    below = drawn[8 + 50 :]
    assert ink(below[: below.shape[0] // 2])
    assert ink(below[below.shape[0] // 2 :])
    assert not ink(drawn[:, -4:])
    assert not ink(drawn[-2:])


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_a_grid_has_every_cell(count):
    cells = [Cell(name=f"n{number}", note=LONG, picture=BLACK) for number in range(count)]
    drawn = grid(LONG, cells, columns=3, side=80)
    assert (drawn == 0).all(axis=2).sum() >= count * 50 * 80
    assert not ink(drawn[:, -8:])
    assert not ink(drawn[-4:])


def test_a_reason_stays_in_its_cell():
    drawn = grid("title", [Cell(name="", reason=LONG), Cell(name="")], columns=2, side=200)
    own, other = np.hsplit(drawn[44:], 2)
    assert ink(own)
    assert not ink(other)
    grey = (own == 244).all(axis=2).any(axis=1).nonzero()[0]
    assert not ink(own[grey.max() + 1 :])  # nothing runs out at the bottom
