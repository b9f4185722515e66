import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from whynet.cli.app import app


def call(*arguments):
    return CliRunner().invoke(app, ["attribute", *map(str, arguments)])


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((30, 40, 3), 60 + 100 * number, np.uint8)).save(path)
    return paths


def test_help_shows_how():
    answer = call("--help")
    assert answer.exit_code == 0
    options = ("--subject", "--method", "--target", "--source", "--unit", "--compare", "--json", "--device")
    assert all(word in answer.stdout for word in (*options, "Example"))


def test_writes_maps_and_says_where(saved_convnet, pictures, tmp_path):
    out = tmp_path / "out"
    options = ["--subject", saved_convnet, "--method", "saliency", "--target", "blue tile", "--out", out]
    answer = call(*options, *pictures, "--device", "cpu", "--json", tmp_path / "answer.json")
    assert answer.exit_code == 0, answer.output
    assert "saliency at the input, strongest colour" in answer.stdout
    assert f"{out / '1.saliency.png'}: " in answer.stdout
    assert f"Maps: {out / 'saliency.safetensors'}" in answer.stdout
    found = json.loads((tmp_path / "answer.json").read_text())
    assert found == json.loads((out / "saliency.json").read_text())
    assert [entry["target"] for entry in found["images"]] == ["blue tile"] * 2
    assert {path.name for path in out.iterdir()} == {
        "0.saliency.png", "1.saliency.png", "saliency.safetensors", "saliency.json",
    }  # fmt: skip


def test_a_bad_picture_is_named_at_the_end_and_exits_1(saved_convnet, pictures, tmp_path):
    options = ["--subject", saved_convnet, "--method", "grad_cam", "--out", tmp_path / "out", "--device", "cpu"]
    answer = call(*options, tmp_path / "absent.png", *pictures, "--json", "-")
    assert answer.exit_code == 1
    found = json.loads(answer.stdout)
    assert [entry["layer"] for entry in found["images"]] == ["blocks.1.2"] * 2
    assert answer.stderr.strip().endswith("absent.png: expected a picture file, but there is none; check the path")
    assert (tmp_path / "out" / "1.grad_cam.png").exists()


def test_compares_methods(saved_convnet, pictures, tmp_path):
    options = ["--subject", saved_convnet, "--compare", "--out", tmp_path / "out", "--device", "cpu"]
    methods = ["--method", "saliency", "--method", "excitation_backprop", "--method", "captum.occlusion"]
    answer = call(*options, *methods, pictures[0], "--source", "blocks.1.2", "--unit", "1", "--layer", "blocks.0.2")
    assert answer.exit_code == 0, answer.output
    assert f"{tmp_path / 'out' / '0.compare.png'}: unit 1 of blocks.1.2" in answer.stdout
    assert "no captum.occlusion: captum.occlusion explains a class at the input alone" in answer.stdout
    assert (tmp_path / "out" / "0.compare.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "error: one --method was expected, not 0"),
        (["--method", "saliency", "--method", "grad_cam"], "error: one --method was expected, not 2"),
        (["--method", "gradcam"], "error: method 'gradcam' is unknown; the methods are saliency, deconvnet"),
        (["--compare"], "error: --compare shows one picture, not 2"),
        (["--method", "saliency", "--target", "1", "--unit", "2"], "error: either --target, a class, or --source and"),
        (["--method", "saliency", "--unit", "2"], "error: --unit needs --source"),
        (["--method", "saliency", "--target", "blu tile"], "has no class 'blu tile'; near names are blue tile"),
        (["--method", "saliency", "--layer", "blocks.0.9"], "has no layer 'blocks.0.9'; near names are blocks.0"),
        (["--method", "saliency", "--source", "blok", "--unit", "1"], "has no layer 'blok'; near names are blocks"),
        (["--method", "saliency", "--scale", "big"], "error: a scale is 'shared', 'each' or a number above 0"),
        (["--method", "saliency", "--scale", "-1"], "error: a scale is 'shared', 'each' or a number above 0"),
        (["--method", "saliency", "--device", "gpu"], "error: device 'gpu' is not available here"),
        (["--method", "saliency", "--classes", "names.txt"], "error: class names, one a line, were expected in"),
        (["--method", "saliency", "--weights", "net.safetensors"], "is a folder with weights and class names"),
        (["--method", "captum.occlusion", "--layer", "blocks"], "captum.occlusion explains a class at the input alone"),
    ],
)
def test_errors_are_one_sentence_and_exit_2(options, message, saved_convnet, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("--subject", saved_convnet, *options, *pictures, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert isinstance(answer.exception, SystemExit)


def test_a_subject_that_is_none_is_told(pictures, tmp_path):
    answer = call("--subject", "runs/nowhere", "--method", "saliency", *pictures, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert "error: a subject is the folder of a run or of a saved subject" in answer.stderr
    assert not (tmp_path / "out").exists()
