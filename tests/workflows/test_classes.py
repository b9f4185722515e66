"""Which classes are meant by a text, and what their folders are called."""

import pytest
from torch import nn

from whynet.base.errors import SettingError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.classes import folder_name, wanted_classes

SUBJECT = Subject(
    nn.Flatten(), class_names=("Scott Oriole", "Jay", "Żółw 3"), preprocess=Preprocessing(height=8, width=8)
)


def test_classes_are_named_by_name_or_number_in_the_subjects_order():
    assert wanted_classes(SUBJECT, "all") == [0, 1, 2]
    assert wanted_classes(SUBJECT, " Jay , 0,Jay") == [0, 1]
    assert wanted_classes(SUBJECT, "Żółw 3") == [2]
    with pytest.raises(SettingError, match="and none is named"):
        wanted_classes(SUBJECT, " , ")
    with pytest.raises(SettingError, match="has no class 'Jai'; near names are Jay"):
        wanted_classes(SUBJECT, "Jai")


def test_a_folder_has_the_plain_letters_of_its_class_and_no_two_have_one():
    assert folder_name(0, "Scott Oriole") == "0000-scott-oriole"
    assert folder_name(12, "Żółw/../3") == "0012-zow-3"
    assert folder_name(1, "!") == "0001"
    assert len(folder_name(3, "long " * 40)) <= 45
