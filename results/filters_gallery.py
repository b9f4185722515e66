"""The gallery of docs/filters.md: where the filters of two runs look, and three of each: the surest, two drawn.

whynet reproduce icnn --data birds --out runs/icnn-birds
python results/filters_gallery.py TWIN INTERPRETABLE --out docs/images/filters.jpg  # small convnets of its multi/seed0
python results/filters_gallery.py TWIN INTERPRETABLE --out docs/images/filters_vgg_s.jpg  # its VGG-S
"""

import argparse
from pathlib import Path

import numpy as np

from whynet.base.files import atomic_path
from whynet.base.picture_grid import picture_grid
from whynet.base.types import Picture
from whynet.workflows.filters.run_filters import filters_of_run
from whynet.workflows.filters.tables import by_sureness
from whynet.workflows.report.filter_pictures import FilterPictures
from whynet.workflows.report.filters import drawn

COLUMNS, DRAWN = 6, 2


def main() -> None:
    """Measure the filters of both runs, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs=2)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    tiles: list[Picture] = []
    titles: list[str] = []
    for run, name in zip(arguments.runs, ("ordinary", "interpretable"), strict=True):
        of_run = filters_of_run(run)
        measured = of_run.measured
        pictures = FilterPictures(of_run.subject, measured)
        tiles += [tile.picture for tile in pictures.spread()[:COLUMNS]]
        titles += [f"all {name} filters", *[""] * (COLUMNS - 1)]
        order = [own for own in by_sureness(measured.filters) if len(pictures.strongest(own["filter"])) > 1]
        for own in [order[0], *drawn(order[1:])[:DRAWN]]:
            places = pictures.strongest(own["filter"])[: COLUMNS - 1]
            heat = pictures.stages(own["filter"], places[0])[-1]
            row = [heat.picture, *(pictures.lit(place, side=heat.picture.shape[1]) for place in places)]
            tiles += [*row, *[np.full_like(heat.picture, 255)] * (COLUMNS - len(row))]
            titles += [f"filter {own['filter']}: {own['part'] or 'no part'}", *[""] * (COLUMNS - 1)]
    sheet = picture_grid(tiles, titles, columns=COLUMNS, side=150)
    with atomic_path(arguments.out) as path:
        sheet.save(path, format="jpeg", quality=88)


if __name__ == "__main__":
    main()
