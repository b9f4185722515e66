"""How long explanation modules take to train, their maps and their metrics, and how much memory.

Each ratio is a time over that of the other way of doing the same, in interleaved rounds of one run:

    train.one_by_one       the modules of 50 classes one after the other, over all of them together (above 1: together
                           is faster); `losses` is the largest relative difference of an objective between the two
    train.arithmetic       the same without what a fit costs before it computes anything: both less the time of a fit of
                           a module with one unit a layer, once and 50 times
    train.matmul_rate      the arithmetic of the joint training a second, over that of large matrix products alone
    maps.one_by_one        heat maps of 5 x-features in five calls, over one call
    memory.images          peak memory of locality and orthogonality over 4,000 images, over that of 1,000

`dominant` names the operations that the joint training spends its time in, by torch's profiler, and
`locality_images_a_second` is the rate of the locality of 512 units of Z.

    python benchmarks/concepts.py [--classes 50] [--device cpu] [--rounds 3] [--json FILE]
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import statistics
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from harness.figures import give, machine
from harness.peak_memory import peak_gigabytes, peak_of
from harness.timing import seconds, spread
from torch import Tensor

from whynet.attribution.x_features import x_feature_maps
from whynet.base.seeding import generator, seeded
from whynet.metrics import Locality, Orthogonality
from whynet.models.convnet import ConvNet
from whynet.models.srae import ExplanationModule
from whynet.models.subject import Subject
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.srae import Trained, Wanted, train_modules
from whynet.training.srae_settings import FitSettings, ModuleSettings

IMAGES, ENTRIES, EPOCHS, SIDE, MAP, UNITS, REGIONS = 1000, 500, 10, 64, 16, 512, 16
SETTINGS = ModuleSettings()
MATRIX = 2048


def readings(classes: int) -> tuple[Tensor, list[Wanted]]:
    """Z of some images, and the module wanted for each class."""
    random = generator(0, "readings")
    activations = torch.rand(IMAGES, ENTRIES, generator=random)
    directions = torch.randn(ENTRIES, classes, generator=random)
    labels = torch.arange(IMAGES) % classes
    logits = activations @ directions
    wanted = [
        Wanted(name=f"class {index}", logits=logits[:, index], is_positive=labels == index, settings=SETTINGS, seed=0)
        for index in range(classes)
    ]
    return activations, wanted


def fitted(activations: Tensor, wanted: list[Wanted], device: str) -> list[Trained]:
    """Modules trained for a few epochs."""
    with tempfile.TemporaryDirectory() as folder:
        context = FitContext(folder=Path(folder), seed=0, hardware=Hardware(device=device), progress=False)
        return train_modules(activations, wanted, FitSettings(epochs=EPOCHS), context)


def operations(classes: int) -> float:
    """Multiplications and additions of the joint training: a forward pass costs two a weight, a backward pass four."""
    sizes = (ENTRIES, *SETTINGS.sizes, SETTINGS.num_features)
    encoder = sum(a * b for a, b in pairwise(sizes))
    decoder = (SETTINGS.num_features + 1) * ENTRIES
    each_epoch = 6 + 2  # and the forward pass over all images that begins an epoch
    return float(IMAGES * EPOCHS * classes * each_epoch * (encoder + decoder))


def matrix_rate(device: str) -> float:
    """Operations a second of a large matrix product."""
    a = torch.rand(MATRIX, MATRIX, device=device)
    times = [seconds(lambda: a @ a) for _ in range(6)][1:]
    return 2 * MATRIX**3 / statistics.median(times)


def training(classes: int, device: str, rounds: int) -> dict[str, Any]:
    """The ratios of training, and what dominates it."""
    activations, wanted = readings(classes)
    fitted(activations, wanted[:1], device)  # warms up
    ratios, net, rates, difference = [], [], [], 0.0
    tiny = [replace(wanted[0], settings=ModuleSettings(num_features=1, hidden="1-1"))]
    for number in range(rounds):
        found: dict[str, list[Trained]] = {}

        def together(found: dict[str, list[Trained]] = found) -> None:
            found["together"] = fitted(activations, wanted, device)

        def one_by_one(found: dict[str, list[Trained]] = found) -> None:
            found["one by one"] = [fitted(activations, [one], device)[0] for one in wanted]

        joint, alone = seconds(together), seconds(one_by_one)
        fixed = seconds(lambda: fitted(activations, tiny, device))
        ratios.append(alone / joint)
        net.append((alone - classes * fixed) / (joint - fixed))
        rates.append(operations(classes) / joint / matrix_rate(device))
        for a, b in zip(found["together"], found["one by one"], strict=True):
            difference = max(difference, abs(a.terms["objective"] / b.terms["objective"] - 1))
        print(f"training, round {number + 1} of {rounds}: {joint:.1f} s and {alone:.1f} s", file=sys.stderr)
    with torch.profiler.profile() as profile:
        fitted(activations, wanted, device)
    spent = sorted(profile.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in spent)
    return {
        "ratios": {
            "train.one_by_one": spread(ratios),
            "train.arithmetic": spread(net),
            "train.matmul_rate": spread(rates),
        },
        "losses": difference,
        "dominant": {event.key: round(event.self_cpu_time_total / total, 3) for event in spent[:6]},
    }


def maps(device: str, rounds: int) -> dict[str, float]:
    """Five x-features in five calls over one."""
    with seeded(0, "network"):
        network = ConvNet(20).eval().to(device)
        module = ExplanationModule(ENTRIES).to(device)
    subject = Subject(network, class_names=tuple(map(str, range(20))), preprocess=lambda _: torch.empty(0))
    images = torch.rand(32, 3, SIDE, SIDE, generator=generator(0, "images")).to(device)

    def mapped(*units: int) -> Tensor:
        return x_feature_maps(
            subject, images, layer="hidden.0", map_layer="blocks.1.2", encoder=module.encoder, units=units
        )

    mapped(0, 1, 2, 3, 4)
    ratios = []
    for _ in range(5 * rounds):
        one = seconds(lambda: mapped(0, 1, 2, 3, 4))
        ratios.append(seconds(lambda: [mapped(unit) for unit in range(5)]) / one)
    return spread(ratios)


def stream(images: int, batch: int = 50) -> float:
    """Seconds that locality and orthogonality of 512 units take over some images, a batch at a time."""
    locality, orthogonality = Locality(UNITS, REGIONS), Orthogonality(UNITS)
    random = generator(0, "maps")
    spent = 0.0
    for _ in range(images // batch):
        own = torch.rand(batch, UNITS, MAP, MAP, generator=random)
        weights = torch.rand(batch, REGIONS, SIDE, SIDE, generator=random)
        spent += seconds(lambda own=own, weights=weights: locality.update(own, weights))
        orthogonality.update(own)
    locality.compute(), orthogonality.compute()
    return spent


def main() -> None:
    """Measure, print, and write JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stream", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    if arguments.stream:
        stream(arguments.stream)
        print(peak_gigabytes())
        return
    found = training(arguments.classes, arguments.device, arguments.rounds)
    found["ratios"]["maps.one_by_one"] = maps(arguments.device, arguments.rounds)
    rates = [200 / stream(200) for _ in range(arguments.rounds)]
    small, large = (peak_of(__file__, "--stream", str(images)) for images in (1000, 4000))
    figures = {
        "machine": machine(device=arguments.device, torch_threads=torch.get_num_threads()),
        "versions": {name: version(name) for name in ("torch", "lightning")},
        **found,
        "locality_images_a_second": spread(rates),
        "memory": {"1000": small, "4000": large},
    }
    figures["ratios"]["memory.images"] = spread([large / small])
    give(figures, arguments.json)


if __name__ == "__main__":
    main()
