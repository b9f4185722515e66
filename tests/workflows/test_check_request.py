"""What is checked is found by a run or by a subject, and mistakes are told before pictures are opened."""

import shutil

import pytest

from whynet.attribution.methods import METHODS
from whynet.base.errors import RunError, SettingError, SubjectError
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import save_subject
from whynet.models.subject import Subject
from whynet.workflows.check_request import methods_named, names_in, open_checked
from whynet.workflows.run import Run


@pytest.fixture
def saved(tmp_path):
    subject = Subject(
        ConvNet(2, widths=(4,), hidden=()), class_names=("x", "y"), preprocess=Preprocessing(height=8, width=8)
    )
    save_subject(subject, tmp_path / "saved")
    return str(tmp_path / "saved")


def test_methods_come_by_name_or_all():
    assert methods_named([]) == list(METHODS)
    assert methods_named([" saliency, grad_cam ", "saliency"]) == ["saliency", "grad_cam"]
    with pytest.raises(SettingError, match="'lime' is unknown"):
        methods_named(["saliency,lime"])
    assert names_in(None) == names_in(" , ") == []


def test_a_run_brings_its_network_and_its_data(coloured_run):
    subject, test, _ = open_checked(coloured_run, None, {}, device="cpu")
    assert subject.class_names == test.class_names == ("blue tile", "red tile")
    assert len(test) == 12
    assert open_checked(None, str(coloured_run), {"num_species": 3}, device="cpu")[0].class_names == subject.class_names


def test_a_subject_keeps_its_classes_whatever_the_data(saved):
    subject, test, _ = open_checked(None, saved, {"num_species": 3, "image_size": 16}, device="cpu")
    assert subject.class_names == ("x", "y")
    assert len(test.class_names) == 3


def test_a_function_takes_the_classes_of_the_data(tmp_path, monkeypatch):
    lines = "from whynet.models.convnet import ConvNet\ndef build():\n    return ConvNet(3, widths=(4,), hidden=())\n"
    (tmp_path / "checked_nets.py").write_text(lines)
    monkeypatch.chdir(tmp_path)
    subject, test, _ = open_checked(None, "checked_nets:build", {"num_species": 3, "image_size": 16}, device="cpu")
    assert subject.class_names == test.class_names
    assert subject.preprocess.height == 16


def test_says_what_is_missing_or_too_much(saved, coloured_run, tmp_path):
    with pytest.raises(SettingError, match="name a run, or give --subject with --data"):
        open_checked(None, None, {})
    with pytest.raises(SettingError, match="leave out num_species, weights, or name the run by --subject"):
        open_checked(coloured_run, None, {"num_species": 3}, weights="w.safetensors")
    with pytest.raises(SubjectError, match="no layer 'block.0'; near names are blocks.0"):
        open_checked(coloured_run, None, {}, layers=["block.0"])
    with pytest.raises(RunError, match="nowhere holds no run.json"):
        open_checked("nowhere", None, {})
    with pytest.raises(SubjectError, match="a subject is the folder of a run or"):
        open_checked(None, "nowhere", {"num_species": 3})
    with pytest.raises(SettingError, match="data 'shapes' is unknown"):
        open_checked(None, saved, {"name": "shapes"})
    shutil.copytree(coloured_run, tmp_path / "half")
    record = Run.open(tmp_path / "half").record()
    del record["stages"]["classifier"]
    Run(tmp_path / "half").write("run.json", record)
    with pytest.raises(RunError, match="has no trained classifier yet"):
        open_checked(tmp_path / "half", None, {})
