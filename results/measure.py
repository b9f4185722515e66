"""Figures that the documentation claims and that no study of `whynet reproduce` gives.

    python results/measure.py demo --seeds 5        the demo:                        results/demo-birds.json
    python results/measure.py networks --seeds 1    r(x) of a ResNet, a ConvNeXt and a ViT that are trained here on five
                                                    painted species:                 results/networks-birds.json

Runs lie in runs/measure/; those that are there already are not trained again.
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
from whynet.workflows.settings import settings_with
from whynet.workflows.train import train

FLOORS = {"random_same_class": "random caption of the class", "most_frequent": "most frequent caption"}
NETWORKS = {
    "timm:resnet10t": "layer2,layer3,layer4",
    "timm:convnext_atto": "stages.1,stages.2,stages.3",
    "timm:vit_tiny_patch16_224": "blocks.3,blocks.7,blocks.11",
}
"""Each with the layers that r(x) holds."""


def demo(seed: int) -> dict[str, Mapping[str, Any]]:
    """The demo of one seed: the run and its floors."""
    _, metrics = run_demo(Path("runs/measure") / f"birds-{seed}", seed=seed)
    return {"InterpNET(2)": metrics} | {title: metrics["floors"][name] for name, title in FLOORS.items()}


def networks(seed: int) -> dict[str, Mapping[str, Any]]:
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
    run = train(folder, settings, resume=(folder / "run.json").exists())
    if not run.is_complete("evaluation"):
        evaluate(run)
        write_report(run)
    metrics: dict[str, Any] = Run.open(folder).read(METRICS)
    return metrics


STUDIES = {"demo": demo, "networks": networks}


def main() -> None:
    """Run the seeds and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    found = [STUDIES[options.study](seed) for seed in range(options.seeds)]
    cells, figures = [], []
    for name in found[0]:
        for seed, rows in enumerate(found):
            cells.append(Cell(row=name, condition="", seed=seed, folder="", settings={}))
            figures.append(flat_figures(dict(rows[name])))
    command = f"python results/measure.py {options.study} --seeds {options.seeds}"
    results = header(command, "birds", range(options.seeds)) | {
        "rows": gathered({name: Row(name=name) for name in found[0]}, cells, figures)
    }
    write_json_atomically(Path(__file__).parent / f"{options.study}-birds.json", results)


if __name__ == "__main__":
    main()
