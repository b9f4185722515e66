import json
import shutil

import pytest
from typer.testing import CliRunner

from whynet.cli.app import app

QUICK = ["--num-features", 3, "--hidden", "8", "--epochs", 2, "--batch-size", 8, "--seeds", 1, "--device", "cpu"]
FOLDER = ["--data", "folder", "--image-size", 16, "--root"]


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def run(coloured_run, tmp_path):
    shutil.copytree(coloured_run, tmp_path / "run")
    return tmp_path / "run"


def test_help_names_every_option():
    answer = call("concepts", "--help")
    assert answer.exit_code == 0
    for option in (
        "--subject", "--layer", "--map-layer", "--classes", "--seeds", "--num-features", "--hidden", "--penalty", "--q",
        "--beta", "--weight-decay", "--epochs", "--positive-share", "--data", "--root", "--out", "--weights", "--json",
    ):  # fmt: skip
        assert option in answer.stdout
    assert "Example" in answer.stdout
    assert "whynet concepts --subject runs/demo" in answer.stdout


def test_x_features_are_listed_and_told_as_reasons_afterwards(run, coloured_pictures):
    answer = call("concepts", "--subject", run, *QUICK)
    assert answer.exit_code == 0, answer.output
    assert "X-features of hidden.0, heat maps at blocks.0" in answer.stdout
    for word in ("blue tile", "red tile", "F_cls", "O1", "x-feature", "lower is better"):
        assert word in answer.stdout
    assert f"Concepts: {run / 'concepts' / 'index.html'}" in answer.stdout
    assert sorted(path.name for path in (run / "concepts").glob("0*")) == ["0000-blue-tile", "0001-red-tile"]
    picture = coloured_pictures / "test" / "red tile" / "3.png"
    answer = call("explain", run, picture, "--device", "cpu", "--json", "-")
    assert answer.exit_code == 0, answer.output
    (explanation,) = json.loads(answer.stdout)
    assert explanation["class"] == "red tile"
    assert sorted(reason["name"] for reason in explanation["reasons"]) == [f"x-feature {n}" for n in (1, 2, 3)]
    assert explanation["text"].startswith("This is an image of a red tile because")
    for reason in explanation["reasons"]:
        assert f"{reason['weight']:+6.2f}  {reason['name']}" in answer.stderr


