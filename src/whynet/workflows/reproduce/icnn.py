"""Interpretable CNNs against their ordinary twins: accuracy, part interpretability, location instability, detectors.

Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935. Each network is trained
twice on the same pictures from the same seed, with ordinary and with interpretable filters, and its top filters are
measured on the test pictures.

Differs from the paper: where its networks were trained on ImageNet first, those of a seed all begin with the weights of
one ordinary network, which was trained from nothing on all categories; and they are smaller, as are the pictures.
Residual networks and a small convnet are measured, too. The constant centre, a point that never moves, stands beside
location instability. As an interpretable network is measured at its new convolution, which its twin does not have, some
networks are also trained with that layer but without masks, and with masks but without the filter loss. Fully connected
layers, which the paper begins anew in both twins, keep what the start has learned. Accuracy is the share of pictures
whose highest logit is right. The paper's for all categories with logistic loss is the mean over binary outputs, of
which nearly all say no and are right, so table 7 stands beside ours for single categories alone. There the paper takes
all other categories as negatives; here as many of their pictures are drawn as the category has, in test pictures, too
(`data.one_against_others`), so a network that tells nothing is right in half of them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from torchmetrics.functional.classification import multiclass_accuracy

from whynet.base.errors import SettingError
from whynet.base.files import read_json, write_json_atomically
from whynet.metrics.paired_test import paired_test
from whynet.models.saved_subject import load_subject
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import open_data
from whynet.workflows.filters.measuring import logits_and_labels
from whynet.workflows.filters.run_filters import filters_of_subject
from whynet.workflows.reproduce.icnn_plan import (
    INTERPRETABLE,
    LAYER_ALONE,
    MASKS_ALONE,
    ICNNScale,
    network_of,
    plan_of,
    row_key,
    rows,
    scale_of,
)
from whynet.workflows.reproduce.study import Cell, Figures, adjusted, alone_at, gathered, header, run_after
from whynet.workflows.run import CLASSIFIER, Run
from whynet.workflows.settings import MULTI, TrainSettings, settings_with
from whynet.workflows.train import train

MEASURED = "icnn.json"
TESTED = ("accuracy", "part_interpretability", "location_instability", "unique_detectors")


def reproduce_icnn(
    *,
    data: str = "birds",
    root: str | None = None,
    seeds: int = 3,
    single: bool = False,
    networks: Collection[str] = (),
    out: Path | None = None,
    jobs: int = 1,
    device: str = "auto",
    scale: ICNNScale | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train and measure every network and its twin.

    Args:
        data: "birds", "cub" or "animal_parts".
        root: The folder of CUB or of the crops.
        seeds: At most so many of each network; the larger ones have one.
        single: One category against as many pictures of the others, for each of the plan's categories, in place of all
            categories at once.
        networks: Of these alone, by name; none: all of the plan.
        out: Folder of the runs; what is complete there is not done again.
        jobs: Runs at a time, each in a process of its own.
        device: Where to compute.
        scale: Sizes and lengths of training other than those of `SCALES`.
        say: Told when a run is done.

    Returns:
        What the results file holds.

    Raises:
        SettingError: The data or a network are unknown here, there is no seed, or the plan has no categories.
        RunError: Another study is at work on one of the runs, or a worker died.
        WhynetError: What `train` and `measure_filters` raise.
    """
    usual = scale_of(data)
    if seeds < 1:
        raise SettingError(f"at least one seed was expected, not {seeds}")
    scale = scale or usual
    if unknown := sorted(set(networks) - set(scale.networks)):
        raise SettingError(f"networks out of {', '.join(scale.networks)} were expected, not {', '.join(unknown)}")
    if networks:
        scale = replace(scale, networks={name: own for name, own in scale.networks.items() if name in networks})
    if single and not scale.categories:
        raise SettingError(f"single categories are laid out for animal_parts, not for {data!r}; leave --single out")
    plan = plan_of(data, root, out, scale)
    cells = plan.cells(seeds, scale.categories if single else [MULTI])
    figures = run_after(
        plan.starts(seeds), cells, plan.folder,
        train=partial(trained, device=device), work=partial(measured, device=device), jobs=jobs, say=say,
    )  # fmt: skip
    told = [*(["--root", plan.title] if root else []), "--seeds", str(seeds), *(["--single"] if single else [])]
    told += ["--networks", ",".join(scale.networks)] if networks else []
    return header(" ".join(["whynet reproduce icnn --data", data, *told]), plan.title, range(seeds)) | {
        "settings": asdict(scale),
        "rows": gathered(rows(scale.networks, data, is_single=single), cells, figures),
        "tests": paired_tests(cells, figures),
    }


