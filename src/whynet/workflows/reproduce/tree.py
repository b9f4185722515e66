"""Decision trees of interpretable and of ordinary CNNs: how true they are, from rough to exact.

Zhang, Yang, Ma & Wu, "Interpreting CNNs via Decision Trees", CVPR 2019, arXiv:1802.00121 (recalled). The networks are
those of the study of interpretable CNNs, whose runs it shares. Of each, classes are drawn at random among those that it
recognises; their trees are grown on training pictures and measured on test pictures, in the layers that the paper
tells. Grown by direction, as `whynet tree` does, and under the condition "likelihood" as in the paper.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from whynet.base.errors import DataError, SettingError
from whynet.base.files import read_json, write_json_atomically
from whynet.base.seeding import generator
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.structures.decision_tree import LEVELS, Fidelity, reads_monotone
from whynet.structures.tree_settings import TreeSettings
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.decision_trees.growing import filters_of_parts, grow_trees
from whynet.workflows.filters.measuring import filters_layer
from whynet.workflows.filters.run_filters import filters_of_subject
from whynet.workflows.reproduce.icnn import trained
from whynet.workflows.reproduce.icnn_plan import ICNNScale, plan_of, scale_of
from whynet.workflows.reproduce.study import Cell, alone_at, header, run_after, spread, spread_over_classes
from whynet.workflows.run import CLASSIFIER
from whynet.workflows.settings import MULTI, TrainSettings

NETWORKS = {"vgg_m": 3, "vgg16": 1}
"""The networks, and how many seeds each has at most."""
CONDITIONS: Mapping[str, TreeSettings] = {"": TreeSettings(), "likelihood": TreeSettings(growth="likelihood")}
MIN_PICTURES = 10
"""Test pictures that a network must recognise of a class for its tree to be measured."""
MEASURED = "trees.json"

Measured = dict[str, list[dict[str, Any]]]
"""Of one network, by condition: for each class its name, its figures by layer, its depth, and whether they improve."""


def reproduce_tree(
    *,
    data: str = "birds",
    root: str | None = None,
    seeds: int = 3,
    classes: int = 6,
    out: Path | None = None,
    jobs: int = 1,
    device: str = "auto",
    scale: ICNNScale | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Grow and measure trees of each network and of its interpretable twin.

    Args:
        data: "birds", "cub" or "animal_parts".
        root: The folder of CUB or of the crops.
        seeds: At most so many of each network.
        classes: How many of each network.
        out: Folder of the runs; what is complete there is not done again. By default that of the study of filters.
        jobs: Networks at a time, each in a process of its own.
        device: Where to compute.
        scale: Sizes and lengths of training other than those of `SCALES`.
        say: Told when a network is done.

    Returns:
        What the results file holds.

    Raises:
        SettingError: The data are unknown here, or there is no seed or class.
        RunError: Another study is at work on one of the runs, or a worker died.
        DataError: A network recognises too few pictures of too many classes.
        WhynetError: What `train` and `fit_decision_tree` raise.
    """
    usual = scale_of(data)
    if seeds < 1 or classes < 1:
        raise SettingError(f"at least one seed and one class were expected, not {seeds} and {classes}")
    scale = scale or _scale(usual)
    plan = plan_of(data, root, out, scale)
    cells = plan.cells(seeds, [MULTI])
    measured = run_after(
        plan.starts(seeds), cells, plan.folder,
        train=partial(trained, device=device), work=partial(grown, classes=classes, device=device), jobs=jobs, say=say,
    )  # fmt: skip
    told = [*(["--root", plan.title] if root else []), "--seeds", str(seeds), "--classes", str(classes)]
    return header(" ".join(["whynet reproduce tree --data", data, *told]), plan.title, range(seeds)) | {
        "settings": {"scale": asdict(scale), "trees": {key: asdict(own) for key, own in CONDITIONS.items()}},
        "class_names": [sorted({one["class"] for own in found.values() for one in own}) for found in measured],
        "rows": _rows(cells, measured),
        "tests": [],
    }


def grown(cell: Cell, alone: bool, *, classes: int, device: str) -> Measured:
    """Train one network and measure its trees, or what is missing of it."""
    run, folder = trained(cell, alone, device=device), Path(cell.folder)
    with alone_at(folder):
        asked = {"classes": classes, "trees": {key: asdict(own) for key, own in CONDITIONS.items()}}
        if (folder / MEASURED).exists():
            kept = read_json(folder / MEASURED, "a network's trees")
            if kept.get("asked") == asked:
                found: Measured = kept["found"]
                return found
        settings = TrainSettings.from_json(run.settings)
        subject = load_subject(run.folder / CLASSIFIER).to(Hardware(device=device).torch_device())
        splits = open_data(settings.data)
        layer = filters_layer(subject)
        parts = filters_of_parts(filters_of_subject(subject, splits, settings.data.task).filters)
        found = {
            name: _of_classes(subject, splits, layer, parts, own, classes, cell.seed)
            for name, own in CONDITIONS.items()
        }
        write_json_atomically(folder / MEASURED, {"asked": asked, "found": found})
        return found


