"""`whynet tree` on a run: what is kept, what it says of parts, and what a run must have."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from whynet.base.errors import RunError, SettingError, SubjectError, UnrecognisedError
from whynet.models.saved_subject import load_subject, save_subject
from whynet.structures.decision_tree import LEVELS, DecisionTree
from whynet.structures.tree_settings import TreeSettings
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings
from whynet.workflows.decision_trees import run_trees
from whynet.workflows.decision_trees.growing import filters_of_parts
from whynet.workflows.decision_trees.run_trees import trees_of_run
from whynet.workflows.decision_trees.tables import level_lines, tree_lines
from whynet.workflows.explainer import Explainer
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train

SETTINGS = TrainSettings(
    data=DataSettings(name="birds", num_species=2, image_size=48, roll=45.0),
    model=ModelSettings(network="alexnet", width=0.05),
    classifier=ClassifierSettings(epochs=1, batch_size=8),
)


@pytest.fixture(scope="module")
def run(few_birds, tmp_path_factory):
    """A run whose network puts every picture into its first class."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    made = train(folder, SETTINGS, hardware=Hardware(device="cpu"), explainer=False, progress=False)
    subject = load_subject(folder / "classifier")
    with torch.no_grad():
        list(subject.network.modules())[-1].bias += torch.tensor([100.0, 0.0])
    save_subject(subject, folder / "classifier")
    return made


@pytest.fixture(scope="module")
def found(run):
    return trees_of_run(run.folder, classes="0", device="cpu")


def test_trees_are_kept_in_the_run_with_their_figures(run, found):
    (own,) = found.trees
    names = found.subject.class_names
    (folder,) = (run.folder / "tree").iterdir()
    assert folder.name.startswith("0000-")
    kept = DecisionTree.load(folder)
    assert kept.children == own.tree.children
    assert (kept.class_name, kept.layer, len(kept.image_names)) == (names[0], "features.11", 8)
    figures = json.loads((folder / "figures.json").read_text())
    assert figures == {"figures": own.figures, "reads_monotone": own.reads_monotone, "parts": own.parts}
    assert set(own.figures) == set(LEVELS)
    assert all({"relative_error", "fitness", "accuracy"} <= set(level) for level in own.figures.values())
    assert len(own.test) == 12
    assert list(own.fitted.names) == list(kept.image_names)


def test_parts_are_those_of_the_filters(run, found, monkeypatch):
    (own,) = found.trees
    assert set(own.parts) <= {"head", "torso", "wing", "leg", "tail"}
    filters = [{"filter": 0, "part": "head"}, {"filter": 1, "part": None}, {"filter": 2, "part": "head"}]
    assert filters_of_parts(filters) == {"head": [0, 2]}
    run.write("filters.json", {"layer": own.tree.layer, "filters": filters})
    monkeypatch.setattr(run_trees, "filters_of_subject", lambda *_args, **_more: pytest.fail("measured again"))
    again = trees_of_run(run, classes="0", device="cpu")
    assert again.trees[0].parts == {"head": [0, 2]}
    monkeypatch.undo()
    run.write("filters.json", {"layer": "features.6", "filters": filters})
    assert trees_of_run(run, classes="0", device="cpu").trees[0].parts == own.parts


def test_tables_have_a_row_for_each_layer_and_for_each_tree(found):
    rows = level_lines(found.trees)
    assert [row[0] for row in rows] == ["below the root", "5th layer", "10th layer", "50th layer", "leaves"]
    own = found.trees[0]
    assert rows[-1][1] == f"{100 * own.figures['leaves']['relative_error']:.1f}"
    columns, lines = tree_lines([own, replace(own, figures={}, test=own.test.subset([]))])
    assert len(columns) == len(lines[0]) == len(lines[1])
    assert lines[0][:2] == [own.tree.class_name, "8"]
    assert lines[1][3:] == ["-", "-", "0"]
    assert level_lines([replace(own, figures={})])[0][1:] == ["-"] * 4


def test_settings_reach_the_trees(run):
    found = trees_of_run(run, classes="0", settings=TreeSettings(growth="likelihood", candidates=2), device="cpu")
    assert found.trees[0].tree.settings.growth == "likelihood"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"classes": "1"}, UnrecognisedError, "recognises no training picture of 1 classes"),
        ({"classes": "Owl"}, SettingError, "has no class 'Owl'"),
        ({"classes": "0", "layer": "classifier"}, SubjectError, "has no maps"),
    ],
)
def test_what_cannot_be_grown(run, given, error, message):
    with pytest.raises(error, match=message):
        trees_of_run(run, **given, device="cpu")


def test_classes_that_are_not_recognised_are_left_out_and_named(run, caplog):
    found = trees_of_run(run, device="cpu")
    assert [own.tree.class_index for own in found.trees] == [0]
    assert f"no tree of {found.subject.class_names[1]}: the network puts none of 8 images into" in caplog.text


def test_a_run_without_a_classifier_is_told(tmp_path):
    run = Run.create(tmp_path / "run", SETTINGS.to_json())
    with pytest.raises(RunError, match="has no trained classifier yet; go on with `whynet train --out .* --resume`"):
        trees_of_run(run)


