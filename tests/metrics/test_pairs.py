import pytest

from whynet.base.errors import DataError
from whynet.metrics.pairs import check_pairs


@pytest.mark.parametrize(
    ("candidates", "references", "message"),
    [
        ([], [], "at least 1 candidate, but there are 0"),
        (["a", "b"], [["a"]], "2 candidates and 1 lists of references"),
        (["a", "b"], [["a"], []], "example 1 has no references"),
        (["a"], [["a", " \n"]], r"reference 1 of example 0 is blank \(' \\n'\)"),
        ("a", [["a"]], "expected a list of sentences"),
        (["a"], ["a"], "expected a list of sentences"),
    ],
)
def test_what_cannot_be_scored_is_refused(candidates, references, message):
    with pytest.raises(DataError, match=message):
        check_pairs(candidates, references)


def test_a_blank_candidate_is_allowed():
    check_pairs(["", "a"], [["a", "b"], ["c"]])
