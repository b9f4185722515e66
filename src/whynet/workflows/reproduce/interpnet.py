"""Table 1 of InterpNET: six models, the same decoder, data and seeds; and what its order depends on.

Barratt, "InterpNET: Neural Introspection for Interpretable Deep Learning", 2017, arXiv:1710.09511, table 1. As there, a
network with a compact bilinear feature is trained first and stays as it is; on its feature x each model trains a head
of 1, 2 or 3 hidden layers, then its explainer. InterpNET(0), Captioning and the baseline share the head of one hidden
layer.

Differs from the paper: painted birds or ten species of CUB instead of 200, and a small network trained on them from
nothing instead of VGG-16; several seeds with their spread; floors that never look at the picture; paired tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from whynet.base.errors import DataError, MissingDependencyError, RewardError, SettingError
from whynet.metrics.java import missing_language_tools
from whynet.metrics.paired_test import paired_test
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import open_data
from whynet.workflows.evaluate import METRICS, evaluate, evaluation_options
from whynet.workflows.metrics_table import flat_figures
from whynet.workflows.reproduce.plan import EXPERIMENTS, ROWS, SCALES, Plan, Scale
from whynet.workflows.reproduce.study import (
    Cell,
    Figures,
    Row,
    adjusted,
    alone_at,
    announced,
    gathered,
    header,
    run_cells,
)
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, settings_with
from whynet.workflows.train import has_captions, train

COMPARED = (("interpnet2", "captioning"), ("interpnet2", "interpnet0"))
TESTED = (
    "meteor_interpnet", "cider_interpnet", "meteor_coco", "bleu4_coco", "cider_d_coco", "true_of_image", "recall",
    "class_similarity",
)  # fmt: skip
FLOORS_OF = "interpnet0"
"""The row whose runs score the floors, too: they are the same for all."""
NUM_CHECKED = 100
"""Test pictures of each run whose words are put to the causal check."""


def reproduce_interpnet(
    *,
    data: str = "birds",
    root: str | None = None,
    seeds: int = 5,
    experiment: str | None = None,
    out: Path | None = None,
    jobs: int = 1,
    device: str = "auto",
    scale: Scale | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train and measure every row of table 1 over several seeds.

    Args:
        data: "birds" or "cub".
        root: The folder of CUB.
        seeds: How many; 0, 1, 2, ...
        experiment: Vary one thing instead, over three of the rows; painted birds alone.
        out: Folder of the runs; what is complete there is not trained again.
        jobs: Runs at a time, each in a process of its own.
        device: Where to compute.
        scale: Sizes and lengths of training other than those of `SCALES`.
        say: Told when a run is done.

    Returns:
        What the results file holds.

    Raises:
        MissingDependencyError: The extra "language" is not installed.
        SettingError: The data are unknown here, or there is no seed.
        DataError: The data have no captions.
        RunError: Another study is at work on one of the runs, or a worker died.
        WhynetError: What `train` and `evaluate` raise.
    """
    _check(data, seeds, experiment)
    settings = DataSettings(name=data, root=root)
    folder = out or Path("runs/reproduce") / f"interpnet-{settings.title}"
    plan = Plan(data=data, root=root, folder=folder, scale=scale or SCALES[data])
    cells = plan.cells(range(seeds), experiment)
    backbones = list({cell.folder: cell for cell in map(plan.backbone, cells)}.values())
    total = len(backbones) + len(cells)
    say(f"{total} runs in {folder}; those that are complete there are kept")
    for first in {str(cell.settings["data"]): cell for cell in backbones}.values():
        if not has_captions(open_data(DataSettings(**first.settings["data"]))):
            raise DataError(f"the models write sentences, but {settings.title} has no captions; add them first")

    on_done, work = announced(total, say), partial(measured, device=device)
    run_cells(backbones, work, jobs=jobs, on_done=on_done)
    metrics = run_cells(cells, work, jobs=jobs, on_done=on_done)
    told = ["--root", settings.title] if root else []
    told += [] if experiment is None else ["--experiment", experiment]
    command = " ".join(["whynet reproduce interpnet --data", data, *told, "--seeds", str(seeds)])
    return header(command, settings.title, range(seeds)) | _results(plan, cells, metrics)


