"""Compared with the definition in loops over units and cells; a part that is covered exactly is always found."""

import math
from fractions import Fraction

import pytest
import torch

import whynet.metrics.part_interpretability
from whynet.base.errors import DataError, SettingError
from whynet.metrics import PartInterpretability, discs

SIZE, GRID, ROWS, COLUMNS = (30, 52), (6, 8), 3, 4


def unit_centres():
    """Farther apart across than down, the first outside the image."""
    down, across = torch.arange(ROWS) * 11.0 - 1, torch.arange(COLUMNS) * 14.0 + 3
    return torch.stack(torch.meshgrid(down, across, indexing="ij"), -1)


def random_data(seed, images=9, filters=5, parts=4):
    """Filter 4 never counts, part 3 is never there, and part 0 is there once without a mask."""
    draw = torch.Generator().manual_seed(seed)
    maps = torch.rand(images, filters, ROWS, COLUMNS, generator=draw)
    maps[2, 1] = 0
    masks = torch.zeros(images, parts, *GRID)
    for image in range(images):
        for part in range(parts):
            top, left = (int(torch.randint(high - 3, (), generator=draw)) for high in GRID)
            masks[image, part, top : top + 4, left : left + 4] = torch.randint(1, 5, (), generator=draw) / 4
    present = torch.rand(images, parts, generator=draw) < 0.8
    present[:, 3] = False
    present[1, 0] = True
    masks[1, 0] = 0
    counted = torch.rand(images, filters, generator=draw) < 0.7
    counted[:, 4] = False
    return maps, masks, present, counted


def slow_counts(maps, masks, present, counted, thresholds, radius, iou=Fraction(1, 5)):
    """Hits and images with the part of each filter and part."""
    images, filters, parts = len(maps), maps.shape[1], masks.shape[1]
    hits, shown = ([[0] * parts for _ in range(filters)] for _ in range(2))
    for i in range(images):
        for f in range(filters):
            region = set()
            for r in range(ROWS):
                for c in range(COLUMNS):
                    if float(maps[i, f, r, c]) > thresholds[f]:
                        y, x = r * 11.0 - 1, c * 14.0 + 3
                        for v in range(GRID[0]):
                            for u in range(GRID[1]):
                                if math.hypot((v + 0.5) * 5 - y, (u + 0.5) * 6.5 - x) <= radius:
                                    region.add((v, u))
            for k in range(parts):
                part = {(v, u): Fraction(float(masks[i, k, v, u])) for v in range(GRID[0]) for u in range(GRID[1])}
                area = sum(part.values())
                if not (counted[i][f] and present[i][k] and area):
                    continue
                overlap = sum(part[cell] for cell in region)
                shown[f][k] += 1
                hits[f][k] += overlap / (len(region) + area - overlap) > iou
    return hits, shown


def measured(maps, masks, present, counted, thresholds, radius=9.0, **options):
    metric = PartInterpretability(maps.shape[1], masks.shape[1], thresholds, **options)
    metric.update(maps, masks, present, discs(unit_centres(), radius, SIZE, GRID), counted)
    return metric.compute()


@pytest.mark.parametrize(("seed", "radius"), [(0, 9.0), (1, 16.5)])
def test_equals_the_definition_in_loops(seed, radius):
    maps, masks, present, counted = random_data(seed)
    thresholds = torch.tensor([0.6, 0.8, 0.9, 0.3, 0.0])
    found = measured(maps, masks, present, counted, thresholds, radius)
    hits, shown = slow_counts(maps, masks, present.tolist(), counted.tolist(), thresholds.tolist(), radius)
    assert any(0 < hits[f][k] < shown[f][k] for f in range(5) for k in range(4))
    expected = [[hits[f][k] / shown[f][k] if shown[f][k] else math.nan for k in range(4)] for f in range(5)]
    for own, theirs in zip(found.per_part.tolist(), expected, strict=True):
        assert own == pytest.approx(theirs, nan_ok=True)
    assert found.images_with_part.tolist() == shown
    best = [max(value for value in row[:3]) for row in expected[:4]]
    assert found.score.tolist() == pytest.approx([*best, math.nan], nan_ok=True)
    assert found.part.tolist() == [*(row.index(value) for row, value in zip(expected, best, strict=False)), -1]
    assert found.part_interpretability == pytest.approx(sum(best) / 4)
    assert found.left_out == 1
    assert found.images.tolist() == counted.sum(0).tolist()
    assert found.empty_masks.tolist() == [1, 0, 0, 0]
    empty = [
        sum(bool(counted[i, f]) and not bool((maps[i, f] > thresholds[f]).any()) for i in range(9)) for f in range(5)
    ]
    assert found.without_region.tolist() == empty
    assert empty[1] >= int(counted[2, 1])


