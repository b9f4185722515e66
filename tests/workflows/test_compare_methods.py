import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from whynet.attribution import saliency
from whynet.attribution.methods import METHODS
from whynet.base.errors import SettingError, SubjectError
from whynet.base.image import read_image
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.workflows.compare_methods import compare_methods, methods_at_hand
from whynet.workflows.question import Question

ANY = Question(method="saliency")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "bird.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)).save(path)
    return path


class Gated(nn.Module):
    """Has an operation that excitation backprop has no rule for."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, images):
        x = self.conv(images).relu().mean((2, 3))
        return self.last(x * torch.sigmoid(x))


def test_every_method_has_its_map(saved_convnet, picture, tmp_path):
    subject = load_subject(saved_convnet)
    found = compare_methods(subject, picture, ANY, out=tmp_path / "out", methods=tuple(METHODS))
    assert json.loads((tmp_path / "out" / "bird.compare.json").read_text()) == found
    assert [entry["method"] for entry in found["methods"]] == list(METHODS)
    layers = {entry["method"]: entry["layer"] for entry in found["methods"]}
    assert layers["grad_cam"] == layers["excitation_backprop"] == "blocks.1.2"
    assert layers["saliency"] is None
    maps = load_file(tmp_path / "out" / found["maps"])
    assert set(maps) == set(METHODS)
    images = subject.preprocess([read_image(picture)])
    torch.testing.assert_close(maps["saliency"], saliency(subject, images, found["class_number"])[0])
    grid = np.asarray(Image.open(tmp_path / "out" / "bird.compare.png"))
    assert grid.shape[1] > 5 * 224
    assert (grid[:, -4:] == 255).all()  # no bar and no name is cut off


def test_a_method_that_cannot_work_says_why_in_its_cell(picture, tmp_path):
    subject = Subject(Gated(), class_names=("a", "b"), preprocess=Preprocessing(height=12, width=12))
    methods = ("saliency", "excitation_backprop", "grad_cam")
    found = compare_methods(subject, picture, ANY, out=tmp_path / "out", methods=methods)
    reasons = {entry["method"]: entry.get("reason") for entry in found["methods"]}
    assert reasons["saliency"] is None
    assert reasons["grad_cam"] is None
    assert "torch.sigmoid" in reasons["excitation_backprop"]
    assert set(load_file(tmp_path / "out" / found["maps"])) == {"saliency", "grad_cam"}


def test_a_crash_within_one_method_stays_in_its_cell(saved_convnet, picture, tmp_path, monkeypatch):
    def crash(*_arguments, **_options):
        raise RuntimeError("out of memory\nsecond line")

    monkeypatch.setattr("whynet.workflows.question.heat_map", crash)
    found = compare_methods(load_subject(saved_convnet), picture, ANY, out=tmp_path / "out", methods=("saliency",))
    assert found["methods"] == [{"method": "saliency", "reason": "RuntimeError: out of memory"}]
    assert found["maps"] is None
    assert (tmp_path / "out" / "bird.compare.png").exists()


def test_a_given_layer_is_for_those_that_need_one(saved_convnet, picture, tmp_path):
    question = Question(method="saliency", layer="blocks.0.2", target="blue tile")
    methods = ("saliency", "grad_cam")
    found = compare_methods(load_subject(saved_convnet), picture, question, out=tmp_path / "out", methods=methods)
    assert [entry["layer"] for entry in found["methods"]] == [None, "blocks.0.2"]
    assert found["explained"].startswith("blue tile (")


def test_a_unit_is_explained_by_whoever_can(saved_convnet, picture, tmp_path):
    question = Question(method="saliency", source="blocks.1.2", unit="1")
    methods = ("saliency", "captum.occlusion")
    found = compare_methods(load_subject(saved_convnet), picture, question, out=tmp_path / "out", methods=methods)
    assert found["explained"] == "unit 1 of blocks.1.2"
    assert "reason" not in found["methods"][0]
    assert "explains a class at the input alone" in found["methods"][1]["reason"]


def test_captum_stands_beside_ours_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert "captum.deep_lift" in methods_at_hand()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert methods_at_hand() == tuple(METHODS)


def test_what_no_method_could_answer_is_told(saved_convnet, picture, tmp_path):
    subject = load_subject(saved_convnet)
    for question, error, message in (
        (Question(method="saliency", target="green"), SettingError, "has no class 'green'"),
        (Question(method="saliency", layer="block"), SubjectError, "has no layer 'block'"),
    ):
        with pytest.raises(error, match=message):
            compare_methods(subject, picture, question, out=tmp_path / "out")
    with pytest.raises(SettingError, match="'nothing' is unknown; the methods are"):
        compare_methods(subject, picture, ANY, out=tmp_path / "out", methods=("nothing",))
    assert not (tmp_path / "out").exists()