def trained(cell: Cell, alone: bool, *, device: str) -> Run:
    """Train one network, or what is missing of it; raises `RunError` if another study is at work on it."""
    folder = Path(cell.folder)
    with alone_at(folder):
        settings = settings_with({group: dict(values) for group, values in cell.settings.items()})
        begun = (folder / "run.json").exists()
        return train(folder, settings, resume=begun, explainer=False, hardware=Hardware(device=device), progress=alone)


def measured(cell: Cell, alone: bool, *, device: str) -> Figures:
    """Train and measure one network, or what is missing of it; raises `RunError` if another study is at work on it."""
    run, folder = trained(cell, alone, device=device), Path(cell.folder)
    with alone_at(folder):
        if (folder / MEASURED).exists():
            done: Figures = read_json(folder / MEASURED, "a network's figures")
            return done
        data = TrainSettings.from_json(run.settings).data
        subject = load_subject(run.folder / CLASSIFIER).to(Hardware(device=device).torch_device())
        splits = open_data(data)
        logits, labels = logits_and_labels(subject, splits.test)
        start = load_subject(Path(cell.settings["model"]["start"]) / CLASSIFIER).to(subject.device)
        found = filters_of_subject(subject, splits, data.task, fields_of=start)
        accuracy = float(multiclass_accuracy(logits, labels, logits.shape[1], average="micro"))
        figures = {"accuracy": accuracy, **found.figures}
        write_json_atomically(folder / MEASURED, figures)
        return figures


def paired_tests(cells: Sequence[Cell], figures: Sequence[Figures]) -> list[dict[str, Any]]:
    """What a row has more than those it is held against, paired over seeds, or over the categories of single tasks.

    Of a category with several seeds their mean is taken: the networks of one seed have a start in common.
    """
    by_row: dict[str, dict[str, Figures]] = {}
    for (row, place), alike in _grouped(cells, figures).items():
        keys = set.intersection(*(set(own) for own in alike))
        by_row.setdefault(row, {})[place] = {key: fmean(own[key] for own in alike) for key in keys}
    tests: list[dict[str, Any]] = []
    for row, ours in by_row.items():
        for other in _held_against(row):
            theirs = by_row.get(other, {})
            for key in TESTED:
                pairs = [
                    (own[key], theirs[place][key])
                    for place, own in ours.items()
                    if key in own and key in theirs.get(place, {})
                ]
                if len(pairs) > 1:
                    test = paired_test([a for a, _ in pairs], [b for _, b in pairs])
                    tests.append({"a": row, "b": other, "metric": key, **asdict(test)})
    return adjusted(tests)


def _held_against(row: str) -> list[str]:
    """Its ordinary twin, and, where it has masks and filter losses, the same without the losses and without both."""
    ordinary = network_of(row)
    if row == ordinary:
        return []
    parts = (MASKS_ALONE, LAYER_ALONE) if row == row_key(ordinary, INTERPRETABLE) else ()
    return [ordinary, *(row_key(ordinary, part) for part in parts)]


def _grouped(cells: Sequence[Cell], figures: Sequence[Figures]) -> dict[tuple[str, str], list[Figures]]:
    """By row, and by what is drawn independently: the category of a single-category task, else the seed."""
    found: dict[tuple[str, str], list[Figures]] = {}
    for cell, own in zip(cells, figures, strict=True):
        found.setdefault((cell.row, cell.condition or str(cell.seed)), []).append(own)
    return found


def ratios(results: Mapping[str, Any]) -> list[str]:
    """For each network, what masked filters have over its ordinary twin's, or over the new layer alone."""
    means: dict[tuple[str, str], Mapping[str, float]] = {}
    for row in results["rows"]:
        metrics = {key: value["mean"] for key, value in row["metrics"].items()}
        means[row.get("condition", ""), row["name"]] = metrics
    lines = []
    for (condition, name), ours in means.items():
        network = network_of(name)
        if name != network and (theirs := means.get((condition, network))):
            lines.append(_ratio(": ".join(filter(None, (condition, name))), ours, theirs))
        alone = means.get((condition, row_key(network, LAYER_ALONE)))
        if name == row_key(network, INTERPRETABLE) and alone:
            lines.append(
                _ratio(f"{': '.join(filter(None, (condition, name)))}, beside the new layer alone", ours, alone)
            )
    return lines


def _ratio(name: str, ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    said = []
    if theirs.get("part_interpretability") and "part_interpretability" in ours:
        said.append(
            f"part interpretability {ours['part_interpretability'] / theirs['part_interpretability']:.2f} times"
        )
    if "location_instability" in ours and theirs.get("location_instability"):
        wanders = ours["location_instability"] / theirs["location_instability"]
        below = "below" if ours["location_instability"] < ours["constant_centre"] else "not below"
        said.append(f"location instability {wanders:.2f} times ({below} the constant centre)")
    said.append(f"accuracy {100 * (ours['accuracy'] - theirs['accuracy']):+.1f} points")
    return f"{name}: {', '.join(said)}."
