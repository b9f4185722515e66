"""The figures that the README claims: the demo, or a run on CUB's layout, over several seeds.

    python results/measure.py birds --seeds 5
    python results/measure.py cub --root CUB --seeds 3

Writes results/demo-birds.json or results/demo-<name of the data's folder>.json. Runs lie in runs/measure/; those that
are there already are not trained again.
"""

import argparse
import platform
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import Any

from whynet.base.files import write_json_atomically
from whynet.workflows.demo import run_demo
from whynet.workflows.evaluate import METRICS, evaluate
from whynet.workflows.report import write_report
from whynet.workflows.run import Run
from whynet.workflows.settings import settings_with
from whynet.workflows.train import train

SOURCES: dict[str, tuple[str, ...]] = {
    "InterpNET(2)": (),
    "random caption of the class": ("floors", "random_same_class"),
    "most frequent caption": ("floors", "most_frequent"),
}
LANGUAGE = {
    "meteor_coco": ("coco", "meteor"),
    "bleu4_coco": ("coco", "bleu4"),
    "cider_d_coco": ("coco", "cider_d"),
    "rouge_l": ("coco", "rouge_l"),
    "meteor_interpnet": ("interpnet", "meteor"),
    "bleu4_interpnet": ("interpnet", "bleu4"),
    "cider_interpnet": ("interpnet", "cider"),
    "cider_d_interpnet": ("interpnet", "cider_d"),
}


def one_run(data: str, root: str | None, seed: int) -> dict[str, Any]:
    """Train and evaluate one seed; what is there already is kept."""
    folder = Path("runs/measure") / f"{Path(root).name if root else data}-{seed}"
    if data == "birds":
        _, metrics = run_demo(folder, seed=seed)
        return metrics
    settings = settings_with(
        {"data": {"name": data, "root": root}, "model": {"seed": seed}, "classifier": {}, "explainer": {}}
    )
    run = train(folder, settings, resume=(folder / "run.json").exists())
    if not run.is_complete("evaluation"):
        evaluate(run)
        write_report(run)
    metrics = Run.open(folder).read(METRICS)
    return dict(metrics)


def figures(metrics: dict[str, Any], path: tuple[str, ...]) -> dict[str, float]:
    """The keys of the results files, of the run or of one of its floors."""
    found = {} if path else {"accuracy": metrics["accuracy"], "seconds": metrics["seconds"]}
    for key in path:
        metrics = metrics[key]
    found |= {key: metrics["language"][protocol][name] for key, (protocol, name) in LANGUAGE.items()}
    return found | metrics.get("attributes", {})


def main() -> None:
    """Run the seeds and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["birds", "cub"])
    parser.add_argument("--root")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    seeds = list(range(options.seeds))
    runs = [one_run(options.data, options.root, seed) for seed in seeds]
    rows = []
    for name, path in SOURCES.items():
        found = [figures(metrics, path) for metrics in runs]
        rows.append(
            {
                "name": name,
                "metrics": {
                    key: {
                        "mean": statistics.mean(values := [one[key] for one in found if key in one]),
                        "sd": statistics.stdev(values) if len(values) > 1 else None,
                        "values": values,
                    }
                    for key in found[0]
                },
            }
        )
    data = Path(options.root).name if options.root else options.data
    root = ["--root", "CUB"] if options.root else []
    packages = ("whynet", "torch", "lightning")
    results = {
        "command": " ".join(["python", "results/measure.py", options.data, *root, "--seeds", str(options.seeds)]),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "data": data,
        "seeds": seeds,
        "rows": rows,
    }
    write_json_atomically(Path(__file__).parent / f"demo-{data}.json", results)


if __name__ == "__main__":
    main()
