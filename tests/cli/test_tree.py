"""`whynet tree`: the table of the trees, how true they are, and JSON."""

import json
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from whynet.cli.app import app
from whynet.data.birds.dataset import PaintedBirds
from whynet.structures.decision_tree import DecisionTree
from whynet.structures.tree_settings import TreeSettings
from whynet.workflows import report
from whynet.workflows.decision_trees import run_trees
from whynet.workflows.decision_trees.growing import TreeOfClass

FIGURES = {"leaves": {"relative_error": 0.05, "fitness": 0.7, "accuracy": 1.0}}


def grown_tree(name):
    """A tree of two pictures that merged."""
    tree = DecisionTree(
        layer="relu5", class_index=0, class_name=name, settings=TreeSettings(), scales=torch.ones(2).double(),
        directions=torch.tensor([[1.0, 0.0]] * 3).double(), weights=torch.eye(3, 2).double(),
        biases=torch.zeros(3).double(),
        children=((), (), (0, 1), (2,)), image_names=("a", "b"), network="c",
    )  # fmt: skip
    no_pictures = PaintedBirds("test", num_species=2, image_size=32).subset([])
    return TreeOfClass(tree=tree, parts={}, figures=FIGURES, fitted=no_pictures, test=no_pictures, reads_monotone=True)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def asked(monkeypatch):
    """What is asked for; it takes no time."""
    calls = []

    def grown(run, **given):
        calls.append((run, given))
        trees = [grown_tree(f"[bird {place}]") for place in range(12)]
        return SimpleNamespace(run=run, trees=trees)

    monkeypatch.setattr(run_trees, "trees_of_run", grown)
    monkeypatch.setattr(report, "report_trees", lambda found, *, skip_bad: found.run / "tree.html")
    return calls


def test_trees_are_listed_and_how_true_they_are(asked, tmp_path):
    answer = call("tree", tmp_path, "--classes", "0,1", "--growth", "likelihood", "--sparsity", "0.5")
    assert answer.exit_code == 0, answer.output
    assert "Decision trees of relu5" in answer.stdout
    assert "[bird" in answer.stdout
    assert "and 2 classes more" in answer.stdout
    assert "70.0" in answer.stdout
    assert "The network decides for all of them alike" in " ".join(answer.stdout.split())
    assert f"Trees: {tmp_path / 'tree.html'}" in answer.stdout
    settings = TreeSettings(growth="likelihood", sparsity=0.5)
    given = {"classes": "0,1", "layer": None, "settings": settings, "skip_bad": False, "allow": None, "device": "auto"}
    assert asked == [(tmp_path, given)]


def test_json_goes_alone_to_standard_output(asked, tmp_path):
    result = json.loads(call("tree", tmp_path, "--json", "-").stdout)
    assert result["layer"] == "relu5"
    assert result["classes"][0] == {
        "class": "[bird 0]", "pictures": 2, "depth": 3, "figures": FIGURES, "reads_monotone": True,
    }  # fmt: skip


def test_settings_that_make_no_sense_are_told_in_a_sentence(tmp_path):
    answer = call("tree", tmp_path, "--sparsity", "-1")
    assert answer.exit_code == 2
    assert "a finite sparsity" in answer.output
