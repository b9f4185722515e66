"""`whynet graph`: a trained network in, the explanatory graphs of its classes out, with figures."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from whynet.base.errors import RunError
from whynet.data.contents import contents_digest
from whynet.data.example import digest_of
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.structures.graph_settings import GraphSettings
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.class_folders import class_folder, other_folders, remove_class_files, wanted_classes
from whynet.workflows.graph.centres import UnitCentres, unit_centres
from whynet.workflows.graph.maps import check_pictures, fit, graph_layers, pictures_of, preprocessing_of, record
from whynet.workflows.graph.measuring import MeasuredPoints, measure_points, seen_parts
from whynet.workflows.graph.points import NODES, all_points
from whynet.workflows.graph.request import GraphRequest
from whynet.workflows.graph.saved import FILES, ClassGraph, load_class_graph, save_graph
from whynet.workflows.graph.sureness import told_by_parents
from whynet.workflows.phase_one import check_classes
from whynet.workflows.run import CLASSIFIER, GRAPH, Run
from whynet.workflows.settings import TrainSettings

_log = logging.getLogger(__name__)

NUM_SUREST = 10
"""Nodes of a class that its page shows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphsOfRun:
    """The graphs of some classes of a run, in the order of the classes.

    Args:
        run: Whose.
        subject: Its classifier.
        splits: Its data.
        graphs: One a class.
    """

    run: Run
    subject: Subject
    splits: Splits
    graphs: list[ClassGraph]


def graphs_of_run(
    run: Run | Path,
    request: GraphRequest,
    *,
    skip_bad: bool = False,
    allow: str | None = None,
    device: str = "auto",
) -> GraphsOfRun:
    """Fit the graphs of classes and keep them in the run; those that are there already, just so, are kept.

    Just so is: of these layers, settings and weights, and of pictures that are as they were, annotations included. Of
    the other classes those are kept, too, that are just so; what was made otherwise is removed, since the overview of
    the run holds all of its graphs beside each other.

    Args:
        run: With a trained classifier, or its folder.
        request: Of which classes and layers, and how.
        skip_bad: Leave out pictures that cannot be used.
        allow: "package.module:function" that may run, where the run explains the user's own network.
        device: Where the network runs. Graphs are fitted and nodes found on the CPU, from its maps.

    Returns:
        The graphs, and of what.

    Raises:
        RunError: The run has no classifier.
        SettingError: A class is unknown, there is not one number of nodes a layer, or the preprocessing is the user's.
        SubjectError: A layer does not exist, has no maps, never fires, comes out of order, or does not lead to the
            next.
        DataError: A class has fewer than two training pictures.
    """
    run = Run.open(run) if isinstance(run, Path) else run
    run.check_classifier()
    subject = load_subject(run.folder / CLASSIFIER, function=allow, option="--subject")
    subject.to(Hardware(device=device).torch_device())
    classes, layers = wanted_classes(subject, request.where.classes), graph_layers(subject, request.where.layers)
    request.graph.nodes_in(len(layers))
    splits = open_data(TrainSettings.from_json(run.settings).data, skip_bad=skip_bad)
    check_classes(f"{run.folder}", subject, splits.train.class_names)
    for index in classes:
        check_pictures(subject.class_names[index], pictures_of(splits.train, index))
    network = weights_fingerprint(subject.network)
    centres: dict[str, UnitCentres] = {}
    found = {index: own for index in classes if (own := _kept(run, subject, splits, index, layers, request, network))}
    missing = [index for index in classes if index not in found]
    if missing:
        with run.stage(GRAPH):
            for index in missing:
                own = graph_of_class(subject, splits, index, layers, request.graph, network=network, centres=centres)
                save_graph(run, own)
                found[index] = own
    _remove_earlier(run, subject, splits, layers, request, network, classes)
    return GraphsOfRun(run=run, subject=subject, splits=splits, graphs=[found[index] for index in classes])