def test_explanations_tell_the_way_down_where_the_class_has_a_tree(run, found):
    own = found.trees[0]
    explainer = Explainer(run.folder, device="cpu")
    pictures = [own.test[row].image for row in range(3)]
    (first, *_), plain = (
        explainer.explain(pictures, ["a", "b", "c"], structures=structures) for structures in (["tree"], [])
    )
    assert plain[0].tree == ()
    path = own.tree.parse(explainer.subject, explainer.subject.preprocess(pictures[:1]))[0]
    assert first.tree[0].logit == pytest.approx(float(path.predictions[0]), rel=1e-4)
    assert first.tree[-1].layer == "leaves"
    assert first.tree[-1].like == own.tree.image_names[path.nodes[-1]]
    assert [step.like for step in first.tree[:-1]] == [None] * (len(first.tree) - 1)
    assert len({step.layer for step in first.tree}) == len(first.tree) <= len(path.nodes)
    assert first.to_json()["tree"][0]["logit"] == first.tree[0].logit
    logits = torch.tensor([[0.0, 1.0]])
    assert explainer.trees.steps(explainer.subject.preprocess(pictures[:1]), logits) == [()]


def test_structures_that_are_unknown_or_absent_are_told(run, few_birds, tmp_path):
    with pytest.raises(SettingError, match="bush is unknown; choose out of tree"):
        Explainer(run.folder, device="cpu").explain([], [], structures=["bush"])
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    shutil.rmtree(copy / "tree")
    with pytest.raises(RunError, match="has no decision trees; grow them with `whynet tree "):
        Explainer(copy, device="cpu").explain([np.zeros((9, 9, 3), np.uint8)], ["a"], structures=["tree"])


def test_damaged_figures_are_told(run, found, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    (path,) = (copy / "tree").glob("*/figures.json")
    path.write_text("[]")
    explainer = Explainer(copy, device="cpu")
    with pytest.raises(RunError, match="does not tell the parts of filters; make it again with `whynet tree`"):
        explainer.explain([found.trees[0].test[0].image], ["a"], structures=["tree"])


@pytest.fixture
def copy(run, found, tmp_path):
    """A run of one's own with the tree of its first class."""
    shutil.copytree(run.folder, tmp_path / "own")
    return Run.open(tmp_path / "own")


def test_the_folder_holds_the_trees_that_were_asked_for_last_and_what_is_not_ours(copy, caplog):
    (first,) = (copy.folder / "tree").iterdir()
    gone, noted = (copy.folder / "tree" / name for name in ("0001-earlier", "0002-noted"))
    shutil.copytree(first, gone)
    shutil.copytree(first, noted)
    (noted / "notes.txt").write_text("mine")
    (copy.folder / "tree" / "of-mine").mkdir()
    (copy.folder / "tree" / "of-mine" / "tree.json").write_text("mine")
    (first / "notes.txt").write_text("mine")
    trees_of_run(copy, classes="0", device="cpu")
    names = {path.name for path in (copy.folder / "tree").iterdir()}
    assert names == {first.name, "0002-noted", "of-mine"}
    assert [path.name for path in noted.iterdir()] == ["notes.txt"]
    assert {path.name for path in first.iterdir()} == {"tree.json", "tree.safetensors", "figures.json", "notes.txt"}
    assert (copy.folder / "tree" / "of-mine" / "tree.json").is_file()
    assert "removed the trees of an earlier request: 0001-earlier, 0002-noted; name all classes" in caplog.text


def test_a_request_that_grows_no_tree_leaves_what_was_there(copy):
    with pytest.raises(UnrecognisedError):
        trees_of_run(copy, classes="1", device="cpu")
    (folder,) = (copy.folder / "tree").iterdir()
    assert DecisionTree.load(folder).class_index == 0


def test_a_tree_that_is_not_whole_is_told_and_a_folder_without_one_is_none(copy, found):
    pictures = [found.trees[0].test[0].image]
    (folder,) = (copy.folder / "tree").iterdir()
    (folder / "tree.json").unlink()
    with pytest.raises(RunError, match="does not hold a decision tree"):
        Explainer(copy.folder, device="cpu").explain(pictures, ["a"], structures=["tree"])
    for path in folder.iterdir():
        path.unlink()
    (folder / "notes.txt").write_text("mine")
    (own,) = Explainer(copy.folder, device="cpu").explain(pictures, ["a"], structures=["tree"])
    assert own.tree == ()


def test_a_network_that_was_trained_on_is_not_explained_by_its_earlier_trees(copy, found):
    subject = load_subject(copy.folder / "classifier")
    with torch.no_grad():
        list(subject.network.modules())[-1].bias += torch.tensor([1.0, 0.0])
    save_subject(subject, copy.folder / "classifier")
    with pytest.raises(SubjectError, match=r"the tree of .* was fitted to another network .*: its weights differ; fit"):
        Explainer(copy.folder, device="cpu").explain([found.trees[0].test[0].image], ["a"], structures=["tree"])
