"""Part hits compared with their definition in loops, and what counts as no hit."""

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics import part_hits

SIZE = (40, 60)


def random_data(images=12, points=5, parts=3):
    draw = torch.Generator().manual_seed(0)
    positions = (torch.rand(images, points, 2, generator=draw) * 1.4 - 0.2) * torch.tensor(SIZE)
    scores = (torch.rand(images, points, generator=draw) - 0.2).clamp(min=0)
    masks = torch.rand(images, parts, 4, 6, generator=draw) < 0.4
    return positions, scores, masks, torch.rand(images, parts, generator=draw) < 0.7


def test_equals_the_definition_in_loops():
    positions, scores, masks, present = random_data()
    found = part_hits(positions, scores, masks, present, size=SIZE)
    for point in range(5):
        for part in range(3):
            hits = []
            for image in range(12):
                if not present[image, part]:
                    continue
                y, x = (float(own) for own in positions[image, point])
                inside = 0 <= y < 40 and 0 <= x < 60 and scores[image, point] > 0
                hits.append(inside and bool(masks[image, part, int(y // 10), int(x // 10)]))
            assert float(found[point, part]) == pytest.approx(sum(hits) / len(hits))


def test_a_part_that_too_few_images_show_has_no_share():
    positions, scores, masks, present = random_data()
    present[:, 1] = False
    present[:2, 1] = True
    assert part_hits(positions, scores, masks, present, size=SIZE, min_images=3).isnan().all(0).tolist() == [
        False, True, False,
    ]  # fmt: skip


def test_what_cannot_be_measured():
    positions, scores, masks, present = random_data()
    with pytest.raises(SettingError, match="min_images"):
        part_hits(positions, scores, masks, present, size=SIZE, min_images=0)
    with pytest.raises(DataError, match="of the same images were expected"):
        part_hits(positions, scores, masks[1:], present, size=SIZE)