def _check(data: str, seeds: int, experiment: str | None) -> None:
    if data not in SCALES:
        raise SettingError(f"this study is laid out for {' and '.join(SCALES)}, not for {data!r}; choose one of them")
    if seeds < 1:
        raise SettingError(f"at least one seed was expected, not {seeds}")
    if experiment is not None and experiment not in EXPERIMENTS:
        raise SettingError(f"experiment {experiment!r} is unknown; choose one of {', '.join(EXPERIMENTS)}")
    if experiment is not None and data != "birds":
        raise SettingError(f"the experiment {experiment!r} paints its birds, so it cannot use {data!r}; leave it out")
    if reason := missing_language_tools():
        raise MissingDependencyError(reason)


def measured(cell: Cell, alone: bool, *, device: str) -> dict[str, Any]:
    """Train and evaluate one run, or what is missing of it.

    Returns:
        Its metrics and the version of whynet that made it; `failed` says why where the captions cannot teach the
        baseline's reward; a backbone has no metrics.

    Raises:
        RunError: Another study is at work on the run.
    """
    folder = Path(cell.folder)
    settings = settings_with({group: dict(values) for group, values in cell.settings.items()})
    begun = (folder / "run.json").exists()
    hardware = Hardware(device=device)
    try:
        with alone_at(folder):
            run = train(folder, settings, resume=begun, explainer=cell.explained, hardware=hardware, progress=alone)
            return _evaluated(run, cell, device) if cell.explained else {}
    except RewardError as error:
        return {"failed": str(error)}


def _evaluated(run: Run, cell: Cell, device: str) -> dict[str, Any]:
    """The metrics of a run, which is evaluated unless it was in just this way."""
    options: dict[str, Any] = {"floors": cell.row == FLOORS_OF, "num_checked": NUM_CHECKED}
    done = run.is_complete("evaluation") and run.read(METRICS).get("options") == evaluation_options(**options)
    metrics: dict[str, Any] = run.read(METRICS) if done else evaluate(run, device=device, **options)
    return {**metrics, "made_by": run.record()["whynet"]}


def _results(plan: Plan, cells: Sequence[Cell], metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    kept = [(cell, found) for cell, found in zip(cells, metrics, strict=True) if "failed" not in found]
    good, figures = [cell for cell, _ in kept], [flat_figures(found) for _, found in kept]
    failed = [
        {"name": ROWS[cell.row].name, "seed": cell.seed, "why": found["failed"]}
        for cell, found in zip(cells, metrics, strict=True)
        if "failed" in found
    ]
    return {
        "settings": asdict(plan.scale),
        "runs_made_by_whynet": sorted({found["made_by"] for _, found in kept}),
        "rows": gathered(ROWS, good, figures),
        "floors": _floors(cells, metrics),
        "tests": _tests(good, figures),
        **({"failed": failed} if failed else {}),
    }


def _floors(cells: Sequence[Cell], metrics: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The floors, once a condition and seed: they look at no network."""
    names = {"random_same_class": "random caption of the class", "most_frequent": "most frequent caption"}
    floors = {name: Row(name=title) for name, title in names.items()}
    own, figures = [], []
    for floor in floors:
        for cell, found in zip(cells, metrics, strict=True):
            if cell.row == FLOORS_OF and floor in found.get("floors", {}):
                own.append(Cell(row=floor, condition=cell.condition, seed=cell.seed, folder="", settings={}))
                figures.append(flat_figures(found["floors"][floor]))
    return gathered(floors, own, figures)


def _tests(cells: Sequence[Cell], figures: Sequence[Figures]) -> list[dict[str, Any]]:
    """Paired over the seeds: what InterpNET(2) has more than Captioning and than InterpNET(0); Holm over all tests."""
    by_row: dict[tuple[str, str], dict[int, Figures]] = {}
    for cell, own in zip(cells, figures, strict=True):
        by_row.setdefault((cell.row, cell.condition), {})[cell.seed] = own
    tests: list[dict[str, Any]] = []
    for condition in dict.fromkeys(cell.condition for cell in cells):
        for a, b in COMPARED:
            ours, theirs = by_row.get((a, condition), {}), by_row.get((b, condition), {})
            for key in TESTED:
                seeds = [seed for seed in ours if key in ours[seed] and key in theirs.get(seed, {})]
                if len(seeds) > 1:
                    test = paired_test([ours[seed][key] for seed in seeds], [theirs[seed][key] for seed in seeds])
                    label = {"condition": condition} if condition else {}
                    tests.append({**label, "a": ROWS[a].name, "b": ROWS[b].name, "metric": key, **asdict(test)})
    return adjusted(tests)
