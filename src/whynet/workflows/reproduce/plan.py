"""The runs behind InterpNET's table 1: rows, conditions, sizes, and where each run lies.

Barratt 2017, arXiv:1710.09511, table 1; how they are run and compared is `interpnet`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from whynet.models.variants import VARIANT_NAMES, VARIANTS
from whynet.training.settings import ExplainerSettings
from whynet.workflows.reproduce.study import Cell, Row
from whynet.workflows.settings import DataSettings

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

EXPERIMENTS: dict[str, dict[str, Changes]] = {
    "scale": {
        "each entry standardised": {"explainer": {"standardise": True}},
        "each layer of the same length": {"explainer": {"balance": True}},
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
        explainer=_EXPLAINER
        | {"epochs": 14, "batch_size": 32, "captions_per_epoch": 5, "learning_rate": 8e-3, "plateau_patience": 1},
        gve=_GVE | {"epochs": 20, "captions_per_epoch": 5},
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which runs the study consists of."""

    data: str
    root: str | None
    folder: Path
    scale: Scale

    def cells(self, seeds: Sequence[int], experiment: str | None) -> list[Cell]:
        """The runs of the table, or of an experiment, row by row."""
        conditions: Mapping[str, Changes] = {"": {}} if experiment is None else EXPERIMENTS[experiment]
        rows = list(ROWS) if experiment is None else EXPERIMENT_ROWS
        return [
            self._cell(row, condition, changes, seed)
            for condition, changes in conditions.items()
            for row in rows
            for seed in seeds
        ]

    def _cell(self, row: str, condition: str, changes: Changes, seed: int) -> Cell:
        changes = {group: _effective(row, values) for group, values in changes.items()}
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


def _effective(row: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of some changes that change anything: where r(x) is one layer, there is nothing to balance."""
    variant = VARIANTS[row]
    if len(variant.layers) + variant.probabilities + variant.class_embedding > 1:
        return changes
    return {key: value for key, value in changes.items() if key != "balance"}
