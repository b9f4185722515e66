"""The rows of the study of interpretable CNNs: each network beside its ordinary twin, with the paper's figures.

Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935, tables 3, 6 and 7. Twins
share data, seed, and all settings but the filters; no patience lets one of them stop before the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from whynet.base.errors import SettingError
from whynet.workflows.reproduce.study import Cell, Row
from whynet.workflows.settings import MULTI, DataSettings

START, INTERPRETABLE = "start", "interpretable"
MASKS_ALONE, LAYER_ALONE = "masks alone", "layer alone"
"""The same without the filter loss; and without masks, too, so that only the new convolution is left."""
_PAPER_MULTI = {"location_instability": {"vgg_m": (0.167, 0.096), "vgg_s": (0.131, 0.083)}}
"""Ordinary and interpretable on ILSVRC Part: table 6, logistic loss. Of table 7 nothing: its accuracy is another."""
_PAPER_SINGLE = {
    "location_instability": {"vgg16": (0.144, 0.085), "vgg_m": (0.147, 0.090), "vgg_s": (0.145, 0.090)},
    "accuracy": {
        "alexnet": (0.9628, 0.9538), "vgg16": (0.9858, 0.9667), "vgg_m": (0.9734, 0.9577), "vgg_s": (0.9762, 0.9564),
    },
}  # fmt: skip
"""Likewise for single categories: tables 3 and 7."""


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """How one network is built and trained.

    Args:
        width: Factor of its channels; None for a network that has none.
        learning_rate: Of the start; what begins with its weights has half of it.
        epochs: Of the ordinary network with whose weights all its others begin.
        more_epochs: Of these.
        seeds: At most so many are trained.
        image_size: Side of its pictures; None: that of the data's settings.
        is_ablated: Whether it is also trained with masks alone and with the new layer alone.
    """

    width: float | None = 0.25
    learning_rate: float = 1e-3
    epochs: int = 15
    more_epochs: int = 10
    seeds: int = 1
    image_size: int | None = None
    is_ablated: bool = False

    @property
    def conditions(self) -> tuple[str, ...]:
        """What its filters are: "" for ordinary ones."""
        return ("", INTERPRETABLE, *([MASKS_ALONE, LAYER_ALONE] if self.is_ablated else []))


@dataclass(frozen=True, kw_only=True)
class ICNNScale:
    """How large everything is, for one data set: smaller than in the paper, and from nothing.

    Args:
        networks: By name.
        data: Settings of the data.
        classifier: How networks are trained.
        filters: What makes filters interpretable.
        categories: Of single-category tasks.
    """

    networks: Mapping[str, NetworkPlan]
    data: Mapping[str, Any] = field(default_factory=dict)
    classifier: Mapping[str, Any] = field(default_factory=dict)
    filters: Mapping[str, Any] = field(default_factory=dict)
    categories: Sequence[str] = ()


_NETWORKS = {
    "small_convnet": NetworkPlan(width=1.0, seeds=3, image_size=64, is_ablated=True),
    # These learn a new convolution slowly: after ten epochs AlexNet was five points behind its twin.
    "alexnet": NetworkPlan(epochs=40, more_epochs=20, seeds=3, is_ablated=True),
    "vgg_m": NetworkPlan(width=0.125, epochs=30, more_epochs=20),
    "vgg_s": NetworkPlan(width=0.125, epochs=30, more_epochs=20),
    "vgg16": NetworkPlan(width=0.125, epochs=30, more_epochs=40, learning_rate=3e-4),
    "resnet18": NetworkPlan(),
}
_CLASSIFIER = {"batch_size": 32, "patience": 60, "plateau_patience": 2}
SCALES = {
    "birds": ICNNScale(
        networks=_NETWORKS, data={"image_size": 128, "roll": 45.0}, classifier=_CLASSIFIER,
    ),
    "cub": ICNNScale(  # 260 pictures: an epoch is short
        networks={
            name: replace(own, is_ablated=False, epochs=2 * own.epochs, more_epochs=2 * own.more_epochs)
            for name, own in _NETWORKS.items()
        },
        data={"image_size": 128}, classifier=_CLASSIFIER,
    ),
    "animal_parts": ICNNScale(  # with more than twice as many pictures, an epoch is long
        networks={
            # After eight more epochs the new convolutions were still learning.
            name: replace(own, is_ablated=False, epochs=min(own.epochs, 15), more_epochs=16)
            for name, own in _NETWORKS.items()
        },
        data={"image_size": 128}, classifier={**_CLASSIFIER, "loss": "logistic"},
        categories=("bird", "dog", "tiger", "zebra"),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ICNNPlan:
    """All runs of a study.

    Args:
        data: Name of the data.
        root: Their folder; None for painted birds.
        folder: Of the runs.
        scale: How large everything is.
    """

    data: str
    root: str | None
    folder: Path
    scale: ICNNScale

    @property
    def title(self) -> str:
        """What the data are called."""
        return DataSettings(name=self.data, root=self.root).title

    def cells(self, seeds: int, tasks: Sequence[str]) -> list[Cell]:
        """A run for each network, task and seed, with each kind of filters.

        Args:
            seeds: At most so many of each network.
            tasks: "multi" or categories.
        """
        return [
            self._cell(name, own, task, seed, filters)
            for task in tasks
            for name, own in self.scale.networks.items()
            for seed in range(min(seeds, own.seeds))
            for filters in own.conditions
        ]

    def starts(self, seeds: int) -> list[Cell]:
        """The ordinary networks of all categories, with whose weights all runs begin; the paper's know ImageNet."""
        return [
            self._start_of(self._cell(name, own, MULTI, seed, ""), own)
            for name, own in self.scale.networks.items()
            for seed in range(min(seeds, own.seeds))
        ]

    def _start_of(self, cell: Cell, own: NetworkPlan) -> Cell:
        """The run with whose weights an ordinary one begins."""
        model = dict(cell.settings["model"])
        folder = model.pop("start")
        classifier = {**cell.settings["classifier"], "epochs": own.epochs, "learning_rate": own.learning_rate}
        settings = {**cell.settings, "model": model, "classifier": classifier}
        return replace(cell, condition=START, folder=folder, settings=settings)

    def _cell(self, name: str, own: NetworkPlan, task: str, seed: int, filters: str) -> Cell:
        row = row_key(name, filters)
        width = {} if own.width is None else {"width": own.width}
        size = {} if own.image_size is None else {"image_size": own.image_size}
        own_filters = {
            INTERPRETABLE: dict(self.scale.filters),
            MASKS_ALONE: {**self.scale.filters, "strength": 0.0},
            LAYER_ALONE: {**self.scale.filters, "strength": 0.0, "beta": 0.0},
        }
        return Cell(
            row=row, condition=task if task != MULTI else "", seed=seed, folder=str(self._folder(task, seed, row)),
            settings={
                "data": {
                    "name": self.data, "root": self.root, "data_seed": seed, "task": task, **self.scale.data, **size,
                },
                "model": {
                    "network": name, "seed": seed, "interpretable": bool(filters), **width,
                    "start": str(self._folder(START, seed, name)),
                },
                "classifier": {
                    **self.scale.classifier, "epochs": own.more_epochs, "learning_rate": own.learning_rate / 2,
                },
                "filters": own_filters.get(filters, {}),
            },
            explained=False,
        )  # fmt: skip

    def _folder(self, task: str, seed: int, row: str) -> Path:
        return self.folder / task / f"seed{seed}" / row.replace(" ", "-")


