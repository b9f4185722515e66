"""Explanatory graphs on made-up maps of a network whose two lower layers have twice the sides of its two upper ones."""

import statistics
import sys
from functools import partial
from typing import Any

import torch
from harness.peak_memory import peak_of
from harness.timing import Clock, seconds, spread
from torch import Tensor

from whynet.base.seeding import generator
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.structures.graph_settings import GraphSettings

SIDE, LAYERS = 224, ("a", "b", "c", "d")


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


def fit_graph(maps: list[Tensor]) -> None:
    """One graph with the usual number of nodes."""
    fit_layers(LAYERS, maps, (SIDE, SIDE), GraphSettings())


def graph_figures(
    script: str, counts: list[int], filters: int, rounds: int, clock: Clock
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ratios of explanatory graphs, and their speed and memory by the number of images.

    Args:
        script: That fits one graph and tells its peak when it is given `--fit-graph IMAGES --filters FILTERS`.
        counts: Numbers of images, rising.
        filters: Of each layer.
        rounds: In which each is fitted once, after one that does not count.
        clock: What is told by.
    """
    found: dict[str, Any] = {}
    for images in counts:
        maps = graph_maps(images, filters)
        spent = []
        for number in range(rounds + 1):
            duration = seconds(partial(fit_graph, maps), clock)
            if number:
                spent.append(duration)
            print(f"graph, {images} images, round {number} of {rounds}: {duration:.2f} s", file=sys.stderr)
        found[str(images)] = {
            "filters_a_second": spread([len(LAYERS) * filters / own for own in spent]),
            "image_filters_a_second": len(LAYERS) * filters * images / statistics.median(spent),
            "maps_gigabytes": sum(own.numel() for own in maps) * 4 / 1e9,
            "peak_gigabytes": peak_of(script, "--fit-graph", str(images), "--filters", str(filters)),
        }
    few, many = found[str(counts[0])], found[str(counts[-1])]
    ratios = {
        f"graph.memory.{name}": spread([many[f"{name}_gigabytes"] / few[f"{name}_gigabytes"]])
        for name in ("peak", "maps")
    }
    return ratios, {"filters": filters, "images": found}
