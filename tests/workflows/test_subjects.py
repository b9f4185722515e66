import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from whynet.base.errors import RunError, SettingError, StorageError, SubjectError
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import save_subject
from whynet.models.subject import Subject
from whynet.workflows.settings import DataSettings
from whynet.workflows.subjects import open_subject, open_subject_for_data, read_class_names, saved_folder

OWN = """
from torch import nn
from whynet import Preprocessing, Subject

def build():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    return Subject(net, class_names=["a", "b"], preprocess=Preprocessing(height=2, width=2))

def bare():
    return nn.Linear(12, 2)
"""


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    (tmp_path / "own_nets_for_subjects.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return "own_nets_for_subjects"


def test_opens_a_saved_folder_and_a_run(saved_convnet, tmp_path):
    assert open_subject(str(saved_convnet)).class_names == ("red tile", "blue tile", "Żółw 3")
    run = tmp_path / "run"
    subject = Subject(ConvNet(2), class_names=("a", "b"), preprocess=Preprocessing(height=8, width=8))
    save_subject(subject, run / "classifier")
    assert saved_folder(str(run)) == run / "classifier"
    assert open_subject(str(run)).name == str(run)


def test_runs_ones_own_function_with_given_weights(own_code, tmp_path):
    subject = open_subject(f"{own_code}:build")
    ones = {name: torch.ones_like(tensor) for name, tensor in subject.network.state_dict().items()}
    save_file(ones, tmp_path / "ones.safetensors")
    weighted = open_subject(f"{own_code}:build", weights=tmp_path / "ones.safetensors")
    assert weighted.logits(torch.ones(1, 3, 2, 2)).tolist() == [[13.0, 13.0]]
    with pytest.raises(SubjectError, match="returned a network alone; return a whynet.Subject"):
        open_subject(f"{own_code}:bare")


def test_the_size_that_nobody_named_is_told(own_code, caplog):
    """Of a network alone: a function may return the preprocessing, too."""
    for function, size, told in (("bare", None, True), ("bare", 32, False), ("build", None, False)):
        caplog.clear()
        subject = open_subject_for_data(
            f"{own_code}:{function}", ("a", "b"), DataSettings(name="folder", root=".", image_size=size)
        )
        assert len(caplog.messages) == told
        if function == "bare":
            assert subject.preprocess == Preprocessing(height=size or 128, width=size or 128)
        if told:
            assert "it sees pictures of 128 x 128 pixels, with ImageNet's mean" in caplog.messages[0]


def test_a_folder_of_ones_own_network_runs_code_only_if_it_is_named(own_code, tmp_path):
    function = f"{own_code}:build"
    save_subject(open_subject(function), tmp_path / "saved", function=function)
    with pytest.raises(SubjectError, match=f"to let that code run, name it again: --allow {function}"):
        open_subject(str(tmp_path / "saved"))
    assert isinstance(open_subject(str(tmp_path / "saved"), allow=function).network, nn.Sequential)


def test_says_what_cannot_be_opened(saved_convnet, tmp_path):
    with pytest.raises(SubjectError, match="a subject is the folder of a run or .* not 'runs/nowhere'"):
        open_subject("runs/nowhere")
    with pytest.raises(SettingError, match="has weights and class names of its own|with weights and class names"):
        open_subject(str(saved_convnet), weights=tmp_path / "net.safetensors")
    with pytest.raises(SubjectError, match="cannot import 'no_such_module:build'"):
        open_subject("no_such_module:build")
    (tmp_path / "subject.json").write_text("{}")
    with pytest.raises(RunError, match="does not describe a subject"):
        open_subject(str(tmp_path))


def test_class_names_stand_one_a_line(tmp_path):
    (tmp_path / "names.txt").write_text("tern\n\n Żółw \n", encoding="utf-8")
    assert read_class_names(tmp_path / "names.txt") == ("tern", "Żółw")
    with pytest.raises(StorageError, match="class names, one a line, were expected in .*nothing.txt"):
        read_class_names(tmp_path / "nothing.txt")
