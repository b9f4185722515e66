"""How fast structures are fitted to what a network tells of its images, and the memory it takes, by number of images.

Explanatory graphs (`fits/graph.py`): filters a second, each with all its nodes and 20 iterations, and the resident
peak. Kept are the maps of all images, in single precision, and the places of all nodes in them. `ratios` holds the peak
at the largest number of images over that at the smallest (`graph.memory.peak`), beside the same of the maps alone.

Decision trees (`fits/tree.py`), grown by direction and by likelihood: seconds of one tree, the `exponent` p of time ~
images^p over all numbers of images, and the resident peak. `ratios` holds time and peak at the largest number of images
over those at the smallest (`tree.direction.time`, `tree.direction.memory`), and the time by likelihood over that by
direction at 1,000 images, round by round. Aims: an exponent of at most about 2, and at most two minutes for 1,000
images on two cores.

    python benchmarks/structures.py --json runs/bench/structures.json
    python benchmarks/structures.py --quick --only tree
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from fits.graph import fit_graph, graph_figures, graph_maps
from fits.tree import GROWTHS, fit_tree, tree_figures, tree_readings
from harness.figures import give, machine
from harness.peak_memory import peak_gigabytes

ROUNDS = 3
PARTS = ("graph", "tree")
QUICK = {"images": "10,20", "filters": 8, "tree_images": "20,40,80", "tree_filters": 16, "rounds": 1}


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--only", choices=PARTS, help="measure this structure alone")
    found.add_argument("--images", default="50,200,800", help="of graphs: numbers of images, with commas")
    found.add_argument("--filters", type=int, default=64, help="of graphs: of each of four layers")
    found.add_argument("--tree-images", default="250,500,1000,2000", help="of trees: numbers of images, with commas")
    found.add_argument("--tree-filters", type=int, default=512, help="of trees: of the layer")
    found.add_argument("--growths", default=",".join(GROWTHS), help="of trees: ways of growing, with commas")
    found.add_argument("--rounds", type=int, default=ROUNDS)
    found.add_argument(
        "--quick", action="store_true", help="few images and filters in one round, to see that all works"
    )
    found.add_argument(
        "--cpu-time", action="store_true", help="count this process's own time, where others use the same cores"
    )
    found.add_argument("--fit-graph", type=int, help=argparse.SUPPRESS)
    found.add_argument("--grow-tree", type=int, help=argparse.SUPPRESS)
    found.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return found


def main() -> None:
    """Measure, print, and write JSON where asked for."""
    arguments = parser().parse_args()
    if arguments.quick:
        vars(arguments).update(QUICK)
    growths = [own for own in GROWTHS if own in arguments.growths.split(",")]
    if arguments.fit_graph:
        fit_graph(graph_maps(arguments.fit_graph, arguments.filters))
        print(peak_gigabytes())
        return
    if arguments.grow_tree:
        fit_tree(tree_readings(arguments.grow_tree, arguments.tree_filters), growths[0])
        print(peak_gigabytes())
        return
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    how = {"rounds": arguments.rounds, "cpu_time": arguments.cpu_time}
    ratios: dict[str, Any] = {}
    measured: dict[str, Any] = {}
    if arguments.only != "tree":
        counts = numbers(arguments.images)
        own, found = graph_figures(__file__, counts, arguments.filters, arguments.rounds, clock)
        ratios |= own
        measured["graph"] = how | found
    if arguments.only != "graph":
        counts = numbers(arguments.tree_images)
        own, found = tree_figures(__file__, counts, arguments.tree_filters, growths, arguments.rounds, clock)
        ratios |= own
        measured["tree"] = how | found
    figures = {
        "machine": machine(torch_threads=torch.get_num_threads(), OMP_WAIT_POLICY=os.environ["OMP_WAIT_POLICY"]),
        "versions": {name: version(name) for name in ("torch", "scikit-learn", "scipy")},
        "ratios": ratios,
        **measured,
    }
    give(figures, arguments.json)


def numbers(text: str) -> list[int]:
    """The numbers of a comma-separated text, rising."""
    return sorted(int(number) for number in text.split(","))


if __name__ == "__main__":
    main()
