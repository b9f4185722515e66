"""Figures beside their floors."""

from whynet.web.figure_tiles import figure_tiles, floor_line


def test_a_stability_stands_beside_its_floor_which_has_no_tile_of_its_own():
    figures = {"f_cls": 0.9, "stability": 0.95, "stability_floor": 0.93}
    tiles = figure_tiles(figures)
    assert [(tile.name, tile.figure, tile.floor) for tile in tiles] == [
        ("F_cls", "90.0\N{NO-BREAK SPACE}%", ""),
        ("Stability", "0.95", "floor 0.93: the same with other x-features"),
    ]
    assert [tile.name for tile in figure_tiles(figures, ("stability", "o1"))] == ["Stability"]


def test_a_floor_that_was_not_measured_is_not_told():
    assert floor_line(None) == ""
    assert figure_tiles({"stability": 0.5})[0].floor == ""
