"""How many maps are worked on at once, so that arrays in between stay small with any number of images and filters."""

from collections.abc import Iterator

MOST_ENTRIES = 1 << 22
"""How many entries an array in between may have: 16 MiB in single precision."""


def chunks(num_images: int, num_maps: int, entries: int) -> Iterator[tuple[slice, slice]]:
    """All images and maps in pieces, of which each takes no more than `MOST_ENTRIES` where one map takes `entries`."""
    images = max(1, min(num_images, MOST_ENTRIES // entries))
    maps = max(1, MOST_ENTRIES // (entries * images))
    for first_image in range(0, num_images, images):
        for first_map in range(0, num_maps, maps):
            yield slice(first_image, first_image + images), slice(first_map, first_map + maps)
