"""The gallery of docs/graph.md: the surest nodes of one class and some drawn at random, each with its first parent.

whynet reproduce graph --network small_convnet --out runs/icnn-birds
python results/graph_gallery.py RUN --out docs/images/graph.jpg  # its multi/seed0/small_convnet
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from whynet.base.files import atomic_path
from whynet.base.picture_grid import picture_grid
from whynet.base.seeding import generator
from whynet.base.types import Picture
from whynet.workflows.graph.finding import graphs_of_run
from whynet.workflows.graph.maps import pictures_of
from whynet.workflows.graph.request import GraphRequest, PlaceSettings
from whynet.workflows.report.graph_pictures import NUM_PATCHES, GraphPictures, layer_fields

SUREST, DRAWN = 2, 1


def main() -> None:
    """Fit the graph of a class, unless it is there, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--class", dest="class_name", default="0", help="by name or number")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    found = graphs_of_run(arguments.run, GraphRequest(where=PlaceSettings(classes=arguments.class_name)))
    own = found.graphs[0]
    examples = pictures_of(found.splits.test, own.class_index)
    layers = {layer.name: layer.map_size for layer in own.graph.layers}
    pictures = GraphPictures(found.subject, own, examples, layer_fields(found.subject, layers, found.splits.train))
    below = [node for node in range(own.graph.num_nodes) if own.graph.parents_of(node) and pictures.rows(node)]
    order = torch.randperm(len(below), generator=generator(0, "gallery")).tolist()
    surest = [node for node in own.surest if node in below][:SUREST]
    tiles: list[Picture] = []
    titles: list[str] = []
    for node in [*surest, *[below[place] for place in order if below[place] not in surest][:DRAWN]]:
        rows = pictures.rows(node)
        for number, what in ((node, "node"), (own.graph.parents_of(node)[0].parent, "its parent")):
            patches = [pictures.patch(number, row).picture for row in rows]
            tiles += [*patches, *[np.full_like(patches[0], 255)] * (NUM_PATCHES - len(rows))]
            titles += [f"{what}: {pictures.label(number)}", *[""] * (NUM_PATCHES - 1)]
    sheet = picture_grid(tiles, titles, columns=NUM_PATCHES, side=110)
    with atomic_path(arguments.out) as path:
        sheet.save(path, format="jpeg", quality=88)


if __name__ == "__main__":
    main()
