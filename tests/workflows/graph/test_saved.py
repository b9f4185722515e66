"""A graph and its figures come back as they were saved; what is damaged or of another network is refused."""

import json

import pytest
import torch

from whynet.base.errors import RunError
from whynet.structures.explanatory_graph import ExplanatoryGraph, GraphSettings
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.workflows.class_folders import class_folder
from whynet.workflows.graph.request import GraphRequest
from whynet.workflows.graph.saved import ClassGraph, load_class_graph, save_graph, saved_graphs
from whynet.workflows.run import GRAPH, Run

NODES = '{"told": [0, 0, 1], "location_instability": [null, 0.1, 0], "part": %s, "hits": %s}'
ROWS = {"nodes": {"location_instability": 0.1, "candidates": 3.0}}


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    settings = GraphSettings(iterations=1)
    layers = fit_layers(["a"], [torch.rand(4, 3, 4, 4)], (16, 16), settings)
    graph = ExplanatoryGraph(layers=layers, image_size=(16, 16), network="1234", settings=settings)
    nodes = {
        "told": [0.0, 0.5, 1.0], "location_instability": [None, 0.1, 0.2], "part": [None, "head", "head"],
        "hits": [None, 0.4, 0.6],
    }  # fmt: skip
    own = ClassGraph(
        class_index=3, class_name="Żółw / 3", graph=graph, pictures={"train": 4, "test": 0}, data="ab", rows=ROWS,
        chosen=[2], surest=[2, 0], nodes=nodes, settings=GraphRequest(graph=settings).to_json(),
    )  # fmt: skip
    run = Run.create(tmp_path / "run", {})
    save_graph(run, own)
    return run, own


def test_everything_comes_back(saved):
    run, own = saved
    folder = class_folder(run, GRAPH, 3, own.class_name)
    assert saved_graphs(run) == [folder]
    found = load_class_graph(folder, "1234")
    for name in (
        "class_index",
        "class_name",
        "pictures",
        "data",
        "rows",
        "chosen",
        "surest",
        "nodes",
        "settings",
        "layers",
    ):
        assert getattr(found, name) == getattr(own, name)
    assert torch.equal(found.graph.layers[0].mu, own.graph.layers[0].mu)
    save_graph(run, own)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing is left of what was there before"


def test_a_graph_of_another_network_is_refused(saved):
    run, own = saved
    with pytest.raises(RunError, match="was made for another network: its weights differ; fit the graph anew"):
        load_class_graph(class_folder(run, GRAPH, 3, own.class_name), "5678")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('"format": 1', "its format is 1, and this version reads 2"),
        ('"class_index": 99', "the folder's class expected, not 99"),
        ('"class_index": true', "the folder's class expected, not True"),
        ('"class": null', "a text as class expected, not None"),
        ('"data": 3', "a text as data expected, not 3"),
        ('"pictures": {"train": 4}', "numbers of train and test pictures expected"),
        ('"settings": null', "settings by their names expected, not None"),
        ('"rows": 1', "rows of numbers expected, not 1"),
        ('"rows": {"nodes": 1}', "rows of numbers expected"),
        ('"rows": {"nodes": {"a": "b"}}', "rows of numbers expected"),
        ('"chosen": [3]', "it is of other nodes than the 3 beside it"),
        ('"chosen": [1e999]', "nodes as chosen expected, not .inf."),
        ('"surest": ["0"]', "nodes as surest expected"),
        ('"nodes": {}', "figures of nodes expected"),
        ('"nodes": {"told": [0.0]}', "it is of other nodes than the 3 beside it"),
        ('"nodes": {"told": ["a", "b", "c"]}', "shares as told expected"),
        ('"nodes": {"told": [0, 0, 0], "hits": [0, 0, 0]}', "figures of nodes expected"),
        (f'"nodes": {NODES % ("[0, 0, 0]", "[null, 1, null]")}', "entries of part expected"),
        (f'"nodes": {NODES % ("[null, null, null]", """["a", "b", "c"]""")}', "entries of hits expected"),
        (f'"nodes": {NODES % ("""["head", null, null]""", "[null, 1, null]")}', "hits for each part expected"),
    ],
)  # fmt: skip
def test_damaged_figures_are_refused(change, told, saved):
    run, own = saved
    path = class_folder(run, GRAPH, 3, own.class_name) / "figures.json"
    path.write_text(f"{path.read_text().rstrip().removesuffix('}')}, {change}}}")  # the later entry counts
    with pytest.raises(RunError, match=rf"does not describe a graph \(.*{told}.*\); fit it anew with `whynet graph`"):
        load_class_graph(path.parent, "1234")


def test_what_is_lacking_is_named(saved):
    run, own = saved
    path = class_folder(run, GRAPH, 3, own.class_name) / "figures.json"
    figures = json.loads(path.read_text())
    del figures["surest"]
    path.write_text(json.dumps(figures))
    with pytest.raises(RunError, match=r"does not describe a graph \(it lacks 'surest'\)"):
        load_class_graph(path.parent, "1234")
