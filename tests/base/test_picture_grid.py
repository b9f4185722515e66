"""Pictures stand where they belong, whole, with their titles."""

import numpy as np
import pytest

from whynet.base.errors import SettingError
from whynet.base.picture_grid import picture_grid

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 60), (30, 60, 200)


def tile(colour, rows=8, columns=8):
    return np.full((rows, columns, 3), colour, np.uint8)


def extent(sheet, colour):
    """First and last row and column in which a colour is seen."""
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(2))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_pictures_stand_row_by_row():
    sheet = picture_grid([tile(RED), tile(GREEN), tile(BLUE)], columns=2, side=32)
    assert sheet.size == (2 * 32 + 3 * 16, 2 * 32 + 3 * 16)
    assert extent(sheet, RED) == (16, 47, 16, 47)
    assert extent(sheet, GREEN) == (16, 47, 64, 95)
    assert extent(sheet, BLUE) == (64, 95, 16, 47)
    assert sheet.getpixel((0, 0)) == (255, 255, 255)


def test_proportions_are_kept_and_large_pictures_shrink():
    sheet = picture_grid([tile(RED, 10, 40), tile(GREEN, 300, 100)], columns=2, side=60)
    top, bottom, left, right = extent(sheet, RED)
    assert (bottom - top + 1, right - left + 1) == (15, 60)
    top, bottom, left, right = extent(sheet, GREEN)
    assert (bottom - top + 1, right - left + 1) == (60, 20)
    assert left - (16 + 60 + 16) == 20  # in the middle of its cell


def ink(sheet, left, right):
    return (np.asarray(sheet.convert("L"))[:, left:right] < 120).any(1)


def test_titles_stand_below_within_their_cell_and_are_cut_where_too_long():
    plain = picture_grid([tile((250, 250, 250))], side=96)
    short = picture_grid([tile((250, 250, 250))], ["heron"], side=96)
    long = picture_grid([tile((250, 250, 250))], ["the great crested grebe " * 9], side=96)
    assert plain.height < short.height < long.height
    assert np.nonzero(ink(short, 0, short.width))[0].min() > 16 + 96
    for sheet in (short, long):
        assert sheet.width == plain.width
        assert not ink(sheet, 0, 14).any()
        assert not ink(sheet, sheet.width - 14, sheet.width).any()
    endless = picture_grid([tile((250, 250, 250))], ["x" * 500], side=96)
    assert not ink(endless, endless.width - 14, endless.width).any()
    untitled = picture_grid([tile(RED)] * 4).height
    assert picture_grid([tile(RED)] * 4, [""] * 4).height == untitled
    one_row = picture_grid([tile(RED)] * 4, ["heron", "", "", ""]).height - untitled
    assert picture_grid([tile(RED)] * 4, ["heron", "duck", "", ""]).height - untitled == one_row
    assert picture_grid([tile(RED)] * 4, ["heron", "", "duck", ""]).height - untitled == 2 * one_row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "at least one picture was expected, none came"),
        (([tile(RED)] * 2, ["one"]), "one title for each of 2 pictures was expected, not 1"),
        (([tile(RED)], [], 0), "cells of at least 16 pixels and 1 column were expected, not 192 and 0"),
        (([tile(RED)], [], 1, 3), "not 3 and 1"),
    ],
)
def test_what_makes_no_grid_is_told(arguments, message):
    pictures, *rest = arguments
    options = dict(zip(("titles", "columns", "side"), rest, strict=False))
    with pytest.raises(SettingError, match=message):
        picture_grid(pictures, **options)
