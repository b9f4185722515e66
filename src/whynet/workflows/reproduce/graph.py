"""Explanatory graphs against the filters that they came from: location instability, part hits, one-shot localisation.

Zhang, Cao, Shi, Wu & Zhu, "Interpreting CNN Knowledge via an Explanatory Graph", AAAI 2018, arXiv:1708.01785. For each
seed some classes of an ordinary network have a graph each, fitted to their training pictures. On their test pictures
its nodes, the filters of the same layers, the nodes' mean places and the middle of the picture are measured alike.

The networks are those of the study of interpretable CNNs: where that has trained them, they are taken as they are.

Differs from the paper: smaller networks, trained from nothing on painted birds or the Animal-Part crops; and the nodes
are held against two points that never move, since tight priors alone would win against filters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from torchmetrics.functional.classification import multiclass_accuracy

from whynet.base.errors import DataError, SettingError
from whynet.base.files import read_json, write_json_atomically
from whynet.base.seeding import numpy_generator
from whynet.data.contents import contents_digest
from whynet.metrics.paired_test import paired_test
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.structures.graph_settings import GraphSettings
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.filters.measuring import logits_and_labels
from whynet.workflows.graph.centres import UnitCentres
from whynet.workflows.graph.finding import graph_of_class
from whynet.workflows.graph.maps import graph_layers
from whynet.workflows.graph.measuring import CHOSEN, NUM_DRAWS
from whynet.workflows.graph.points import CENTRE, FILTERS, NODES, PRIORS
from whynet.workflows.graph.request import GraphRequest
from whynet.workflows.reproduce.icnn import trained
from whynet.workflows.reproduce.icnn_plan import ICNNScale, plan_of, scale_of
from whynet.workflows.reproduce.study import Cell, adjusted, alone_at, header, run_after, spread, spread_over_classes
from whynet.workflows.run import CLASSIFIER
from whynet.workflows.settings import MULTI, TrainSettings

MEASURED = "graph-study.json"
DATA = ("birds", "animal_parts")
ROWS = (NODES, FILTERS, PRIORS, CENTRE)
TESTED = ("location_instability", "instability_of_few", "one_shot_error")
"""As it is, where there are more nodes than filters to choose from; and on one footing, among as many (`measuring`)."""


def reproduce_graph(
    *,
    data: str = "birds",
    root: str | None = None,
    network: str = "alexnet",
    classes: int = 10,
    seeds: int = 3,
    out: Path | None = None,
    device: str = "auto",
    scale: ICNNScale | None = None,
    settings: GraphSettings | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Fit and measure the graphs of some classes over several seeds.

    Args:
        data: "birds" or "animal_parts".
        root: The folder of the crops.
        network: One of those of the study of interpretable CNNs; its ordinary filters.
        classes: How many have a graph, drawn at random; the same for all seeds.
        seeds: At most so many; the larger networks have one.
        out: Folder of the runs, by default that of the study of interpretable CNNs; what is complete there is kept.
        device: Where networks are trained and run; graphs are fitted on the CPU.
        scale: Sizes and lengths of training other than those of `SCALES`.
        settings: Of the graphs.
        say: Told when a run is done.

    Returns:
        What the results file holds.

    Raises:
        SettingError: The data or the network are unknown here, or there is no seed or class, or not so many.
        RunError: Another study is at work on one of the runs.
        WhynetError: What `train` and `graph_of_class` raise.
    """
    usual = scale_of(data, DATA)
    if seeds < 1 or classes < 1:
        raise SettingError(f"at least one seed and one class were expected, not {seeds} and {classes}")
    scale, settings = scale or usual, settings or GraphSettings()
    if network not in scale.networks:
        raise SettingError(f"network {network!r} is none of this study's; choose one of {', '.join(scale.networks)}")
    plan = plan_of(data, root, out, scale)
    starts = [cell for cell in plan.starts(seeds) if cell.row == network]
    cells = [cell for cell in plan.cells(seeds, [MULTI]) if cell.row == network]
    measured = run_after(
        starts, cells, plan.folder,
        train=partial(trained, device=device),
        work=partial(_measured, classes=classes, settings=settings, device=device), jobs=1, say=say,
    )  # fmt: skip
    told = [*(["--root", plan.title] if root else []), *(["--network", network] if network != "alexnet" else [])]
    rows = _rows(measured)
    command = " ".join(["whynet reproduce graph --data", data, *told, "--classes", str(classes), "--seeds", str(seeds)])
    return header(command, plan.title, [cell.seed for cell in cells]) | {
        "settings": {
            "network": network, "layers": measured[0]["asked"]["layers"], "chosen": CHOSEN,
            "graph": GraphRequest(graph=settings).to_json(), "scale": asdict(scale),
        },
        "class_names": list(measured[0]["classes"]),
        "classifier_accuracy": spread([own["accuracy"] for own in measured]),
        "rows": rows,
        "tests": paired_over_seeds(rows),
    }  # fmt: skip


