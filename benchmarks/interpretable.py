"""What interpretable filters cost: a training step, inference, and the metrics of filters.

Each ratio is a time over that of a floor, in interleaved rounds of one run. The goal is set over the ordinary twin:
1.15 for a step, 1.03 for inference. The interpretable network has a new 3 x 3 convolution that the twin lacks, and
what that layer costs, no loss can save; a second floor tells how much it is:

    NETWORK.step.twin               a training step (forward, loss, backward, AdamW) with masks and filter losses, over
                                    that of the ordinary twin as it is
    NETWORK.step.same_layers        the same over a network with the new convolution and its ReLU, but without masks and
                                    losses: what these two cost
    NETWORK.inference.twin          likewise the logits of a batch, where there are masks, but no losses
    NETWORK.inference.same_layers   likewise
    memory.images                   peak memory of all metrics of filters over 4,000 images, over that of 1,000

Every tenth step assigns filters to categories anew; a tenth of that is added to each. Steps are taken in channels_last,
as in training, and logits in the usual format. `extra` names the operations that take more time in a step than with the
same layers, over the whole time there, by torch's profiler. `metrics_images_a_second` is the rate of the first pass
over pictures, of the second and of both, with 512 maps of 14 x 14 and the masks of 15 parts at hand.

    python benchmarks/interpretable.py [--networks vgg16,resnet18,alexnet] [--size 224] [--batch 8] [--json FILE]
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from harness.figures import give, machine
from harness.peak_memory import peak_gigabytes, peak_of
from harness.timing import Clock, Work, seconds, spread
from torch import Tensor, nn

from whynet.base.seeding import generator, seeded
from whynet.metrics.dissection import Dissection
from whynet.metrics.filter_activity import FilterActivity
from whynet.metrics.location_instability import LocationInstability
from whynet.metrics.part_interpretability import PartInterpretability, discs
from whynet.metrics.quantile_sketch import QuantileSketch
from whynet.models.built_in_networks import build_built_in
from whynet.models.filter_categories import filter_categories
from whynet.models.filter_loss import ASSIGN_EVERY
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import interpretable_layers, make_interpretable
from whynet.training.interpretable import FilterLearning

CLASSES, ROUNDS = 24, 5
FILTERS, MAP, PARTS, LANDMARKS, SIDE, GRID, RADIUS = 512, 14, 15, 3, 224, 64, 40.0
LEARNING_RATE = 1e-6
"""So small that the maps of many steps on noise stay alike."""


def networks_of(name: str, images: Tensor) -> dict[str, nn.Module]:
    """The interpretable network and the two floors, all with the same weights, on the device of the images."""
    with seeded(0, "network", name):
        twin = build_built_in(name, CLASSES)
        found = {
            kind: make_interpretable(twin, str(twin.top_layer), images=images[:1].cpu(), settings=FilterSettings())
            for kind in ("interpretable", "same_layers")
        }
    for layer in interpretable_layers(found["same_layers"]).values():
        layer.below_mask, layer.mask = nn.Identity(), nn.Identity()
    return {kind: network.to(images.device) for kind, network in (found | {"twin": twin}).items()}


def step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    learning: FilterLearning | None,
    images: Tensor,
    labels: Tensor,
) -> None:
    """One step of training, without an assignment of filters."""
    with nullcontext() if learning is None else learning.learning(labels, 1):
        loss = F.cross_entropy(network(images), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if learning is not None:
        for own in learning.losses:
            own.seen.fill_(1)


def assign(learning: FilterLearning) -> None:
    """What every tenth step does besides."""
    for own in learning.losses:
        filter_categories(own.strengths, own.settings.assignment)


def logits(network: nn.Module, images: Tensor) -> Tensor:
    """Those of a batch."""
    with torch.inference_mode():
        return network(images)


def extra(work: dict[str, Work]) -> dict[str, float]:
    """The operations that take more time than with the same layers, over all time there."""
    spent = {}
    for kind in ("interpretable", "same_layers"):
        with torch.profiler.profile() as profile:
            work[kind]()
        spent[kind] = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    total = sum(spent["same_layers"].values())
    more = {key: (time - spent["same_layers"].get(key, 0)) / total for key, time in spent["interpretable"].items()}
    return {key: round(more[key], 4) for key in sorted(more, key=lambda key: -more[key])[:6]}


def interleaved(work: dict[str, Work], rounds: int, clock: Clock, added: Work | None = None) -> dict[str, list[float]]:
    """Seconds of each, round by round, after one that warms up; a tenth of `added` belongs to the interpretable one.

    Every other round goes backwards, so that none is favoured by what ran before it.
    """
    spent: dict[str, list[float]] = {kind: [] for kind in work}
    for number in range(rounds + 1):
        for kind, one in list(work.items())[:: 1 if number % 2 else -1]:
            duration = seconds(one, clock)
            if added is not None and kind == "interpretable":
                duration += seconds(added, clock) / ASSIGN_EVERY
            if number:
                spent[kind].append(duration)
            print(f"round {number} of {rounds}: {kind} {duration:.3f} s", file=sys.stderr)
    return spent


def steps(networks: dict[str, nn.Module], images: Tensor, learning: FilterLearning) -> dict[str, Work]:
    """A training step of each network."""
    labels = (torch.arange(len(images)) % CLASSES).to(images.device)
    pixels = images.contiguous(memory_format=torch.channels_last)
    found: dict[str, Work] = {}
    for kind, network in networks.items():
        network.train().to(memory_format=torch.channels_last)
        optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, fused=True)
        found[kind] = partial(step, network, optimiser, learning if kind == "interpretable" else None, pixels, labels)
    return found


def costs(
    name: str, batch: int, size: int, device: str, rounds: int, clock: Clock
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ratios of one network, and its seconds and extra operations."""
    images = torch.randn(batch, 3, size, size, generator=generator(0, "images", name)).to(device)
    networks = networks_of(name, images)
    learning = FilterLearning(networks["interpretable"], images[:1], CLASSES, FilterSettings()).to(device)
    work = steps(networks, images, learning)
    found = {"step": interleaved(work, rounds, clock, partial(assign, learning))}
    operations = extra(work)
    work.clear()  # and with them what the optimisers keep
    for network in networks.values():
        network.zero_grad()
        network.eval().to(memory_format=torch.contiguous_format)
    work = {kind: partial(logits, network, images) for kind, network in networks.items()}
    found["inference"] = interleaved(work, 2 * rounds, clock)
    ratios = {
        f"{name}.{what}.{floor}": spread([a / b for a, b in zip(spent["interpretable"], spent[floor], strict=True)])
        for what, spent in found.items()
        for floor in ("twin", "same_layers")
    }
    times = {what: {kind: statistics.median(own) for kind, own in spent.items()} for what, spent in found.items()}
    return ratios, {"seconds": times, "extra": operations}


