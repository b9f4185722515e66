"""Compared with a replica in loops; its floors are what they say; it fails where there is nothing to point at."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from whynet.base.errors import DataError, SettingError
from whynet.metrics import PointingGame, box_regions


def replica(maps, regions, tolerance):
    """Walks over all pixels of all images."""
    hits = chance = centre = 0.0
    for heat, region in zip(maps, regions, strict=True):
        height, width = region.shape
        enlarged = F.interpolate(heat[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]
        points = [(y, x) for y in range(height) for x in range(width) if region[y, x]]

        def near(y, x, points=points):
            return any((y - v) ** 2 + (x - u) ** 2 <= tolerance**2 for v, u in points)

        best = max(float(value) for value in enlarged.flatten())
        tops = [(y, x) for y in range(height) for x in range(width) if abs(float(enlarged[y, x]) - best) < 1e-9]
        hits += sum(near(*top) for top in tops) / len(tops)
        chance += sum(near(y, x) for y in range(height) for x in range(width)) / (height * width)
        centre += near(height // 2, width // 2)
    return hits / len(maps), chance / len(maps), centre / len(maps)


@pytest.mark.parametrize("tolerance", [0.0, 1.5, 3.0])
def test_equals_a_replica_in_loops(tolerance):
    draw = torch.Generator().manual_seed(1)
    maps = torch.rand(6, 4, 5, generator=draw).double()
    maps[0] = 0.5  # the same everywhere
    maps[1, 0, 0] = maps[1, 3, 4] = 2.0  # two maxima
    regions = torch.rand(6, 12, 15, generator=draw) < 0.05
    regions[:, 2, 3] = True
    game = PointingGame(tolerance_pixels=tolerance)
    game.update(maps[:2], regions[:2])
    game.update(maps[2:], regions[2:])
    found = game.compute()
    expected = replica(maps, regions, tolerance)
    assert (found["accuracy"], found["chance"], found["centre"]) == pytest.approx(expected)
    assert found["n"] == 6


def test_a_map_that_is_the_same_everywhere_scores_as_chance():
    regions = torch.zeros(2, 8, 8, dtype=torch.bool)
    regions[0, :2] = regions[1, :, :6] = True
    game = PointingGame()
    game.update(torch.zeros(2, 2, 2), regions)
    found = game.compute()
    assert found["accuracy"] == found["chance"] == (0.25 + 0.75) / 2
    assert found["centre"] == 0.5


def test_a_map_of_the_region_always_hits_and_its_opposite_never():
    regions = torch.zeros(1, 16, 16, dtype=torch.bool)
    regions[0, 2:5, 9:12] = True
    right, wrong = PointingGame(), PointingGame()
    right.update(regions.float(), regions)
    wrong.update(1 - regions.float(), regions)
    assert right.compute()["accuracy"] == 1
    assert wrong.compute()["accuracy"] == 0


def test_tolerance_is_measured_from_the_nearest_pixel():
    regions = torch.zeros(1, 20, 20, dtype=torch.bool)
    regions[0, 10, 10] = True
    heat = torch.zeros(1, 20, 20)
    heat[0, 10, 14] = 1
    for tolerance, expected in ((3.9, 0), (4.0, 1)):
        game = PointingGame(tolerance_pixels=tolerance)
        game.update(heat, regions)
        found = game.compute()
        assert found["accuracy"] == expected
        away = distance_transform_edt(~regions[0].numpy())
        assert found["chance"] == pytest.approx(np.mean(away <= tolerance))


def test_a_box_holds_the_pixels_whose_centre_it_holds():
    found = box_regions(torch.tensor([[1.0, 0.0, 3.0, 2.0], [0.6, 0.4, 4.0, 1.4]]), 3, 4)
    assert found[0].int().tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert found[1].int().tolist() == [[0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_says_what_it_cannot_play():
    game = PointingGame()
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="needs at least 1 image"):
        game.compute()
    with pytest.raises(DataError, match="that of image 1 has none"):
        game.update(torch.rand(2, 2, 2), torch.tensor([True, False])[:, None, None].expand(2, 4, 4))
    with pytest.raises(DataError, match="NaN"):
        game.update(torch.full((1, 2, 2), float("nan")), torch.ones(1, 4, 4, dtype=torch.bool))
    with pytest.raises(SettingError, match="at least 0 pixels was expected, not -1"):
        PointingGame(tolerance_pixels=-1.0)
