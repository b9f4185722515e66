"""Pieces cover all images and maps once."""

import pytest
import torch

from whynet.structures.explanatory_graph import chunks as chunks_module
from whynet.structures.explanatory_graph.chunks import chunks


@pytest.mark.parametrize("entries", [1, 7, 40, 1000])
def test_every_map_of_every_image_is_in_one_piece(monkeypatch, entries):
    monkeypatch.setattr(chunks_module, "MOST_ENTRIES", 100)
    seen = torch.zeros(9, 5)
    for images, maps in chunks(9, 5, entries):
        seen[images, maps] += 1
        count = seen[images, maps].numel()
        assert count * entries <= 100 or count == 1
    assert bool((seen == 1).all())
