import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import whynet
from whynet.base.explanation import Explanation
from whynet.base.graph_node import GraphNode
from whynet.base.reason import Reason
from whynet.cli.app import app


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def run(coloured_run, tmp_path):
    shutil.copytree(coloured_run, tmp_path / "run")
    return tmp_path / "run"


def test_version_and_help():
    assert call("--version").stdout == f"whynet {whynet.__version__}\n"
    for command in ("demo", "train", "explain", "evaluate"):
        answer = call(command, "--help")
        assert answer.exit_code == 0
        assert "Example" in answer.stdout
        assert "--json" in answer.stdout
        assert "--device" in answer.stdout
    assert "--classifier-epochs" in call("train", "--help").stdout
    study = call("reproduce", "interpnet", "--help").stdout
    assert all(option in study for option in ("--data", "--seeds", "--experiment", "--jobs", "--json", "Example"))


def test_a_study_that_cannot_be_is_told_in_a_sentence():
    answer = call("reproduce", "interpnet", "--data", "folder")
    assert answer.exit_code == 2
    assert "error: this study is laid out for birds and cub, not for 'folder'" in answer.stderr


def test_explain_says_why(run, coloured_pictures):
    picture = coloured_pictures / "test" / "red tile" / "3.png"
    answer = call("explain", run, picture, "--device", "cpu")
    assert answer.exit_code == 0, answer.output
    assert "This is an image of a red tile because" in answer.stdout


def test_a_bad_picture_does_not_lose_the_others(run, coloured_pictures, tmp_path, caplog):
    picture, bad = coloured_pictures / "test" / "red tile" / "3.png", tmp_path / "bad.png"
    bad.write_text("no picture")
    answer = call("explain", run, bad, picture, "--device", "cpu", "--json", "-")
    assert answer.exit_code == 1
    assert [item["image"] for item in json.loads(answer.stdout)] == [str(picture)]
    assert [message.startswith(f"left out: {bad}: ") for message in caplog.messages] == [True]
    answer = call("explain", run, bad, tmp_path / "absent.png", "--device", "cpu")
    assert answer.exit_code == 2
    assert f"error: none of 2 pictures can be used; the first: {bad}" in answer.stderr


def test_reasons_and_the_bias_make_up_the_logit_by_concepts(monkeypatch):
    reasons = [Reason(name=name, weight=weight, heat_map=np.zeros((2, 2))) for name, weight in (("a", 4.0), ("b", 1.5))]
    explanation = Explanation(
        image_name="a.png", class_index=1, class_name="Owl", probability=0.9, reasons=tuple(reasons),
        faithfulness={"logit_by_concepts": 3.5, "logit": 3.0},
    )  # fmt: skip
    monkeypatch.setattr("whynet.workflows.explain.explain", lambda *_, **__: [explanation])
    lines = [line.split(maxsplit=1) for line in call("explain", "runs/x", "a.png").stdout.splitlines()[-4:]]
    assert lines == [["+4.00", "a"], ["+1.50", "b"], ["-2.00", "bias"], ["+3.50", "in all; the logit is +3.00"]]


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        ((GraphNode(node=7, layer="top", filter=3, x=2.0, y=4.0, score=1.5),), "node 7, filter 3 of top: at x 2, y 4"),
        ((), "none of the surest nodes of Owl is found here"),
        (None, "no graph of Owl; fit one with `whynet graph runs/x --classes 1`"),
    ],
)
def test_structures_are_told_or_what_makes_them(graph, told, monkeypatch):
    def explained(*_, structures, **__):
        assert structures == ("tree", "graph")
        return [Explanation(image_name="a.png", class_index=1, class_name="Owl", probability=0.9, graph=graph)]

    monkeypatch.setattr("whynet.workflows.explain.explain", explained)
    answer = call("explain", "runs/x", "a.png", "--with", "tree, graph")
    assert answer.exit_code == 0, answer.output
    assert f"    {told}" in answer.stdout
    assert "    no tree of Owl; grow one with `whynet tree runs/x`" in answer.stdout


def test_json_goes_to_a_file_or_alone_to_standard_output(run, coloured_pictures, tmp_path):
    pictures = [coloured_pictures / "test" / name / "3.png" for name in ("red tile", "blue tile")]
    answer = call("explain", run, *pictures, "--device", "cpu", "--json", "-")
    assert [item["class"] for item in json.loads(answer.stdout)] == ["red tile", "blue tile"]
    assert "This is an image" in answer.stderr
    call("explain", run, *pictures, "--device", "cpu", "--json", tmp_path / "answer.json")
    assert json.loads((tmp_path / "answer.json").read_text()) == json.loads(answer.stdout)


