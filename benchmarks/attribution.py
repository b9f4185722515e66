"""How long heat maps take and how much memory, beside one forward and one backward pass and beside the peers.

Each ratio is a time over that of the floor in the same round. The floor is one forward and one backward pass to the
input with the parameters frozen; that of `units5_input` is one forward and five backward passes over the kept graph.

    saliency, guided_backprop, deconvnet     of a class, to the input
    excitation_input, excitation_middle      of a class, to the input and to a layer in the middle
    contrastive_middle                       the same, contrastive
    units5_input                             excitation of five classes at once, to the input

Threads that wait by spinning disturb one another: `OMP_WAIT_POLICY=passive` is set before torch is loaded. Peak memory
is the largest resident size of a process of its own that does the one thing, over that of the floor.

    python benchmarks/attribution.py [--networks vgg16,resnet50] [--batches 1,8,32] [--no-peers] [--json FILE]
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from harness.figures import give, machine
from harness.peak_memory import peak_gigabytes, peak_of
from torch import Tensor, nn

from whynet.attribution import deconvnet, excitation_backprop, guided_backprop, saliency
from whynet.base.seeding import generator, seeded

import torchvision  # isort: skip  (whynet gives a CPU build of torch the operators that torchvision asks for)

SIDE, CLASSES, TARGET, ROUNDS = 224, 1000, 7, 5
UNITS = [7, 11, 13, 17, 19]

Work = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the maps in the middle are read, and the layer below the logits."""

    middle: str
    last: str


NETWORKS = {
    "vgg16": Place(middle="features.23", last="classifier.5"),
    "resnet50": Place(middle="layer3", last="avgpool"),
}


def network_named(name: str) -> nn.Module:
    """An untrained network, its batch norms settled on noise, frozen and in evaluation mode."""
    with seeded(0, "network", name):
        network = getattr(torchvision.models, name)(num_classes=CLASSES).requires_grad_(False)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if norms:
        for norm in norms:
            norm.momentum = None
        network.train()(torch.randn(8, 3, 96, 96, generator=generator(0, "settling", name)))
    return network.eval()


def floor(network: nn.Module, images: Tensor, *, backwards: int = 1) -> None:
    """One forward pass, and backward passes to the input."""
    pixels = images.clone().requires_grad_()
    logits = network(pixels)
    for number in range(backwards):
        torch.autograd.grad(logits[:, UNITS[number]].sum(), pixels, retain_graph=number < backwards - 1)


def our_methods(network: nn.Module, images: Tensor, place: Place) -> dict[str, Work]:
    """What is measured of whynet."""
    of_class = partial(partial, model=network, images=images, target=TARGET)
    return {
        "saliency": of_class(saliency),
        "guided_backprop": of_class(guided_backprop),
        "deconvnet": of_class(deconvnet),
        "excitation_input": of_class(excitation_backprop),
        "excitation_middle": of_class(excitation_backprop, layer=place.middle),
        "contrastive_middle": of_class(excitation_backprop, layer=place.middle, contrastive=True),
        "units5_input": partial(excitation_backprop, network, images, units=UNITS),
    }


def all_methods(name: str, batch: int, *, peers: bool) -> tuple[dict[str, Work], dict[str, Work]]:
    """The floors by name, and the methods by name."""
    network, place = network_named(name), NETWORKS[name]
    images = torch.randn(batch, 3, SIDE, SIDE, generator=generator(0, "images", name))
    floors: dict[str, Work] = {
        "floor": partial(floor, network, images),
        "floor_units5": partial(floor, network, images, backwards=len(UNITS)),
    }
    methods = our_methods(network, images, place)
    if peers:
        from peers.attribution import methods as peer_methods

        methods |= peer_methods(network, images, TARGET, place.middle, place.last)
    return floors, methods


