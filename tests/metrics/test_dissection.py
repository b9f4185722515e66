"""Compared with the definition in loops over pixels, enlargement included; a perfect detector has an IoU of 1."""

import math

import pytest
import torch

import whynet.metrics.dissection
from whynet.base.errors import DataError, SettingError
from whynet.metrics import Dissection

ROWS, COLUMNS, HEIGHT, WIDTH = 3, 4, 7, 10


def random_data(seed, images=6, filters=4, parts=3):
    """Filter 3 never fires, part 2 is never there, and part 0 is there once without a mask."""
    draw = torch.Generator().manual_seed(seed)
    maps = torch.rand(images, filters, ROWS, COLUMNS, generator=draw)
    maps[:, 3] = 0
    masks = torch.randint(0, 5, (images, parts, HEIGHT, WIDTH), generator=draw) / 4
    masks[..., 5:] = 0
    present = torch.rand(images, parts, generator=draw) < 0.8
    present[:, 2] = False
    present[1, 0] = present[2, 0] = True
    masks[1, 0] = 0
    return maps, masks, present


def enlarged(values, row, column):
    """Bilinear, from centre to centre; beyond the outer centres the edge goes on."""
    weighted = 0.0
    y, x = (
        (place + 0.5) * small / large - 0.5 for place, small, large in ((row, ROWS, HEIGHT), (column, COLUMNS, WIDTH))
    )
    y, x = min(max(y, 0), ROWS - 1), min(max(x, 0), COLUMNS - 1)
    for r in range(ROWS):
        for c in range(COLUMNS):
            weighted += max(0, 1 - abs(y - r)) * max(0, 1 - abs(x - c)) * values[r][c]
    return weighted


def slow_iou(maps, masks, present, thresholds):
    found = []
    for f in range(maps.shape[1]):
        found.append([])
        for k in range(masks.shape[1]):
            overlap = union = 0.0
            for i in range(len(maps)):
                if not (bool(present[i, k]) and float(masks[i, k].sum()) > 0):
                    continue
                for row in range(HEIGHT):
                    for column in range(WIDTH):
                        inside = float(enlarged(maps[i, f].tolist(), row, column) > thresholds[f])
                        share = float(masks[i, k, row, column])
                        overlap += min(inside, share)
                        union += max(inside, share)
            found[-1].append(overlap / union if union else math.nan)
    return found


def dissected(maps, masks, present, thresholds, **options):
    metric = Dissection(maps.shape[1], masks.shape[1], thresholds, **options)
    metric.update(maps, masks, present)
    return metric.compute()


def test_equals_the_definition_in_loops():
    maps, masks, present = random_data(0)
    thresholds = torch.tensor([0.3, 0.6, 0.8, 0.0])
    found = dissected(maps, masks, present, thresholds, iou=0.15)
    expected = slow_iou(maps, masks, present, thresholds.tolist())
    for own, theirs in zip(found.iou.tolist(), expected, strict=True):
        assert own == pytest.approx(theirs, nan_ok=True)
    best = [max(row[:2]) for row in expected]
    assert found.part.tolist() == [row.index(value) for row, value in zip(expected, best, strict=True)]
    detects = [value > 0.15 for value in best]
    assert found.is_detector.tolist() == detects
    assert found.detectors == sum(detects)
    assert 0 < sum(detects) < 4
    assert found.unique_detectors == len({int(part) for part, own in zip(found.part, detects, strict=True) if own})
    counted = present.clone()
    counted[1, 0] = False
    assert found.images.tolist() == counted.sum(0).tolist()
    assert found.empty_masks.tolist() == [1, 0, 0]