def test_a_filter_on_one_part_is_sure_of_it_and_one_that_switches_is_not():
    fields = discs(unit_centres(), 9.0, SIZE, GRID)
    masks = torch.stack([fields[5] | fields[6], fields[11]]).expand(4, 2, *GRID)
    maps = torch.zeros(4, 3, ROWS, COLUMNS)
    maps[:, 0, 1, 1:3] = 1
    maps[:3, 1, 2, 3] = maps[3:, 1, 1, 1] = 1
    maps[:, 2] = 1  # everywhere: covers both parts, but mostly what is neither
    metric = PartInterpretability(3, 2, torch.zeros(3))
    metric.update(maps, masks, torch.ones(4, 2, dtype=torch.bool), fields)
    found = metric.compute()
    assert found.per_part[:2].tolist() == [[1, 0], [0.25, 0.75]]
    assert found.score[:2].tolist() == [1, 0.75]
    assert found.part[:2].tolist() == [0, 1]
    assert found.without_region.tolist() == [0, 0, 0]
    assert found.images.tolist() == [4, 4, 4]


def test_an_iou_of_just_the_limit_is_not_enough_and_shares_of_cells_count():
    fields = torch.zeros(1, 1, 5, dtype=torch.bool)
    fields[0, 0, 0] = True
    masks = torch.ones(2, 1, 1, 5)
    masks[1, 0, 0, 4] = 0.5  # an IoU of 1 / 5 and of 1 / 4.5
    metric = PartInterpretability(1, 1, torch.zeros(1))
    metric.update(torch.ones(2, 1, 1, 1), masks, torch.ones(2, 1, dtype=torch.bool), fields)
    assert metric.compute().per_part.tolist() == [[0.5]]
    strict = PartInterpretability(1, 1, torch.zeros(1), iou=0.3)
    strict.update(torch.ones(2, 1, 1, 1), masks, torch.ones(2, 1, dtype=torch.bool), fields)
    assert strict.compute().part_interpretability == 0


