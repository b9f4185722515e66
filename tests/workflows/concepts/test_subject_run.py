"""The run that concepts land in: the named one, or a new one around a network that stays as it is."""

import pytest
from safetensors.torch import load_file

from whynet.base.errors import RunError, SettingError, SubjectError
from whynet.workflows.concepts.subject_run import run_of
from whynet.workflows.run import Run

BIRDS = {"name": "birds", "num_species": 2, "image_size": 16}


@pytest.fixture
def folder_data(coloured_pictures):
    return {"name": "folder", "root": str(coloured_pictures), "image_size": 16}


def test_a_run_is_opened_as_it_is(coloured_run):
    before = (coloured_run / "run.json").read_bytes()
    assert run_of(str(coloured_run), out=None, data={}, layer=None) == (Run(coloured_run), None)
    assert run_of(str(coloured_run), out=None, data={}, layer="hidden.1") == (Run(coloured_run), None)
    assert (coloured_run / "run.json").read_bytes() == before


def test_a_run_has_data_and_weights_of_its_own(coloured_run, tmp_path):
    for given, names in (
        ({"out": tmp_path / "x", "data": {}}, "--out"),
        ({"out": None, "data": BIRDS}, "--data"),
        ({"out": tmp_path / "x", "data": BIRDS, "weights": tmp_path / "w"}, "--out and --weights and --data"),
    ):
        with pytest.raises(SettingError, match=rf"is a run with data and weights of its own; leave out {names}$"):
            run_of(str(coloured_run), layer=None, **given)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "missing", [{"out": None}, {"layer": None}, {"data": {}}, {"data": {"root": "x"}}, {"out": None, "layer": None}]
)
def test_a_subject_that_is_no_run_needs_a_layer_data_and_a_folder(saved_convnet, tmp_path, missing):
    given = {"out": tmp_path / "run", "layer": "hidden.0", "data": BIRDS} | missing
    with pytest.raises(SettingError, match="is no run; to explain it as it is, name --layer, its --data and --out"):
        run_of(str(saved_convnet), **given)
    assert not (tmp_path / "run").exists()


def test_a_saved_subject_gets_a_run_with_its_own_weights_and_no_explainer(coloured_run, folder_data, tmp_path):
    subject = coloured_run / "classifier"
    run, code = run_of(str(subject), out=tmp_path / "run", layer="hidden.0", data=folder_data)
    assert code is None
    assert set(run.record()["stages"]) == {"data", "classifier"}
    mine, theirs = (load_file(folder / "model.safetensors") for folder in (run.folder / "classifier", subject))
    assert mine.keys() == theirs.keys()
    assert all(bool((mine[name] == theirs[name]).all()) for name in mine)
    again, _ = run_of(str(subject), out=tmp_path / "run", layer="hidden.0", data=folder_data)
    assert again == run, "given again it goes on"
    with pytest.raises(SettingError, match="was begun with other settings"):
        run_of(str(subject), out=tmp_path / "run", layer="hidden.1", data=folder_data)


def test_a_function_that_builds_the_network_may_run(coloured_pictures, folder_data, tmp_path, monkeypatch):
    (tmp_path / "mine_of_concepts.py").write_text(
        "import torch\n"
        "from whynet import Subject\n"
        "from whynet.models.convnet import ConvNet\n"
        "from whynet.models.preprocessing import Preprocessing\n"
        "def build():\n"
        "    torch.manual_seed(0)\n"
        "    network = ConvNet(2, widths=(4,), hidden=(5,))\n"
        "    names = ('blue tile', 'red tile')\n"
        "    return Subject(network, class_names=names, preprocess=Preprocessing(height=16, width=16))\n"
    )
    monkeypatch.chdir(tmp_path)
    name = "mine_of_concepts:build"
    for _ in range(2):
        run, code = run_of(name, out=tmp_path / "run", layer="hidden.0", data=folder_data)
        assert code == name, "so that its weights can be read with it"
    assert run.settings["model"]["subject"] == name


def test_what_cannot_be_a_subject_leaves_no_run_behind(saved_convnet, coloured_run, tmp_path, folder_data):
    with pytest.raises(SubjectError, match="knows 3 classes"):
        run_of(str(saved_convnet), out=tmp_path / "run", layer="hidden.0", data=folder_data)
    with pytest.raises(SubjectError, match="no layer 'fc'"):
        run_of(str(coloured_run / "classifier"), out=tmp_path / "run", layer="fc", data=folder_data)
    with pytest.raises(SubjectError, match="not 'nowhere'; check the path"):
        run_of("nowhere", out=tmp_path / "run", layer="fc", data=BIRDS)
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("Dear ...")
    with pytest.raises(RunError, match="is not an empty folder"):
        run_of(str(saved_convnet), out=tmp_path / "run", layer="hidden.0", data=folder_data)
