"""The probe: what changes is counted against explanations of the class it was, for whatever the run has."""

import json

import pytest
import torch

from whynet.attribution import fgsm
from whynet.base.errors import DataError, SettingError
from whynet.models.saved_subject import load_subject, save_subject
from whynet.structures.graph_settings import GraphSettings
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings
from whynet.workflows.decision_trees.run_trees import trees_of_run
from whynet.workflows.explainer import Explainer
from whynet.workflows.graph.finding import graphs_of_run
from whynet.workflows.graph.request import GraphRequest, PlaceSettings
from whynet.workflows.probe import KINDS, _common, _Told, probe_lines, probe_run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train

SETTINGS = TrainSettings(
    data=DataSettings(name="birds", num_species=2, image_size=48, roll=45.0),
    model=ModelSettings(network="alexnet", width=0.05),
    classifier=ClassifierSettings(epochs=1, batch_size=8),
)


@pytest.fixture(scope="module")
def run(few_birds, tmp_path_factory):
    """A run without an explainer whose network puts every picture into its first class, but for little."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    made = train(folder, SETTINGS, hardware=Hardware(device="cpu"), explainer=False, progress=False)
    subject = load_subject(folder / "classifier")
    with torch.no_grad():
        list(subject.network.modules())[-1].bias += torch.tensor([1.0, -1.0])
    save_subject(subject, folder / "classifier")
    return made


def test_without_explanations_the_class_alone_is_probed_and_kept(run):
    found = probe_run(run, pictures=8, device="cpu")
    assert json.loads((run.folder / "probe.json").read_text()) == found
    assert [row["name"] for row in found["rows"]] == list(KINDS)
    assert found["pictures"] == 8
    assert 0 < found["accuracy"] <= 1
    assert all(set(row) == {"name", "class", "logit"} for row in found["rows"])
    noise, fast, slow = found["rows"]
    assert fast["logit"] > abs(noise["logit"])
    assert slow["logit"] > abs(noise["logit"])
    assert probe_run(run, pictures=8, device="cpu") == found


def test_trees_are_asked_for_the_class_it_was(run):
    trees_of_run(run, classes="0", device="cpu")
    found = probe_run(run, pictures=12, levels=8.0, device="cpu")
    assert all(0 <= row["tree"] <= 1 for row in found["rows"])
    columns, rows = probe_lines(found)
    assert columns == ["", "class changes, %", "logit falls by", "way down the tree left, %"]
    noise = found["rows"][0]
    assert rows[0][1:] == [f"{100 * noise['class']:.1f}", f"{noise['logit']:.1f}", f"{100 * noise['tree']:.1f}"]
    explainer = Explainer(run.folder, device="cpu")
    test = explainer.subject.preprocess([trees_of_run(run, classes="0", device="cpu").trees[0].test[0].image])
    fooled = fgsm(explainer.subject, test, torch.tensor([0]), epsilon=8 / 255)
    (before,), (after,) = explainer.trees.paths(0, test), explainer.trees.paths(0, fooled)
    assert 0 <= _common(before.nodes, after.nodes) <= len(before.nodes)
    assert explainer.trees.paths(1, test) is None


def test_nodes_are_those_of_the_class_it_was(run):
    graph = GraphSettings(iterations=2, nodes_per_filter=2)
    where = PlaceSettings(layers="features.7,features.11", classes="0")
    graphs_of_run(run, GraphRequest(where=where, graph=graph), device="cpu")
    found = probe_run(run, pictures=12, levels=8.0, device="cpu")
    assert all(0 <= row["nodes"] <= 1 and 0 <= row["places"] <= 1 for row in found["rows"])
    assert probe_lines(found)[0][-2:] == ["surest nodes change, %", "nodes move by, % of diagonal"]
    explainer = Explainer(run.folder, device="cpu")
    blank = explainer.subject.preprocess.blank()
    before, one, other = (_Told(explainer, blank, torch.tensor([index])) for index in (0, 0, 1))
    unchanged = before.changes(one)
    assert (unchanged["nodes"], unchanged["places"]) == ([0.0], [0.0])
    assert other.nodes == [None]


def test_common_beginnings():
    assert _common((1, 2, 3), (1, 2, 4)) == 2
    assert _common((1, 2), (1, 2, 3)) == 2
    assert _common((1,), (2, 1)) == 0


def test_sentences_and_concepts_are_probed_where_a_run_has_them(coloured_run):
    found = probe_run(coloured_run, pictures=6, levels=40.0, device="cpu")
    for row in found["rows"]:
        assert {"sentence", "words"} <= set(row)
        assert 0 <= row["words"] <= 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pictures": 0}, "at least one picture, and levels above 0 and at most 255, were expected, not 0 and 2.0"),
        ({"levels": 0.0}, "not 200 and 0.0"),
        ({"levels": 300.0}, "not 200 and 300.0"),
        ({"steps": 0}, "at least one step was expected, not 0"),
    ],
)
def test_what_cannot_be_probed(run, given, message):
    with pytest.raises(SettingError, match=message):
        probe_run(run, **given, device="cpu")


def test_a_network_that_recognises_nothing_is_told(run, monkeypatch, few_birds):
    monkeypatch.setattr("whynet.workflows.probe._recognised", lambda *_: [])
    with pytest.raises(DataError, match="recognises none of 24 test pictures, so there is nothing to fool"):
        probe_run(run, device="cpu")