def test_a_network_may_be_called_by_the_short_name_of_its_option(tmp_path):
    answer = call("train", "--net", "alexnet9", "--out", tmp_path / "run")
    assert answer.exit_code == 2
    assert "error: network 'alexnet9' is unknown; choose" in answer.stderr


def test_train_takes_its_options_from_the_settings(coloured_pictures, tmp_path):
    out = tmp_path / "run"
    options = [
        "--data", "folder", "--root", coloured_pictures, "--image-size", 16, "--variant", "interpnet1", "--seed", 5,
        "--classifier-epochs", 1, "--classifier-batch-size", 8, "--explainer-epochs", 1, "--explainer-hidden-size", 8,
        "--no-explainer-standardise",
    ]  # fmt: skip
    answer = call("train", *options, "--out", out, "--device", "cpu")
    assert answer.exit_code == 0, answer.output
    assert f" evaluate {out}" in answer.stdout
    assert "24 train, 12 validation, 12 test pictures" in answer.stdout
    settings = json.loads((out / "run.json").read_text())["settings"]
    assert settings["model"]["variant"] == "interpnet1"
    assert settings["model"]["seed"] == 5
    assert settings["explainer"]["standardise"] is False
    assert settings["classifier"]["epochs"] == 1
    assert settings["explainer"]["dropout"] == 0.2
    assert call("train", "--out", out, "--resume", "--seed", 5, "--device", "cpu").exit_code == 0
    answer = call("train", "--out", out, "--resume", "--seed", 6, "--device", "cpu")
    assert answer.exit_code == 2
    assert "begun with model seed = 5, not 6" in answer.stderr


def test_evaluate_writes_figures_and_report(run):
    answer = call("evaluate", run, "--no-language", "--device", "cpu", "--json", "-")
    assert answer.exit_code == 0, answer.output
    metrics = json.loads(answer.stdout)
    assert metrics == json.loads((run / "metrics.json").read_text())
    assert (run / "report.html").exists()
    assert "No language: it was left out by --no-language." in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", "nowhere", "x.png"], "error: nowhere holds no run.json"),
        (
            ["train", "--out", "x", "--data", "shapes"],
            "error: data 'shapes' is unknown; choose one of birds, cub, animal_parts, voc_parts, folder",
        ),
        (["train", "--out", "x", "--data", "cub"], "error: data 'cub' need a folder; add --root FOLDER"),
        (["train", "--out", "x", "--data", "animal_parts"], "error: data 'animal_parts' need a folder; add --root"),
        (["train", "--out", "x", "--data", "voc_parts", "--root", "nowhere"], "error: expected a folder JPEGImages in"),
        (["train", "--out", "x", "--data", "folder", "--root", "typo"], "typo"),
        (["train", "--out", "x", "--device", "abacus"], "error: device 'abacus' is not available here"),
        (["train", "--out", "x", "--device", "cpu:3"], "error: device 'cpu:3' is not available here"),
        (["train", "--out", "x", "--device", "meta"], "error: device 'meta' is not available here"),
        (["train", "--out", "x", "--classifier-epochs", "0"], "error: epochs, patience and batch size"),
        (["train", "--out", "x", "--classifier-weight-decay", "-1"], "error: weight decay, shift and relight"),
        (["train", "--out", "x", "--explainer-dropout", "2"], "error: sizes and a maximum length of at least 1"),
        (["train", "--out", "x", "--image-size", "0"], "error: an image size of at least 1 pixel"),
        (["train", "--out", "x", "--seed", "-1"], "error: a seed from 0"),
        (["train", "--out", "x", "--num-species", "1"], "error: num_species must be 2 to 200"),
        (["train", "--out", "x", "--subject", "a:b", "--layers", "c", "--variant", "interpnet0"], "means nothing"),
        (["evaluate", "nowhere"], "error: nowhere holds no run.json"),
        (["evaluate", "nowhere", "--json", "no/such/file.json"], "error: --json needs a file in a folder that exists"),
    ],
)
def test_errors_are_one_sentence_and_exit_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call(*arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert isinstance(answer.exception, SystemExit)  # no other exception came through
    assert not (tmp_path / "x").exists()