def seconds(work: Work) -> float:
    """Of one call."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work()
    return time.perf_counter() - start


def ratios(name: str, batch: int, *, peers: bool, rounds: int, only: list[str]) -> dict[str, dict[str, float]]:
    """Each method's time over its floor's, in interleaved rounds after one that warms up."""
    floors, methods = all_methods(name, batch, peers=peers)
    methods = {key: work for key, work in methods.items() if not only or key in only}
    if only and "units5_input" not in only:
        del floors["floor_units5"]
    found: dict[str, list[float]] = {key: [] for key in methods}
    spent: list[float] = []
    for number in range(rounds + 1):
        base = {key: seconds(work) for key, work in floors.items()}
        spent.append(base["floor"])
        for key, work in list(methods.items()):
            duration = seconds(work)
            if number:
                found[key].append(duration / base["floor_units5" if key == "units5_input" else "floor"])
        print(f"{name}, batch {batch}: round {number} of {rounds}, floor {base['floor']:.2f} s", file=sys.stderr)
    return {
        f"{name}.{batch}.{key}": {"median": statistics.median(values), "min": min(values), "max": max(values)}
        for key, values in found.items()
    } | {f"{name}.{batch}.floor_seconds": {"median": statistics.median(spent), "min": min(spent), "max": max(spent)}}


def peaks(name: str, batch: int, *, peers: bool, only: list[str]) -> dict[str, float]:
    """Each method's peak memory over its floor's."""
    floors, methods = all_methods(name, 1, peers=peers)
    wanted = [*floors, *(key for key in methods if not only or key in only)]
    gigabytes = {}
    for key in wanted:
        gigabytes[key] = peak_of(__file__, "--networks", name, "--batches", str(batch), "--peak", key)
        print(f"{name}, batch {batch}: {key} {gigabytes[key]:.2f} GB", file=sys.stderr)
    return {
        f"{name}.{batch}.{key}": gigabytes[key] / gigabytes["floor_units5" if key == "units5_input" else "floor"]
        for key in wanted
        if key not in floors
    } | {f"{name}.{batch}.floor_gigabytes": gigabytes["floor"]}


def print_peak(name: str, batch: int, method: str) -> None:
    """Do one thing, and print the largest resident size of this process in gigabytes."""
    floors, methods = all_methods(name, batch, peers="." in method)
    seconds((floors | methods)[method])
    print(peak_gigabytes())


def main() -> None:
    """Measure, print, and write JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="vgg16,resnet50", help="of torchvision, with commas")
    parser.add_argument("--batches", default="1,8,32", help="numbers of images, with commas")
    parser.add_argument("--methods", default="", help="measure these alone, with commas")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-peers", action="store_true", help="measure whynet alone")
    parser.add_argument("--no-memory", action="store_true", help="measure time alone")
    parser.add_argument("--peak", metavar="METHOD", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    networks, batches = arguments.networks.split(","), [int(batch) for batch in arguments.batches.split(",")]
    if arguments.peak:
        print_peak(networks[0], batches[0], arguments.peak)
        return
    only = [method for method in arguments.methods.split(",") if method]
    found: dict[str, Any] = {}
    memory: dict[str, float] = {}
    for name in networks:
        for batch in batches:
            found |= ratios(name, batch, peers=not arguments.no_peers, rounds=arguments.rounds, only=only)
        if not arguments.no_memory:
            memory |= peaks(name, max(batches), peers=not arguments.no_peers, only=only)
    libraries = ["torch", "torchvision", *([] if arguments.no_peers else ["captum", "zennit", "torchray"])]
    figures = {
        "machine": machine(torch_threads=torch.get_num_threads(), OMP_WAIT_POLICY=os.environ["OMP_WAIT_POLICY"]),
        "versions": {library: version(library) for library in libraries},
        "attribution": {"pixels": SIDE, "rounds": arguments.rounds},
        "ratios": {key: value for key, value in found.items() if not key.endswith("_seconds")},
        "memory_ratios": {key: value for key, value in memory.items() if not key.endswith("_gigabytes")},
        "floor": {key: value for key, value in (found | memory).items() if "floor_" in key},
    }
    give(figures, arguments.json)


if __name__ == "__main__":
    main()
