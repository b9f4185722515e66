"""The gallery of docs/concepts.md: for two classes of a run five x-features on four test pictures each, 40 maps.

whynet demo
python results/concepts_gallery.py runs/demo --classes 5,15 --out docs/images/concepts.jpg
"""

import argparse
from pathlib import Path

import numpy as np

from whynet.attribution import overlay
from whynet.base.files import atomic_path
from whynet.base.picture_grid import picture_grid
from whynet.base.types import Picture
from whynet.workflows.catalogue import open_data
from whynet.workflows.explainer import Explainer

PICTURES = 4


def main() -> None:
    """Explain the pictures, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--classes", default="5,15", help="by number, with commas")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    explainer = Explainer(arguments.run)
    test = open_data(explainer.settings.data).test
    tiles: list[Picture] = []
    titles: list[str] = []
    columns = 0
    for index in (int(number) for number in arguments.classes.split(",")):
        rows = [row for row, label in enumerate(test.labels) if label == index]
        explained = explainer.explain([test[row].image for row in rows], [test.names[row] for row in rows])
        right = [(row, why) for row, why in zip(rows, explained, strict=True) if why.class_index == index][:PICTURES]
        names = [concept.title for concept in explainer.concepts.of_class(index).concepts]
        columns = 1 + len(names)
        for row, why in right:
            picture = test[row].image
            tiles.append(picture)
            titles.append(f"{why.class_name}, {why.probability:.0%}")
            for reason in why.reasons:
                assert reason.heat_map is not None
                tiles.append(np.asarray(overlay(picture, reason.heat_map, longest_side=192)))
                titles.append(f"{reason.weight:+.1f} {reason.name}")
    sheet = picture_grid(tiles, titles, columns=columns, side=150)
    with atomic_path(arguments.out) as path:
        sheet.save(path, format="JPEG", quality=88)


if __name__ == "__main__":
    main()
