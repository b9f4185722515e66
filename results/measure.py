"""Figures that the documentation claims and that no study of `whynet reproduce` gives.

    python results/measure.py birds --seeds 5              the demo
    python results/measure.py cub --root CUB --seeds 3     InterpNET(2) on photographs
    python results/measure.py networks --seeds 1           r(x) of a ResNet, a ConvNeXt and a ViT, trained here

They write demo-birds.json, demo-<name of CUB's folder>.json and networks-birds.json beside this file. Runs lie in
runs/measure/; those that are there already are not trained again.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whynet.base.files import write_json_atomically
from whynet.workflows.demo import run_demo
from whynet.workflows.evaluate import METRICS, evaluate
from whynet.workflows.metrics_table import flat_figures
from whynet.workflows.report import write_report
from whynet.workflows.reproduce.study import Cell, Row, gathered, header
from whynet.workflows.run import Run
from whynet.workflows.settings import TrainSettings, settings_with
from whynet.workflows.train import train

FLOORS = {"random_same_class": "random caption of the class", "most_frequent": "most frequent caption"}
NETWORKS = {
    "timm:resnet10t": "layer2,layer3,layer4",
    "timm:convnext_atto": "stages.1,stages.2,stages.3",
    "timm:vit_tiny_patch16_224": "blocks.3,blocks.7,blocks.11",
}
"""Each with the layers that r(x) holds."""


def birds(seed: int, _root: str | None) -> dict[str, Mapping[str, Any]]:
    """The demo of one seed: the run and its floors."""
    _, metrics = run_demo(Path("runs/measure") / f"birds-{seed}", seed=seed)
    return _with_floors(metrics)


def cub(seed: int, root: str | None) -> dict[str, Mapping[str, Any]]:
    """InterpNET(2) with the default settings on photographs, and its floors."""
    settings = settings_with({"data": {"name": "cub", "root": root}, "model": {"seed": seed}})
    return _with_floors(_trained(Path("runs/measure") / f"{settings.data.title}-{seed}", settings))


def _with_floors(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {"InterpNET(2)": metrics} | {title: metrics["floors"][name] for name, title in FLOORS.items()}


def networks(seed: int, _root: str | None) -> dict[str, Mapping[str, Any]]:
    """One run a network, each trained from nothing."""
    return {name: _network(name, layers, seed) for name, layers in NETWORKS.items()}


def _network(name: str, layers: str, seed: int) -> dict[str, Any]:
    folder = Path("runs/measure") / f"{name.partition(':')[2]}-{seed}"
    settings = settings_with(
        {
            "data": {"name": "birds", "num_species": 5, "data_seed": seed},
            "model": {"network": name, "layers": layers, "seed": seed},
            "classifier": {"epochs": 10, "batch_size": 32, "plateau_patience": 1},
            "explainer": {
                "epochs": 10, "batch_size": 32, "learning_rate": 2e-3, "captions_per_epoch": 1, "views": 2,
                "embedding_size": 128, "hidden_size": 128, "projection_size": 128,
            },
        }
    )  # fmt: skip
    return _trained(folder, settings)


def _trained(folder: Path, settings: TrainSettings) -> dict[str, Any]:
    run = train(folder, settings, resume=(folder / "run.json").exists())
    if not run.is_complete("evaluation"):
        evaluate(run)
        write_report(run)
    metrics: dict[str, Any] = Run.open(folder).read(METRICS)
    return metrics


STUDIES = {"birds": birds, "cub": cub, "networks": networks}


def main() -> None:
    """Run the seeds and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--root", help="Folder of CUB.")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    found = [STUDIES[options.study](seed, options.root) for seed in range(options.seeds)]
    cells, figures = [], []
    for name in found[0]:
        for seed, rows in enumerate(found):
            cells.append(Cell(row=name, condition="", seed=seed, folder="", settings={}))
            figures.append(flat_figures(dict(rows[name])))
    data = Path(options.root).name if options.study == "cub" else "birds"
    told = ["--root", "CUB"] if options.study == "cub" else []
    command = " ".join(["python results/measure.py", options.study, *told, "--seeds", str(options.seeds)])
    results = header(command, data, range(options.seeds)) | {
        "rows": gathered({name: Row(name=name) for name in found[0]}, cells, figures)
    }
    prefix = "networks" if options.study == "networks" else "demo"
    write_json_atomically(Path(__file__).parent / f"{prefix}-{data}.json", results)


if __name__ == "__main__":
    main()