def _measured(cell: Cell, alone: bool, *, classes: int, settings: GraphSettings, device: str) -> dict[str, Any]:
    """What one network's graphs show, class by class; a class that was measured in just this way is kept."""
    run, folder = trained(cell, alone, device=device), Path(cell.folder)
    with alone_at(folder):
        subject = load_subject(run.folder / CLASSIFIER).to(Hardware(device=device).torch_device())
        splits = open_data(TrainSettings.from_json(run.settings).data)
        layers, network = graph_layers(subject, None), weights_fingerprint(subject.network)
        asked = {
            "network": network,
            "layers": list(layers),
            "chosen": [CHOSEN, NUM_DRAWS],
            "data": [contents_digest(splits.train), contents_digest(splits.test), list(splits.landmarks)],
        }
        asked |= GraphRequest(graph=settings).to_json()
        found = read_json(folder / MEASURED, "a study's figures") if (folder / MEASURED).exists() else {}
        if found.get("asked") != asked:
            found = {"asked": asked, "accuracy": _accuracy(subject, splits), "classes": {}}
        centres: dict[str, UnitCentres] = {}
        names = {index: subject.class_names[index] for index in drawn_classes(splits, classes)}
        for index, name in names.items():
            if name in found["classes"]:
                continue
            own = graph_of_class(subject, splits, index, layers, settings, network=network, centres=centres)
            if not own.rows:
                raise DataError(
                    f"no test picture shows parts of {name}, against which nodes could be measured; add some"
                )
            found["classes"][name] = own.rows
            write_json_atomically(folder / MEASURED, found)
        return {**found, "classes": {name: found["classes"][name] for name in names.values()}}


def drawn_classes(splits: Splits, number: int) -> list[int]:
    """Classes drawn at random, the same for all seeds; raises `SettingError` if there are not so many."""
    names = splits.train.class_names
    if number > len(names):
        raise SettingError(f"{number} classes were asked for, but there are {len(names)}; ask for fewer")
    order = numpy_generator(0, "classes of the study").permutation(len(names))
    return sorted(int(index) for index in order[:number])


def _accuracy(subject: Subject, splits: Splits) -> float:
    logits, labels = logits_and_labels(subject, splits.test)
    return float(multiclass_accuracy(logits, labels, logits.shape[1], average="micro"))


def _rows(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name in ROWS:
        by_seed = [[own[name] for own in seed["classes"].values()] for seed in measured]
        keys = list(dict.fromkeys(key for seed in by_seed for figures in seed for key in figures))
        metrics = {
            key: spread_over_classes([[one[key] for one in seed if key in one] for seed in by_seed]) for key in keys
        }
        rows.append({"name": name, "metrics": metrics})
    return rows


def paired_over_seeds(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What nodes have more than filters and than what never moves, paired over the seeds; Holm over all tests.

    A pair is the means of one seed over its classes. The classes of a seed share its network and the seeds their
    classes, so pairs of classes would be fewer than they look.

    Args:
        rows: Of a results file.

    Returns:
        One test a figure and row, where two seeds or more have both; none where a class has a figure of one row alone,
        whose mean is then over other classes.
    """
    metrics = {row["name"]: row["metrics"] for row in rows}
    tests = []
    for key in TESTED:
        for other in (FILTERS, PRIORS, CENTRE):
            ours, theirs = (metrics.get(name, {}).get(key) for name in (NODES, other))
            if ours is None or theirs is None or ours["n"] != theirs["n"]:
                continue
            pairs = [pair for pair in zip(ours["values"], theirs["values"], strict=True) if None not in pair]
            if len(pairs) > 1:
                test = paired_test([mine for mine, _ in pairs], [their for _, their in pairs])
                tests.append({"a": NODES, "b": other, "metric": key, **asdict(test)})
    return adjusted(tests)
