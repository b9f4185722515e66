"""The nodes of a picture: those of its class, where they are in the picture itself, with the parents that are there."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from whynet.base.errors import RunError
from whynet.models.saved_subject import load_subject, save_subject
from whynet.structures.explanatory_graph import GraphSettings
from whynet.workflows.explainer import Explainer
from whynet.workflows.graph.centres import unit_centres
from whynet.workflows.graph.explaining import NUM_TOLD, _part
from whynet.workflows.graph.finding import graphs_of_run
from whynet.workflows.graph.maps import pictures_of
from whynet.workflows.graph.request import GraphRequest, PlaceSettings
from whynet.workflows.run import Run

REQUEST = GraphRequest(
    where=PlaceSettings(layers="features.7,features.11", classes="0"),
    graph=GraphSettings(iterations=2, nodes_per_filter=2),
)


def favour(folder, bias):
    """Let the network of a run put pictures into another class."""
    subject = load_subject(folder / "classifier")
    with torch.no_grad():
        list(subject.network.modules())[-1].bias += torch.tensor(bias)
    save_subject(subject, folder / "classifier")


@pytest.fixture(scope="module")
def found(bird_run, tmp_path_factory):
    """A run whose network puts every picture into its first class, which has a graph."""
    folder = tmp_path_factory.mktemp("explaining") / "run"
    shutil.copytree(bird_run.folder, folder)
    favour(folder, [100.0, 0.0])
    return graphs_of_run(folder, REQUEST, device="cpu")


def test_the_surest_nodes_are_told_where_they_are_in_the_picture(found):
    (own,) = found.graphs
    small = pictures_of(found.splits.test, 0)[0].image
    picture = cv2.resize(small, (192, 128), interpolation=cv2.INTER_NEAREST)  # what the network sees is 64 x 64
    explainer = Explainer(found.run, device="cpu")
    ((nodes,), (plain,)) = (
        [one.graph for one in explainer.explain([picture], ["a"], structures=asked)] for asked in ("graph", ())
    )
    assert plain is None
    assert 0 < len(nodes) <= NUM_TOLD
    inferred = own.graph.infer(found.subject, found.subject.preprocess([picture]))
    scores = inferred.scores[0].tolist()
    expected = sorted((node for node in own.surest if scores[node]), key=lambda node: -scores[node])[:NUM_TOLD]
    assert [node.node for node in nodes] == expected
    for node in nodes:
        layer, place = own.graph.locate(node.node)
        assert (node.layer, node.filter) == (layer.name, int(layer.filters[place]))
        assert node.score == pytest.approx(scores[node.node])
        seen = unit_centres(found.subject, layer.name, layer.map_size, (64, 64)).seen(inferred.positions[0, node.node])
        assert (node.y, node.x) == pytest.approx((2 * float(seen[0]), 3 * float(seen[1])))
        above = [edge.parent for edge in own.graph.parents_of(node.node) if scores[edge.parent]]
        assert [parent.node for parent in node.parents] == above
        assert all(parent.layer == "features.11" and parent.parents == () for parent in node.parents)
    value = json.loads(json.dumps(explainer.explain([picture], ["a"], structures="graph")[0].to_json()))
    assert value["graph"] == [node.to_json() for node in nodes]


def test_each_picture_has_the_nodes_of_its_own_class(found):
    explainer = Explainer(found.run, device="cpu")
    pictures = [pictures_of(found.splits.test, 0)[row].image for row in range(3)]
    images, logits = explainer.subject.preprocess(pictures), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    first, second, third = explainer.graphs.nodes(images, logits, pictures)
    assert second is None
    for picture, nodes in ((pictures[0], first), (pictures[2], third)):
        (alone,) = explainer.graphs.nodes(explainer.subject.preprocess([picture]), logits[:1], [picture])
        assert [node.node for node in alone] == [node.node for node in nodes]
        assert [node.score for node in alone] == pytest.approx([node.score for node in nodes], rel=1e-4)
    assert explainer.graphs.found(1, images) is None


def test_a_part_is_told_where_most_pictures_show_the_node_on_it(found):
    own = replace(found.graphs[0], nodes={"told": [0.0] * 3, "part": ["wing", "head", None], "hits": [0.75, 0.5, None]})
    assert [_part(own, node) for node in range(3)] == ["wing", None, None]
    assert _part(replace(own, nodes={"told": [0.0]}), 0) is None


def test_a_run_without_graphs_is_told(bird_run):
    explainer = Explainer(Run.open(bird_run.folder), device="cpu")
    with pytest.raises(RunError, match="has no explanatory graphs; fit them with `whynet graph "):
        explainer.explain([np.zeros((9, 9, 3), np.uint8)], ["a"], structures="graph")


def test_a_network_that_changed_since_is_refused(found, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(found.run.folder, copy)
    favour(copy, [1.0, 0.0])
    with pytest.raises(RunError, match="was made for another network: its weights differ; fit the graph anew"):
        Explainer(copy, device="cpu").explain([np.zeros((9, 9, 3), np.uint8)], ["a"], structures="graph")
