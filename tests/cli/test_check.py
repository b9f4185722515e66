import json

import pytest
from typer.testing import CliRunner

from whynet.cli.app import app

QUICK = ["--images", 2, "--steps", 2, "--device", "cpu"]


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_names_every_option():
    answer = call("check", "--help")
    assert answer.exit_code == 0
    for option in (
        "--method",
        "--subject",
        "--weights",
        "--layer",
        "--target",
        "--images",
        "--steps",
        "--data",
        "--json",
    ):
        assert option in answer.stdout
    assert "Example" in answer.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_prints_tables_that_fit(coloured_run, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    answer = call(
        "check", coloured_run, "--method", "saliency,contrastive_excitation_backprop", "--layer", "blocks.0", *QUICK
    )
    assert answer.exit_code == 0, answer.output
    assert "the predicted class in 2 test pictures, maps at blocks.0" in answer.stdout
    for question in ("what the network learned?", "a constant is added", "come with the pixels that the map names?"):
        assert question in answer.stdout
    assert "has no pointing: the pictures have no boxes and no part masks" in answer.stdout
    table = [line for line in answer.stdout.splitlines() if line.startswith(("│", "┃"))]
    assert max(map(len, table)) <= width
    assert sum("contrastive_excitation_backprop" in line for line in table) == 3


def test_json_goes_alone_to_standard_output(coloured_run):
    answer = call("check", "--subject", coloured_run, "--num-species", 3, "--image-size", 16, "--method", "saliency",
                  "--target", "red tile", *QUICK, "--json", "-")  # fmt: skip
    assert answer.exit_code == 0, answer.output
    results = json.loads(answer.stdout)
    assert results["target"] == "red tile"
    assert set(results["floors"]["pointing"]) == {"box", "part"}
    assert "on one of its parts" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: a network to check was expected"),
        (["nowhere"], "error: nowhere holds no run.json"),
        (["nowhere", "--method", "gradcam"], "error: method 'gradcam' is unknown; the methods are saliency"),
        (["--subject", "nowhere", "--num-species", "3"], "error: a subject is the folder of a run or"),
        (["--subject", "nowhere", "--data", "cub"], "error: data 'cub' need a folder; add --root FOLDER"),
    ],
)
def test_errors_are_one_sentence_and_exit_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("check", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert isinstance(answer.exception, SystemExit)


def test_a_layer_a_class_and_a_number_that_do_not_exist(coloured_run):
    for arguments, message in (
        (["--layer", "block.0"], "has no layer 'block.0'; near names are blocks.0"),
        (["--target", "red tiles"], "has no class 'red tiles'; near names are red tile"),
        (["--images", "0"], "at least 1 picture and 1 step were expected, not 0"),
    ):
        answer = call("check", coloured_run, *arguments)
        assert answer.exit_code == 2
        assert message in answer.stderr
