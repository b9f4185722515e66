"""Folders of classes, whatever the classes are called, and the classes that a user names."""

import pytest
import torch

from whynet.base.errors import SettingError, StorageError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.class_folders import class_folder, other_folders, remove_class_files, wanted_classes
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


@pytest.mark.parametrize("name", HOSTILE)
def test_any_folder_of_a_class_is_known_as_one(name, tmp_path):
    run = Run(tmp_path)
    folder = class_folder(run, "tree", 0, name)
    folder.mkdir(parents=True)
    (folder / "tree.json").write_text("{}")
    assert other_folders(run, "tree", [], ["tree.json"]) == [folder]
    assert other_folders(run, "tree", [folder], ["tree.json"]) == []
    remove_class_files(folder, ["tree.json", "absent.json"])
    assert not folder.exists()
    remove_class_files(folder, ["tree.json"])


def test_what_is_not_ours_is_never_removed(tmp_path):
    run = Run(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tree.json").write_text("mine")
    (run.folder / "tree").mkdir(parents=True)
    (run.folder / "tree" / "0000-linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    for name in ("mine", "0001-empty", "12-short", ".writing-0001"):
        (run.folder / "tree" / name).mkdir()
    for name in ("mine", "12-short", ".writing-0001"):
        (run.folder / "tree" / name / "tree.json").write_text("mine")
    (run.folder / "tree" / "0003-file").write_text("mine")
    assert other_folders(run, "tree", [], ["tree.json"]) == []
    assert other_folders(Run(tmp_path / "none"), "tree", [], ["tree.json"]) == []
    folder = run.folder / "tree" / "0001-empty"
    (folder / "tree.json").mkdir()
    with pytest.raises(StorageError, match="cannot remove what .*0001-empty holds of an earlier request"):
        remove_class_files(folder, ["tree.json"])