def batches(images: int, batch: int = 50) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Maps as after a ReLU, masks of the parts, landmarks and labels of made-up pictures."""
    for number in range(images // batch):
        random = generator(0, "maps", number)
        maps = torch.randn(batch, FILTERS, MAP, MAP, generator=random).relu()
        masks = torch.rand(batch, PARTS, GRID, GRID, generator=random) > 0.9
        landmarks = torch.cat(
            [torch.rand(batch, LANDMARKS, 2, generator=random) * SIDE, torch.ones(batch, LANDMARKS, 1)], 2
        )
        yield maps, masks, landmarks, torch.arange(number * batch, (number + 1) * batch) % CLASSES


def stream(images: int, clock: Clock = time.perf_counter) -> tuple[float, float]:
    """Seconds that the two passes over some images take, a batch at a time, as in `workflows.filters.measuring`."""
    sketch, activity = QuantileSketch(FILTERS), FilterActivity(FILTERS, CLASSES)
    first = second = 0.0
    for maps, _, _, labels in batches(images):
        first += seconds(partial(sketch.update, maps), clock)
        first += seconds(partial(activity.update, maps, labels), clock)
    thresholds, category = sketch.compute().thresholds, activity.compute().category
    parts, dissection = PartInterpretability(FILTERS, PARTS, thresholds), Dissection(FILTERS, PARTS, thresholds)
    size = (SIDE, SIDE)
    instability = LocationInstability(FILTERS, LANDMARKS, CLASSES, size=size, assigned=category)
    places = (torch.arange(MAP) + 0.5) * (SIDE / MAP)
    centres = torch.stack(torch.meshgrid(places, places, indexing="ij"), -1)
    fields, present = discs(centres, RADIUS, size, (GRID, GRID)), torch.ones(1, PARTS, dtype=torch.bool)
    for maps, masks, landmarks, labels in batches(images):
        seen = present.expand(len(maps), PARTS)
        second += seconds(partial(parts.update, maps, masks, seen, fields, labels[:, None] == category), clock)
        second += seconds(partial(dissection.update, maps, masks, seen), clock)
        second += seconds(partial(instability.update, maps, centres, landmarks, labels), clock)
    parts.compute(), dissection.compute(), instability.compute()
    return first, second


def main() -> None:
    """Measure, print, and write JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="vgg16,resnet18,alexnet", help="built-in ones, with commas")
    parser.add_argument("--size", type=int, default=224, help="side of the images, in pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count this process's own time, where others use the same cores"
    )
    parser.add_argument("--no-metrics", action="store_true", help="measure steps and inference alone")
    parser.add_argument("--stream", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    if arguments.stream:
        stream(arguments.stream)
        print(peak_gigabytes())
        return
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    ratios: dict[str, Any] = {}
    networks: dict[str, Any] = {}
    for name in filter(None, arguments.networks.split(",")):
        found, networks[name] = costs(name, arguments.batch, arguments.size, arguments.device, arguments.rounds, clock)
        ratios |= found
    figures = {
        "machine": machine(device=arguments.device, torch_threads=torch.get_num_threads()),
        "versions": {"torch": version("torch")},
        "interpretable": {key: getattr(arguments, key) for key in ("size", "batch", "rounds", "cpu_time")},
        "ratios": ratios,
        "networks": networks,
    }
    if not arguments.no_metrics:
        passes = [stream(200, clock) for _ in range(arguments.rounds)]
        figures["metrics_images_a_second"] = {
            "first_pass": spread([200 / first for first, _ in passes]),
            "second_pass": spread([200 / second for _, second in passes]),
            "both": spread([200 / (first + second) for first, second in passes]),
        }
        small, large = (peak_of(__file__, "--stream", str(images)) for images in (1000, 4000))
        figures["memory"] = {"1000": small, "4000": large}
        ratios["memory.images"] = spread([large / small])
    give(figures, arguments.json)


if __name__ == "__main__":
    main()