def test_json_goes_alone_to_standard_output(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    answer = call("concepts", "--subject", run, "--classes", "red tile", *QUICK, "--json", "-")
    assert answer.exit_code == 0, answer.output
    result = json.loads(answer.stdout)
    assert result["run"] == str(run)
    (own,) = result["classes"]
    assert (own["class"], own["layer"], own["map_layer"]) == ("red tile", "hidden.0", "blocks.0.2")
    assert {"f_reg", "f_cls", "f_reg_train", "f_cls_train", "live"} <= set(own["figures"])
    assert [one["title"] for one in own["concepts"]] == ["x-feature 1", "x-feature 2", "x-feature 3"]
    assert all(set(one) == {"title", "weight", "contribution", "precision", "stability"} for one in own["concepts"])
    strongest = sorted(own["concepts"], key=lambda one: -one["contribution"])
    assert "red tile" in answer.stderr
    assert ", ".join(f"{one['title']} ({one['contribution']:+.1f})" for one in strongest) in answer.stderr
    again = call("concepts", "--subject", run, "--classes", "1", *QUICK, "--json", "-")
    assert json.loads(again.stdout) == result, "what is there is kept"


def test_a_subject_that_is_no_run_gets_one(coloured_run, coloured_pictures, tmp_path):
    given = ["--subject", coloured_run / "classifier", *FOLDER, coloured_pictures, "--layer", "hidden.1", *QUICK]
    answer = call("concepts", *given, "--classes", 0, "--out", tmp_path / "mine", "--json", tmp_path / "answer.json")
    assert answer.exit_code == 0, answer.output
    assert json.loads((tmp_path / "answer.json").read_text())["classes"][0]["layer"] == "hidden.1"
    assert (tmp_path / "mine" / "concepts" / "0000-blue-tile" / "model.safetensors").is_file()
    assert not (coloured_run / "concepts").exists()


def test_a_network_of_ones_own_is_explained_where_its_code_is_named(coloured_pictures, tmp_path, monkeypatch):
    (tmp_path / "mine_for_concepts.py").write_text(
        "import torch\n"
        "from whynet import Subject\n"
        "from whynet.models.preprocessing import Preprocessing\n"
        "def build():\n"
        "    torch.manual_seed(0)\n"
        "    network = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.ReLU(), torch.nn.Flatten(),\n"
        "                                  torch.nn.Linear(1176, 12), torch.nn.ReLU(), torch.nn.Linear(12, 2))\n"
        "    names = ('blue tile', 'red tile')\n"
        "    return Subject(network, class_names=names, preprocess=Preprocessing(height=16, width=16))\n"
    )
    monkeypatch.chdir(tmp_path)
    given = ["--subject", "mine_for_concepts:build", *FOLDER, coloured_pictures, "--layer", "4", "--out", "mine"]
    answer = call("concepts", *given, *QUICK)
    assert answer.exit_code == 0, answer.output
    assert "X-features of 4, heat maps at 1" in answer.stdout
    answer = call("concepts", "--subject", "mine", "--layer", "4", *QUICK)
    assert answer.exit_code == 2, "its code may not run unasked"
    assert "to let that code run, name it again" in answer.stderr
    again = call("concepts", "--subject", "mine", "--layer", "4", *QUICK, "--allow", "mine_for_concepts:build")
    assert again.exit_code == 0, again.output


def test_names_of_classes_are_shown_as_they_are(coloured_run, coloured_pictures, tmp_path):
    """Square brackets in a class's name are no markup."""
    for split in ("train", "validation", "test"):
        for name, other in (("red tile", "[bold]red"), ("blue tile", "[] blue [red")):
            shutil.copytree(coloured_pictures / split / name, tmp_path / "pictures" / split / other)
    subject = tmp_path / "subject"
    shutil.copytree(coloured_run / "classifier", subject)
    description = json.loads((subject / "subject.json").read_text())
    description["class_names"] = ["[] blue [red", "[bold]red"]
    (subject / "subject.json").write_text(json.dumps(description))
    given = ["--subject", subject, *FOLDER, tmp_path / "pictures", "--layer", "hidden.0", "--out", tmp_path / "run"]
    answer = call("concepts", *given, *QUICK, "--epochs", 1)
    assert answer.exit_code == 0, answer.output
    assert "[bold]red" in answer.stdout
    assert "[] blue [red" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--subject", "nowhere"], "error: nowhere is no run; to explain it as it is, name --layer, its --data and"),
        (["--subject", "nowhere", "--data", "birds", "--out", "x"], "error: nowhere is no run"),
        (["--subject", "nowhere", "--data", "birds", "--layer", "fc", "--out", "x"], "not 'nowhere'; check the path"),
        (["--subject", "nowhere", "--penalty", "l0"], "error: penalty 'l0' is unknown; choose one of log, l1"),
        (["--subject", "nowhere", "--seeds", "0"], "error: at least one seed, from 0 on, was expected, not 0 from 0"),
        (["--subject", "nowhere", "--epochs", "0"], "error: epochs and a batch size of at least 1"),
        (["--subject", "nowhere", "--json", "no/such/file.json"], "error: --json needs a file in a folder that exists"),
    ],
)
def test_errors_are_one_sentence_and_exit_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("concepts", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert isinstance(answer.exception, SystemExit)
    assert not (tmp_path / "x").exists()


def test_what_a_run_cannot_be_asked_is_told_and_leaves_nothing_behind(run, coloured_pictures, tmp_path):
    for arguments, message in (
        (["--out", tmp_path / "x"], "is a run with data and weights of its own; leave out --out"),
        ([*FOLDER, coloured_pictures], "is a run with data and weights of its own; leave out --data"),
        (["--classes", "red tiles"], "has no class 'red tiles'; near names are red tile"),
        (["--layer", "hidden.5"], "has no layer 'hidden.5'; near names are hidden"),
        (["--map-layer", "hidden.0"], "layer 'hidden.0' has no maps"),
        (["--num-features", "9999"], "9999 x-features of a layer of 500 entries explain nothing"),
    ):
        answer = call("concepts", "--subject", run, "--device", "cpu", *arguments)
        assert answer.exit_code == 2, answer.output
        assert message in answer.stderr
        assert isinstance(answer.exception, SystemExit)
    assert not (run / "concepts").exists()
    assert not (tmp_path / "x").exists()
