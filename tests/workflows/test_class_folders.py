"""Folders of classes, whatever the classes are called, and the classes that a user names."""

import pytest
import torch

from whynet.base.errors import SettingError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.class_folders import class_folder, wanted_classes
from whynet.workflows.run import Run

HOSTILE = {
    "../../x": "0000-x",
    "/etc/passwd": "0000-etc-passwd",
    "..": "0000",
    "": "0000",
    "Żółw 3": "0000-zow-3",
    "鳥": "0000",
    "a\nb\0c": "0000-a-b-c",
    "CON:": "0000-con",
    "q" * 300: f"0000-{'q' * 40}",
    "<script>": "0000-script",
    "'; rm -rf /": "0000-rm-rf",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_class_leads_out_of_the_folder(name, tmp_path):
    found = class_folder(Run(tmp_path), "tree", 0, name)
    assert found.parent == tmp_path / "tree"
    assert found.name == HOSTILE[name]


def test_classes_are_named_by_name_or_number_in_the_subjects_order():
    subject = Subject(torch.nn.Identity(), class_names=("owl", "jay"), preprocess=Preprocessing(height=8, width=8))
    assert wanted_classes(subject, "all") == [0, 1]
    assert wanted_classes(subject, " jay , 0,jay") == [0, 1]
    assert wanted_classes(subject, "owl") == [0]
    with pytest.raises(SettingError, match="has no class 'crow'"):
        wanted_classes(subject, "crow")
    with pytest.raises(SettingError, match="classes by name or number, or all, were expected, and none is named"):
        wanted_classes(subject, " , ")
