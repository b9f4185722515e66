"""r(x) of a ResNet, a ConvNeXt and a ViT, each trained here from nothing on painted birds, explained and measured.

    python results/networks.py --seeds 1

It writes networks-birds.json beside this file. Runs lie in runs/networks/; those that are complete there are kept.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

from whynet.base.files import write_json_atomically
from whynet.workflows.metrics_table import flat_figures
from whynet.workflows.reproduce.interpnet import measured
from whynet.workflows.reproduce.study import Cell, Row, gathered, header

EXPLAINER = {
    "epochs": 10, "batch_size": 32, "learning_rate": 2e-3, "captions_per_epoch": 1, "views": 2, "embedding_size": 128,
    "hidden_size": 128, "projection_size": 128,
}  # fmt: skip
QUICK = {"epochs": 10, "batch_size": 32, "plateau_patience": 1}
SLOW = {"epochs": 25, "batch_size": 16, "learning_rate": 3e-4, "plateau_patience": 4, "patience": 15}
"""How those are trained that learn little in ten epochs."""
NETWORKS = {
    "timm:resnet10t": ("layer2,layer3,layer4", QUICK),
    "timm:convnext_atto": ("stages.1,stages.2,stages.3", SLOW),
    "timm:vit_tiny_patch16_224": ("blocks.3,blocks.7,blocks.11", SLOW),
}
"""Each with the layers that r(x) holds, and how it is trained."""
NUM_SPECIES = 5


def cell_of(network: str, seed: int) -> Cell:
    """One run of the study."""
    layers, classifier = NETWORKS[network]
    settings = {
        "data": {"name": "birds", "num_species": NUM_SPECIES, "data_seed": seed},
        "model": {"network": network, "layers": layers, "seed": seed},
        "classifier": classifier,
        "explainer": EXPLAINER,
    }
    folder = Path("runs/networks") / f"{network.partition(':')[2]}-{seed}"
    return Cell(row=network, condition="", seed=seed, folder=str(folder), settings=settings)


def main() -> None:
    """Run the seeds and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    seeds = parser.parse_args().seeds
    cells = [cell_of(network, seed) for network in NETWORKS for seed in range(seeds)]
    figures = [flat_figures(measured(cell, True, device="auto")) for cell in cells]
    results = header(f"python results/networks.py --seeds {seeds}", "birds", range(seeds)) | {
        "settings": {cell.row: cell.settings for cell in cells if not cell.seed},
        "rows": gathered({name: Row(name=name) for name in NETWORKS}, cells, figures),
    }
    results["versions"]["timm"] = version("timm")
    write_json_atomically(Path(__file__).parent / "networks-birds.json", results)


if __name__ == "__main__":
    main()
