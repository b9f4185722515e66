"""How fast structures are fitted to a network's maps, and the memory it takes, at several numbers of images.

Explanatory graphs: filters a second (each with all its nodes and 20 iterations) and the resident peak, on made-up maps
of a network whose two lower layers have twice the rows and columns of its two upper ones. Kept are the maps of all
images, in single precision, and the places of all nodes in them. `ratios` holds the peak at the largest number of
images over that at the smallest, beside the same of the maps alone.

    python benchmarks/structures.py --json runs/bench/structures.json
"""

import argparse
import statistics
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from harness.figures import give, machine
from harness.peak_memory import peak_gigabytes, peak_of
from harness.timing import Clock, seconds, spread
from torch import Tensor

from whynet.base.seeding import generator
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.structures.graph_settings import GraphSettings

SIDE, LAYERS = 224, ("a", "b", "c", "d")
ROUNDS = 3


def graph_maps(images: int, filters: int) -> list[Tensor]:
    """Maps as after a ReLU: blobs that wander, with noise."""
    found = []
    for number, side in enumerate((28, 28, 14, 14)):
        random = generator(0, "maps", number)
        places = torch.rand(images, filters, 2, 1, generator=random) * side
        away = (torch.arange(side) + 0.5 - places).square()  # (B, F, 2, side)
        row, column = torch.exp(-away / (side / 4)).unbind(2)
        maps = row[..., None] * column[..., None, :]
        found.append(maps.add_(0.05 * torch.randn(maps.shape, generator=random)).relu_())
    return found


def fitted(maps: list[Tensor]) -> None:
    """One graph with the usual number of nodes."""
    fit_layers(LAYERS, maps, (SIDE, SIDE), GraphSettings())


def graph_figures(counts: list[int], filters: int, rounds: int, clock: Clock) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ratios of explanatory graphs, and their speed and memory by the number of images."""
    found: dict[str, Any] = {}
    for images in counts:
        maps = graph_maps(images, filters)
        spent = []
        for number in range(rounds + 1):
            duration = seconds(partial(fitted, maps), clock)
            if number:
                spent.append(duration)
            print(f"{images} images, round {number} of {rounds}: {duration:.2f} s", file=sys.stderr)
        found[str(images)] = {
            "filters_a_second": spread([len(LAYERS) * filters / own for own in spent]),
            "image_filters_a_second": len(LAYERS) * filters * images / statistics.median(spent),
            "maps_gigabytes": sum(own.numel() for own in maps) * 4 / 1e9,
            "peak_gigabytes": peak_of(__file__, "--fit-graph", str(images), "--filters", str(filters)),
        }
    few, many = found[str(counts[0])], found[str(counts[-1])]
    ratios = {
        f"graph.memory.{name}": spread([many[f"{name}_gigabytes"] / few[f"{name}_gigabytes"]])
        for name in ("peak", "maps")
    }
    return ratios, found


def main() -> None:
    """Measure, print, and write JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="50,200,800", help="numbers of images, with commas")
    parser.add_argument("--filters", type=int, default=64, help="of each of four layers")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--cpu-time", action="store_true", help="count this process's own time, where others use the same cores"
    )
    parser.add_argument("--fit-graph", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    if arguments.fit_graph:
        fitted(graph_maps(arguments.fit_graph, arguments.filters))
        print(peak_gigabytes())
        return
    counts = [int(number) for number in arguments.images.split(",")]
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    ratios, graph = graph_figures(counts, arguments.filters, arguments.rounds, clock)
    figures = {
        "machine": machine(torch_threads=torch.get_num_threads()),
        "versions": {"torch": version("torch")},
        "ratios": ratios,
        "graph": {
            "filters": arguments.filters,
            "rounds": arguments.rounds,
            "cpu_time": arguments.cpu_time,
            "images": graph,
        },
    }
    give(figures, arguments.json)


if __name__ == "__main__":
    main()