@pytest.mark.parametrize("most", [1, 60, 1 << 22])
def test_neither_batches_nor_devices_nor_pieces_matter_and_memory_does_not_grow(most, monkeypatch):
    maps, masks, present, counted = random_data(2)
    thresholds = torch.full((5,), 0.7)
    expected = measured(maps, masks, present, counted, thresholds)
    monkeypatch.setattr(whynet.metrics.part_interpretability, "MOST_ENTRIES", most)
    fields = discs(unit_centres(), 9.0, SIZE, GRID)
    ours, theirs = PartInterpretability(5, 4, thresholds), PartInterpretability(5, 4, thresholds)
    sizes = {name: state.shape for name, state in ours.metric_state.items()}
    for metric, batch in ((theirs, slice(3)), (ours, slice(3, 4)), (ours, slice(4, 9))):
        metric.update(maps[batch], masks[batch], present[batch], fields, counted[batch])
    ours.merge_state(theirs)
    found = ours.compute()
    torch.testing.assert_close(found.per_part, expected.per_part, rtol=0, atol=0, equal_nan=True)
    for name in ("images", "without_region", "empty_masks", "images_with_part"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert {name: state.shape for name, state in ours.metric_state.items()} == sizes
    assert {reduction.__name__ for reduction in ours._reductions.values()} == {"dim_zero_sum"}


def test_masks_of_either_kind_are_the_same_and_those_of_absent_parts_are_not_read():
    maps, masks, present, counted = random_data(3)
    whole, other = masks.ceil(), masks.ceil().bool()
    other[~present] ^= True
    found = [measured(maps, own, present, counted, torch.full((5,), 0.7)).per_part for own in (whole, other)]
    torch.testing.assert_close(*found, rtol=0, atol=0, equal_nan=True)


def test_maps_that_never_fire_go_with_no_part_and_without_any_part_there_is_no_score():
    maps, masks, present, counted = random_data(4)
    silent = measured(0 * maps, masks, present, counted, torch.zeros(5))
    assert silent.part_interpretability == 0
    assert silent.without_region.tolist() == counted.sum(0).tolist()
    nothing = measured(maps, masks, present & False, counted, torch.zeros(5))
    assert math.isnan(nothing.part_interpretability)
    assert (nothing.left_out, nothing.part.tolist()) == (5, [-1] * 5)
    assert nothing.per_part.isnan().all()


def test_a_disc_covers_the_cells_whose_centre_is_within_its_radius():
    one = discs(torch.tensor([[[3.0, 4.0]]]), 2.0, (6, 12), (3, 4))  # cells of 2 x 3 pixels
    assert one.int().tolist() == [[[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]]
    assert discs(torch.tensor([[[3.0, 4.5]]]), 2.0, (6, 12), (3, 4)).int().tolist() == [
        [[0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    ]
    two = discs(torch.tensor([[[-2.0, 0.0], [1.0, 1.5]]]), 1.0, (6, 12), (3, 4))
    assert two.flatten(1).sum(1).tolist() == [0, 1]  # the first lies outside
    assert discs(unit_centres(), 1e3, SIZE, GRID).all()
    assert discs(unit_centres(), 1.0, SIZE, GRID).shape == (ROWS * COLUMNS, *GRID)


def test_discs_that_make_no_sense_are_refused():
    centres = torch.zeros(1, 1, 2)
    for radius, size, grid in ((0.0, SIZE, GRID), (math.nan, SIZE, GRID), (1.0, (0, 5), GRID), (1.0, SIZE, (4, 0))):
        with pytest.raises(SettingError, match="a radius above 0, an image and a grid were expected, not a radius of"):
            discs(centres, radius, size, grid)
    with pytest.raises(DataError, match="finite centres were expected"):
        discs(centres * math.nan, 1.0, SIZE, GRID)


def test_what_does_not_fit_is_refused():
    maps, masks, present, counted = random_data(5)
    fields = discs(unit_centres(), 9.0, SIZE, GRID)
    metric = PartInterpretability(5, 4, torch.zeros(5))
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        metric.compute()
    with pytest.raises(DataError, match="maps of 5 filters were expected, but 4 came"):
        metric.update(maps[:, :4], masks, present, fields, counted)
    with pytest.raises(DataError, match="masks of 9 images x 4 parts"):
        metric.update(maps, masks[:8], present, fields, counted)
    for wrong in (fields[:-1], fields[:, :-1], fields.transpose(1, 2)):
        with pytest.raises(DataError, match=r"fields of 12 units on a grid of 6 x 8 cells, .* but \(.*\) came"):
            metric.update(maps, masks, present, wrong, counted)
    with pytest.raises(DataError, match=r"for 9 images x 5 filters whether they count was expected, but \(9, 4\) came"):
        metric.update(maps, masks, present, fields, counted[:, :4])
    for iou in (-0.1, 1.0, math.nan):
        with pytest.raises(SettingError, match=f"an IoU of at least 0 and below 1 was expected, not {iou}"):
            PartInterpretability(5, 4, torch.zeros(5), iou=iou)
    with pytest.raises(SettingError, match="num_parts = 0 came"):
        PartInterpretability(5, 0, torch.zeros(5))
    with pytest.raises(SettingError, match="one threshold a filter, so 5, was expected, but 4 came"):
        PartInterpretability(5, 4, torch.zeros(4))