def _of_classes(
    subject: Subject,
    splits: Splits,
    layer: str,
    parts: Mapping[str, Sequence[int]],
    settings: TreeSettings,
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """The figures of so many classes, drawn among those that the network recognises."""
    order = torch.randperm(len(subject.class_names), generator=generator(seed, "classes")).tolist()
    found: list[dict[str, Any]] = []
    for index in order:
        own = next(grow_trees(subject, splits, layer, [index], settings, parts), None)
        if own is None or len(own.test) < MIN_PICTURES:
            continue
        found.append(
            {
                "class": own.tree.class_name, "depth": own.tree.depth, "pictures": len(own.tree.image_names),
                "figures": own.figures, "reads_monotone": own.reads_monotone,
            }
        )  # fmt: skip
        if len(found) == count:
            return found
    raise DataError(
        f"{subject.name} recognises {MIN_PICTURES} test pictures of {len(found)} classes, fewer than {count}; ask for "
        "fewer --classes, or train it longer"
    )


def _rows(cells: Sequence[Cell], measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """A row for each network and layer of the tree, under each condition."""
    by_row: dict[str, list[Measured]] = {}
    for cell, own in zip(cells, measured, strict=True):
        by_row.setdefault(cell.row, []).append(own)
    rows = []
    for row, seeds in by_row.items():
        for condition in CONDITIONS:
            found = [own[condition] for own in seeds]
            for level in LEVELS:
                figures = [[one["figures"][level] for one in own] for own in found]
                keys = dict.fromkeys(key for own in figures for one in own for key in one)
                metrics = {
                    key: spread_over_classes([[one[key] for one in own if key in one] for own in figures])
                    for key in keys
                }
                if level == "leaves":
                    metrics["reads_monotone"] = spread([float(_reads_monotone(own)) for own in found])
                    for key, told in (("trees_monotone", "reads_monotone"), ("depth", "depth")):
                        metrics[key] = spread_over_classes([[float(one[told]) for one in own] for own in found])
                rows.append(
                    {
                        "name": f"{row} {level}", **({"condition": condition} if condition else {}), "metrics": metrics,
                    }
                )  # fmt: skip
    return rows


def _reads_monotone(trees: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the means over the classes get no worse from layer to layer."""
    levels = []
    for level in LEVELS:
        errors = [one["figures"][level].get("relative_error") for one in trees]
        told = [error for error in errors if error is not None]
        levels.append(
            Fidelity(
                relative_error=fmean(told) if told else None,
                fitness=fmean(one["figures"][level]["fitness"] for one in trees),
                part_error=None,
                accuracy=fmean(one["figures"][level]["accuracy"] for one in trees),
            )
        )
    return reads_monotone(levels)


def monotone_lines(results: Mapping[str, Any]) -> list[str]:
    """For each network whether, on average over seeds and classes, trees get truer layer by layer."""
    by_network: dict[tuple[str, str], dict[str, Mapping[str, float]]] = {}
    for row in results["rows"]:
        network, _, level = row["name"].rpartition(" ")
        means = {key: value["mean"] for key, value in row["metrics"].items()}
        by_network.setdefault((row.get("condition", ""), network), {})[level] = means
    lines = []
    for (condition, network), levels in by_network.items():
        errors = [levels[name]["relative_error"] for name in LEVELS if "relative_error" in levels[name]]
        fits = [levels[name]["fitness"] for name in LEVELS]
        name = f"{network}, grown by {condition}" if condition else network
        lines.append(
            f"{name}: the error goes {_arrow(errors)}%, the fitness {_arrow(fits)}%; of single trees "
            f"{levels['leaves']['trees_monotone']:.0%} get truer with every layer."
        )
    return lines


def _arrow(values: Sequence[float]) -> str:
    return " \N{RIGHTWARDS ARROW} ".join(f"{100 * value:.1f}" for value in values)


def _scale(own: ICNNScale) -> ICNNScale:
    networks = {name: replace(own.networks[name], seeds=seeds, is_ablated=False) for name, seeds in NETWORKS.items()}
    return replace(own, networks=networks)