def test_maps_at_the_size_of_the_masks_are_compared_as_they_are():
    masks = torch.zeros(2, 3, HEIGHT, WIDTH, dtype=torch.bool)
    masks[:, 0, :3, :4] = masks[:, 1, 5:] = masks[:, 2, 4, 8:] = True
    maps = torch.stack([masks[:, 0], masks[:, 1], masks[:, 1], ~masks.any(1)], 1).float() * 3
    found = dissected(maps, masks, torch.ones(2, 3, dtype=torch.bool), torch.ones(4))
    assert found.iou[:3].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert found.iou[3].tolist() == [0, 0, 0]
    assert found.part.tolist() == [0, 1, 1, 0]
    assert found.is_detector.tolist() == [True, True, True, False]
    assert (found.detectors, found.unique_detectors) == (3, 2)


def test_only_images_with_the_part_count():
    masks = torch.ones(2, 1, 1, 1, dtype=torch.bool)
    maps = torch.ones(2, 1, 1, 1)  # maps of one position
    assert dissected(maps, masks, torch.tensor([[True], [False]]), torch.zeros(1)).iou.tolist() == [[1]]
    maps[1] = 0
    assert dissected(maps, masks, torch.tensor([[True], [True]]), torch.zeros(1)).iou.tolist() == [[0.5]]


def test_an_iou_of_just_the_limit_is_not_enough():
    maps, there = torch.ones(1, 1, 1, 1), torch.ones(1, 1, dtype=torch.bool)
    for columns, detects in ((24, True), (25, False)):
        masks = torch.zeros(1, 1, 1, columns)
        masks[..., 0] = 1
        assert dissected(maps, masks, there, torch.zeros(1)).is_detector.tolist() == [detects]


@pytest.mark.parametrize("most", [1, 150, 1 << 22])
def test_neither_batches_nor_devices_nor_pieces_matter_and_memory_does_not_grow(most, monkeypatch):
    maps, masks, present = random_data(1)
    thresholds = torch.tensor([0.3, 0.6, 0.8, 0.0])
    expected = dissected(maps, masks, present, thresholds)
    monkeypatch.setattr(whynet.metrics.dissection, "MOST_ENTRIES", most)
    ours, theirs = Dissection(4, 3, thresholds), Dissection(4, 3, thresholds)
    sizes = {name: state.shape for name, state in ours.metric_state.items()}
    for metric, batch in ((theirs, slice(2)), (ours, slice(2, 3)), (ours, slice(3, 6))):
        metric.update(maps[batch], masks[batch], present[batch])
    ours.merge_state(theirs)
    found = ours.compute()
    torch.testing.assert_close(found.iou, expected.iou, rtol=0, atol=0, equal_nan=True)  # quarters add up exactly
    assert torch.equal(found.images, expected.images)
    assert torch.equal(found.empty_masks, expected.empty_masks)
    assert {name: state.shape for name, state in ours.metric_state.items()} == sizes
    assert {reduction.__name__ for reduction in ours._reductions.values()} == {"dim_zero_sum"}


def test_without_any_part_nothing_is_detected():
    maps, masks, present = random_data(2)
    found = dissected(maps, masks, present & False, torch.zeros(4))
    assert found.iou.isnan().all()
    assert found.part.tolist() == [-1] * 4
    assert (found.detectors, found.unique_detectors) == (0, 0)


def test_what_does_not_fit_is_refused():
    maps, masks, present = random_data(3)
    metric = Dissection(4, 3, torch.zeros(4))
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        metric.compute()
    with pytest.raises(DataError, match="maps of 4 filters were expected, but 3 came"):
        metric.update(maps[:, :3], masks, present)
    with pytest.raises(DataError, match="masks of 6 images x 3 parts"):
        metric.update(maps, masks[:, :2], present)
    with pytest.raises(DataError, match="maps without NaN or infinity"):
        metric.update(maps * math.nan, masks, present)
    for iou in (-0.1, 1.0, math.nan):
        with pytest.raises(SettingError, match=f"an IoU of at least 0 and below 1 was expected, not {iou}"):
            Dissection(4, 3, torch.zeros(4), iou=iou)
    with pytest.raises(SettingError, match="num_filters = 0"):
        Dissection(0, 3, torch.zeros(0))
    with pytest.raises(SettingError, match="finite thresholds of at least 0"):
        Dissection(4, 3, torch.full((4,), math.nan))
