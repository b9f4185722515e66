"""Cells have their places in pixels."""

import torch

from whynet.structures.explanatory_graph.grid import Grid


def test_the_middles_of_the_cells_in_pixels():
    own = Grid.over((12, 20), torch.zeros(2, 3, 2, 5, dtype=torch.double))
    assert own.rows.tolist() == [3, 9]
    assert own.columns.tolist() == [2, 6, 10, 14, 18]
    assert own.rows.dtype == torch.double
    assert (own.map_size, own.cell, own.area, own.least_sigma) == ((2, 5), (6, 4), 240, 3)
