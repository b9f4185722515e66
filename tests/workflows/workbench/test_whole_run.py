"""What is wrong with a run is told before anything is served, without building a network."""

import json

import pytest
import torch
from safetensors.torch import save_file

from whynet.base.errors import RunError, StorageError, SubjectError
from whynet.models.saved_network import save_network
from whynet.models.srae import ExplanationModule
from whynet.workflows.run import CLASSIFIER, EXPLAINER, Run
from whynet.workflows.settings import DataSettings, TrainSettings
from whynet.workflows.workbench.whole_run import check_whole

FUNCTION = "nets_of_a_test:build"


@pytest.fixture
def run(tmp_path):
    """A run of a network of one's own, with an explainer; only what is looked at is real."""
    made = Run.create(tmp_path / "run", TrainSettings(data=DataSettings(name="birds")).to_json())
    (made.folder / CLASSIFIER).mkdir()
    description = {"network": FUNCTION, "class_names": ["a", "b"], "preprocessing": None}
    (made.folder / CLASSIFIER / "subject.json").write_text(json.dumps(description))
    save_file({"weight": torch.zeros(3)}, str(made.folder / CLASSIFIER / "model.safetensors"))
    save_network(ExplanationModule(4, num_features=2, hidden=(3,)), made.folder / EXPLAINER)
    made.write(f"{EXPLAINER}/vocabulary.json", ["a"])
    for stage in (CLASSIFIER, EXPLAINER):
        made.complete(stage, 0.0)
    return made


@pytest.fixture(autouse=True)
def own_code(tmp_path, monkeypatch):
    (tmp_path / "nets_of_a_test.py").write_text("def build():\n    raise RuntimeError('nothing is built')\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_whole_run_is_taken_and_its_function_is_not_called(run):
    check_whole(run, FUNCTION)


@pytest.mark.parametrize("allow", [None, "os:getcwd"])
def test_code_runs_only_if_it_is_named(run, allow):
    with pytest.raises(SubjectError, match=f"to let that code run, name it again: --subject {FUNCTION}$"):
        check_whole(run, allow)


def test_code_that_cannot_be_imported(run, tmp_path):
    (tmp_path / "run" / CLASSIFIER / "subject.json").write_text(json.dumps({"network": "no_such_module:build"}))
    with pytest.raises(SubjectError, match="cannot import 'no_such_module:build'"):
        check_whole(run, "no_such_module:build")


@pytest.mark.parametrize("stage", [CLASSIFIER, EXPLAINER])
@pytest.mark.parametrize(
    ("change", "message"), [("absent", "is not there; train that part"), ("cut", "is not a whole")]
)
def test_weights_that_are_absent_or_cut_off(run, stage, change, message):
    path = run.folder / stage / "model.safetensors"
    if change == "absent":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(RunError, match=f"{stage}/model.safetensors {message}"):
        check_whole(run, FUNCTION)


def test_words_that_are_absent(run):
    (run.folder / EXPLAINER / "vocabulary.json").unlink()
    with pytest.raises(StorageError, match="vocabulary.json, but there is no such file"):
        check_whole(run, FUNCTION)


def test_a_description_of_nothing(run):
    (run.folder / CLASSIFIER / "subject.json").write_text("[]")
    with pytest.raises(RunError, match="does not describe a subject"):
        check_whole(run, FUNCTION)


def test_a_run_that_is_still_being_trained(tmp_path):
    with pytest.raises(RunError, match="has no trained classifier yet; .*--resume"):
        check_whole(Run.create(tmp_path / "new", {}), None)
