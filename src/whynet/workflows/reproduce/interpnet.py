"""Table 1 of InterpNET: six models, the same decoder, data and seeds; and what its order depends on.

Barratt, "InterpNET: Neural Introspection for Interpretable Deep Learning", 2017, arXiv:1710.09511, table 1. As there, a
network with a compact bilinear feature is trained first and stays as it is; on its feature x each model trains a head
of 1, 2 or 3 hidden layers, then its explainer. InterpNET(0), Captioning and the baseline share the head of one hidden
layer.

Differs from the paper: painted birds or ten species of CUB instead of 200, and a small network trained on them from
nothing instead of VGG-16; several seeds with their spread; floors that never look at the picture; paired tests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from whynet.base.errors import MissingDependencyError, SettingError
from whynet.metrics.java import missing_language_tools
from whynet.metrics.paired_test import paired_test
from whynet.models.variants import VARIANT_NAMES
from whynet.training.hardware import Hardware
from whynet.training.settings import ExplainerSettings
from whynet.workflows.evaluate import METRICS, evaluate
from whynet.workflows.metrics_table import flat_figures
from whynet.workflows.reproduce.study import Cell, Figures, Row, gathered, header, run_cells
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, settings_with
from whynet.workflows.train import train

Changes: TypeAlias = Mapping[str, Mapping[str, Any]]

PAPER = {
    "interpnet0": (35.0, 55.6, 68.3, 0.813),
    "interpnet1": (36.1, 58.7, 73.5, 0.815),
    "interpnet2": (37.9, 62.3, 82.1, 0.79),
    "interpnet3": (31.7, 47.3, 54.3, 0.767),
    "captioning": (32.2, 48.2, 55.5, 0.813),
    "gve": (29.2, None, 56.7, None),
}
"""METEOR, BLEU, CIDEr and accuracy of table 1, under the `interpnet` protocol."""
_PAPER_KEYS = ("meteor_interpnet", "bleu4_interpnet", "cider_interpnet", "accuracy")

ROWS = {
    variant: Row(
        name=VARIANT_NAMES[variant],
        paper={key: figure for key, figure in zip(_PAPER_KEYS, figures, strict=True) if figure is not None},
    )
    for variant, figures in PAPER.items()
}
COMPARED = (("interpnet2", "captioning"), ("interpnet2", "interpnet0"))
TESTED = ("meteor_coco", "bleu4_coco", "cider_d_coco", "true_of_image", "recall", "class_similarity")

EXPERIMENTS: dict[str, dict[str, Changes]] = {
    "scale": {
        "each entry standardised": {"explainer": {"standardise": True}},
        "as the layers give it": {"explainer": {"standardise": False}},
    },
    "departures": {
        "one plumage a species": {"data": {"departures": 0.0}},
        "males, females, seasons, morphs": {"data": {"departures": 1.0}},
    },
    "species": {
        "5 species": {"data": {"num_species": 5}},
        "20 species": {"data": {"num_species": 20}},
    },
}
"""What the order of the rows may depend on, one thing at a time: each condition with its settings."""
EXPERIMENT_ROWS = ("interpnet0", "interpnet2", "captioning")

BACKBONE = "backbone"
FLOORS_OF = "interpnet0"
"""The row whose runs score the floors, too: they are the same for all."""
NUM_CHECKED = 100
"""Test pictures of each run whose words are put to the causal check."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large everything is, for one data set; smaller and shorter than in the paper, to be done in an hour.

    Args:
        bilinear: Length of the feature x.
        classifier: How the backbone is trained, and with it x.
        head: How the head of each row is trained on x.
        explainer: Sizes and training of every row's explainer.
        gve: What the baseline has beside them.
        data: Settings of the data that are other than usual.
    """

    bilinear: int
    classifier: Mapping[str, Any]
    head: Mapping[str, Any]
    explainer: Mapping[str, Any]
    gve: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)


_EXPLAINER = {
    "epochs": 14, "batch_size": 64, "learning_rate": 4e-3, "plateau_patience": 0, "captions_per_epoch": 1,
    "embedding_size": 128, "hidden_size": 128, "projection_size": 128,
}  # fmt: skip
_HEAD = {"epochs": 8, "patience": 3, "batch_size": 64, "plateau_patience": 0}
_GVE = {
    "epochs": 8, "batch_size": 64, "learning_rate": 4e-3, "captions_per_epoch": 1, "embedding_size": 128,
    "hidden_size": 128,
}  # fmt: skip
SCALES = {
    "birds": Scale(
        bilinear=8192, classifier={"epochs": 18, "batch_size": 64, "plateau_patience": 1}, head=_HEAD,
        explainer=_EXPLAINER, gve=_GVE,
    ),
    "cub": Scale(
        bilinear=8192, classifier={}, head=_HEAD | {"epochs": 30, "patience": 8},
        explainer=_EXPLAINER | {"epochs": 25, "captions_per_epoch": 5, "learning_rate": 2e-3},
        gve=_GVE | {"epochs": 20, "captions_per_epoch": 5},
    ),
}  # fmt: skip


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
        WhynetError: What `train` and `evaluate` raise.
    """
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
    name = DataSettings(name=data, root=root).title
    folder = out or Path("runs/reproduce") / f"interpnet-{name}"
    plan = _Plan(data=data, root=root, folder=folder, scale=scale or SCALES[data])
    cells = plan.cells(range(seeds), experiment)
    backbones = list({cell.folder: cell for cell in map(plan.backbone, cells)}.values())
    total, done = len(backbones) + len(cells), iter(range(1, len(backbones) + len(cells) + 1))

    def on_done(cell: Cell) -> None:
        say(f"{next(done)} of {total}: {cell.row} {cell.condition} seed {cell.seed}")

    work = partial(measured, device=device)
    run_cells(backbones, work, jobs=jobs, on_done=on_done)
    metrics = run_cells(cells, work, jobs=jobs, on_done=on_done)
    varied = [] if experiment is None else ["--experiment", experiment]
    command = ["whynet reproduce interpnet --data", data, *(["--root", name] if root else []), *varied]
    return header(" ".join([*command, "--seeds", str(seeds)]), name, range(seeds)) | {
        "settings": asdict(plan.scale),
        "rows": gathered(ROWS, cells, [flat_figures(own) for own in metrics]),
        "floors": _floors(cells, metrics),
        "tests": _tests(cells, [flat_figures(own) for own in metrics]),
    }


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Which runs a study consists of."""

    data: str
    root: str | None
    folder: Path
    scale: Scale

    def cells(self, seeds: Sequence[int], experiment: str | None) -> list[Cell]:
        conditions: Mapping[str, Changes] = {"": {}} if experiment is None else EXPERIMENTS[experiment]
        rows = list(ROWS) if experiment is None else EXPERIMENT_ROWS
        return [
            self._cell(row, condition, changes, seed)
            for condition, changes in conditions.items()
            for row in rows
            for seed in seeds
        ]

    def _cell(self, row: str, condition: str, changes: Changes, seed: int) -> Cell:
        settings = {
            "data": self._data(changes, seed),
            "model": {"variant": row, "seed": seed, "backbone": str(self._folder(changes, ["data"], seed, BACKBONE))},
            "classifier": dict(self.scale.head),
            "explainer": {**self.scale.explainer, **changes.get("explainer", {})},
            "gve": dict(self.scale.gve),
        }
        folder = self._folder(changes, ["data", "explainer"], seed, row)
        return Cell(row=row, condition=condition, seed=seed, folder=str(folder), settings=settings)

    def backbone(self, cell: Cell) -> Cell:
        """The run that a cell's head stands on."""
        settings = {
            "data": cell.settings["data"],
            "model": {"variant": "interpnet0", "bilinear": self.scale.bilinear, "seed": cell.seed},
            "classifier": dict(self.scale.classifier),
        }
        folder = cell.settings["model"]["backbone"]
        return Cell(row=BACKBONE, condition="", seed=cell.seed, folder=folder, settings=settings, explained=False)

    def _data(self, changes: Changes, seed: int) -> dict[str, Any]:
        base = {"name": self.data, "root": self.root, "data_seed": seed}
        return base | dict(self.scale.data) | dict(changes.get("data", {}))

    def _folder(self, changes: Changes, groups: Sequence[str], seed: int, name: str) -> Path:
        """Conditions that ask for the same share a run, also with the table."""
        usual: dict[str, dict[str, Any]] = {
            "data": asdict(DataSettings()) | dict(self.scale.data),
            "explainer": asdict(ExplainerSettings()) | dict(self.scale.explainer),
        }
        parts = [
            f"{key}-{value:g}"
            for group in groups
            for key, value in changes.get(group, {}).items()
            if value != usual[group][key]
        ]
        return (self.folder / "_".join(parts) / f"seed{seed}" / name).resolve()


