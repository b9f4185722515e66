"""Which test pictures the report shows: drawn at random, so that it shows no better than the truth."""

import random

NUM_CARDS = 24
GALLERY_SEED = 0


def gallery(num_pictures: int) -> list[int]:
    """Indices of the pictures to show, the same for the same number of test pictures; at most `NUM_CARDS`."""
    draw = random.Random(GALLERY_SEED)  # noqa: S311 (no secret)
    return draw.sample(range(num_pictures), min(NUM_CARDS, num_pictures))