def graph_of_class(
    subject: Subject, splits: Splits, class_index: int, layers: Sequence[str], settings: GraphSettings, *,
    network: str, centres: dict[str, UnitCentres] | None = None,
) -> ClassGraph:  # fmt: skip
    """Fit the graph of a class to its training pictures, and measure it on its test pictures.

    Args:
        subject: The network.
        splits: The data.
        class_index: Of the class.
        layers: Bottom to top.
        settings: Of the fit.
        network: `weights_fingerprint` of the network.
        centres: Of the layers' units, as far as they are known; what is found is added.

    Raises:
        WhynetError: As of `graphs_of_run`.
    """
    name, preprocess = subject.class_names[class_index], preprocessing_of(subject)
    train, test = pictures_of(splits.train, class_index), pictures_of(splits.test, class_index)
    check_pictures(name, train)
    recorded = record(subject, layers, train)
    graph = fit(name, layers, recorded, network, settings)
    learned = graph.infer_maps(recorded.maps)
    told = told_by_parents(graph, learned, recorded.maps)
    order = told.argsort(descending=True, stable=True).tolist()
    nodes: dict[str, list[Any]] = {"told": [round(value, 4) for value in told.tolist()]}
    measured: dict[str, MeasuredPoints] = {}
    parts = seen_parts(preprocess, train, splits.landmarks, "training")
    test_parts = seen_parts(preprocess, test, splits.landmarks, "test")
    if parts is not None and test_parts is not None:
        where = _centres(subject, layers, recorded.maps, recorded.image_size, {} if centres is None else centres)
        tested = record(subject, layers, test).maps
        learned_points = all_points(graph, learned, recorded.maps, where)
        tested_points = all_points(graph, graph.infer_maps(tested), tested, where)
        measured = measure_points(learned_points, tested_points, parts, test_parts)
        nodes |= _of_nodes(measured[NODES], test_parts.names)
    chosen = measured[NODES].chosen if measured else []
    return ClassGraph(
        class_index=class_index, class_name=name, graph=graph, pictures={"train": len(train), "test": len(test)},
        data=_data_of(splits, class_index),
        rows={kind: own.figures for kind, own in measured.items()}, chosen=chosen,
        surest=(chosen or order)[:NUM_SUREST], nodes=nodes, settings=GraphRequest(graph=settings).to_json(),
    )  # fmt: skip


def _centres(
    subject: Subject, layers: Sequence[str], maps: Sequence[Tensor], size: tuple[int, int],
    known: dict[str, UnitCentres],
) -> list[UnitCentres]:  # fmt: skip
    for layer, own in zip(layers, maps, strict=True):
        if layer not in known:
            known[layer] = unit_centres(subject, layer, (own.shape[2], own.shape[3]), size)
    return [known[layer] for layer in layers]


def _of_nodes(measured: MeasuredPoints, names: Sequence[str]) -> dict[str, list[Any]]:
    def finite(values: Tensor) -> list[float | None]:
        return [round(value, 4) if math.isfinite(value) else None for value in values.tolist()]

    return {
        "location_instability": finite(measured.instability),
        "part": [names[part] if part >= 0 else None for part in measured.part.tolist()],
        "hits": finite(measured.hits),
    }


def _kept(
    run: Run, subject: Subject, splits: Splits, index: int, layers: Sequence[str], request: GraphRequest, network: str
) -> ClassGraph | None:
    """The graph of a class that is there, if it was made just so, of these pictures, for this network."""
    folder = class_folder(run, GRAPH, index, subject.class_names[index])
    try:
        own = load_class_graph(folder, network)
    except RunError:
        return None  # absent, damaged, or of a network that is no longer there: made again
    is_same = own.settings == request.to_json() and own.layers == tuple(layers)
    return own if is_same and own.data == _data_of(splits, index) else None


def _data_of(splits: Splits, index: int) -> str:
    """A digest of all that is known of a class's pictures."""
    parts = (contents_digest(pictures_of(part, index)) for part in (splits.train, splits.test))
    return digest_of(*parts, list(splits.landmarks))


def _remove_earlier(
    run: Run,
    subject: Subject,
    splits: Splits,
    layers: Sequence[str],
    request: GraphRequest,
    network: str,
    classes: Sequence[int],
) -> None:
    """Remove the graphs of other classes that were not made as these were, and tell it."""
    own = {class_folder(run, GRAPH, index, name): index for index, name in enumerate(subject.class_names)}
    asked = [folder for folder, index in own.items() if index in classes]
    earlier = [
        folder
        for folder in other_folders(run, GRAPH, asked, FILES)
        if folder not in own or _kept(run, subject, splits, own[folder], layers, request, network) is None
    ]
    for folder in earlier:
        remove_class_files(folder, FILES)
    if earlier:
        names = ", ".join(folder.name for folder in earlier)
        _log.warning(
            "removed graphs of other layers, settings, pictures or weights: %s; name all classes to have them so", names
        )