def measured(cell: Cell, alone: bool, *, device: str) -> dict[str, Any]:
    """Train and evaluate one run, or what is missing of it; returns its metrics, those of a backbone being empty."""
    folder = Path(cell.folder)
    settings = settings_with({group: dict(values) for group, values in cell.settings.items()})
    folder.parent.mkdir(parents=True, exist_ok=True)
    begun = (folder / "run.json").exists()
    hardware = Hardware(device=device)
    run = train(folder, settings, resume=begun, explainer=cell.explained, hardware=hardware, progress=alone)
    if not cell.explained:
        return {}
    if not run.is_complete("evaluation"):
        evaluate(run, device=device, floors=cell.row == FLOORS_OF, num_checked=NUM_CHECKED)
    metrics: dict[str, Any] = Run.open(folder).read(METRICS)
    return metrics


def _floors(cells: Sequence[Cell], metrics: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The floors, once a condition and seed: they look at no network."""
    names = {"random_same_class": "random caption of the class", "most_frequent": "most frequent caption"}
    floors = {name: Row(name=title) for name, title in names.items()}
    own, figures = [], []
    for floor in floors:
        for cell, found in zip(cells, metrics, strict=True):
            if cell.row == FLOORS_OF and floor in found["floors"]:
                own.append(Cell(row=floor, condition=cell.condition, seed=cell.seed, folder="", settings={}))
                figures.append(flat_figures(found["floors"][floor]))
    return gathered(floors, own, figures)


def _tests(cells: Sequence[Cell], figures: Sequence[Figures]) -> list[dict[str, Any]]:
    """Paired over the seeds: what InterpNET(2) has more than Captioning and than InterpNET(0)."""
    by_row: dict[tuple[str, str], list[Figures]] = {}
    for cell, own in zip(cells, figures, strict=True):
        by_row.setdefault((cell.row, cell.condition), []).append(own)
    if len(next(iter(by_row.values()))) < 2:
        return []
    tests = []
    for condition in dict.fromkeys(cell.condition for cell in cells):
        for a, b in COMPARED:
            ours, theirs = by_row[a, condition], by_row[b, condition]
            for key in TESTED:
                if key in ours[0] and key in theirs[0]:
                    test = paired_test([one[key] for one in ours], [one[key] for one in theirs])
                    label = {"condition": condition} if condition else {}
                    tests.append({**label, "a": ROWS[a].name, "b": ROWS[b].name, "metric": key, **asdict(test)})
    return tests
