import pytest
from hypothesis import given
from hypothesis import strategies as st

from whynet.base.errors import SettingError
from whynet.workflows.workbench.concept_id import ConceptId

IDS = st.builds(
    ConceptId,
    class_index=st.integers(0, 9_999_999),
    number=st.integers(0, 9_999),
    digest=st.text("0123456789abcdef", min_size=8, max_size=8),
)


@given(IDS)
def test_an_id_is_read_as_it_was_written(own):
    assert ConceptId.parse(str(own)) == own


def test_x_features_are_numbered_from_one():
    assert str(ConceptId(class_index=5, number=1, digest="9f3a11c0")) == "5-2-9f3a11c0"


@pytest.mark.parametrize(
    "text",
    ["", "5-0-9f3a11c0", "5-2-9F3A11C0", "5-2-9f3a11c", "-5-2-9f3a11c0", "05-2-9f3a11c0", "5-2-9f3a11c0\n", "../5"],
)
def test_what_is_no_id_is_refused(text):
    with pytest.raises(SettingError, match="a concept's id was expected"):
        ConceptId.parse(text)