def scale_of(data: str, known: Collection[str] = SCALES) -> ICNNScale:
    """The scale of a study of these data.

    Args:
        data: Their name.
        known: Names of those for which the study is laid out.

    Raises:
        SettingError: They are none of them.
    """
    if data not in known:
        names = (" and " if len(known) == 2 else ", ").join(known)
        raise SettingError(f"this study is laid out for {names}, not for {data!r}; choose one of them")
    return SCALES[data]


def plan_of(data: str, root: str | None, out: Path | None, scale: ICNNScale) -> ICNNPlan:
    """The plan of a study. Those of one data set have one folder, unless it is given, so they share their runs.

    Args:
        data: Name of the data.
        root: Their folder; None for painted birds.
        out: Folder of the runs.
        scale: How large everything is.

    Raises:
        SettingError: The data need a folder.
    """
    title = DataSettings(name=data, root=root).title
    return ICNNPlan(data=data, root=root, folder=out or Path("runs/reproduce") / f"icnn-{title}", scale=scale)


def row_key(name: str, filters: str) -> str:
    """What a row is called."""
    return f"{name} {filters}".strip()


def network_of(row: str) -> str:
    """The name of a row's network, which is also the row of its ordinary twin."""
    return row.removesuffix(f" {INTERPRETABLE}").removesuffix(f" {MASKS_ALONE}").removesuffix(f" {LAYER_ALONE}")


def rows(networks: Mapping[str, NetworkPlan], data: str, *, is_single: bool) -> dict[str, Row]:
    """The rows, with the paper's figures where it has them for these data."""
    paper: Mapping[str, Mapping[str, tuple[float, float]]] = {}  # by metric and network
    if data == "animal_parts":
        paper = _PAPER_SINGLE if is_single else _PAPER_MULTI
    found: dict[str, Row] = {}
    for name, own in networks.items():
        for filters in own.conditions:
            is_in_paper = filters in ("", INTERPRETABLE)
            figures = {
                metric: of_networks[name][filters == INTERPRETABLE]
                for metric, of_networks in paper.items()
                if is_in_paper and name in of_networks
            }
            key = row_key(name, filters)
            found[key] = Row(name=key, paper=figures)
    return found
