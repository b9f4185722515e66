import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from whynet.base.errors import SettingError
from whynet.store.plain_rows import COLUMNS, from_plain, to_plain
from whynet.store.records import Answer, Naming, Vote

TIME = "2026-01-31T12:00:00.000001+00:00"
NAMING = {
    "id": "a" * 32, "concept": "tern/3", "name": "head", "author": "Ada", "time": TIME, "is_undo": False,
    "previous": None,
}  # fmt: skip
VOTE = {"id": "b" * 32, "concept": "tern/3", "voter": "Ada", "trusted": None, "time": TIME}
ANSWER = {"id": "c" * 32, "study": "s", "person": "Ada", "item": "i", "parts": ["head", "tail"], "time": TIME}
ROWS: dict[str, dict[str, Any]] = {"names": NAMING, "votes": VOTE, "answers": ANSWER}


@pytest.mark.parametrize(("kind", "made"), [("names", Naming), ("votes", Vote), ("answers", Answer)])
def test_a_row_comes_back_from_plain_values(kind: str, made: type) -> None:
    row = from_plain(kind, ROWS[kind])
    assert isinstance(row, made)
    assert row.time == datetime(2026, 1, 31, 12, microsecond=1, tzinfo=UTC)
    assert to_plain(row) == json.loads(json.dumps(to_plain(row))) == ROWS[kind]
    assert tuple(to_plain(row)) == COLUMNS[kind]


@pytest.mark.parametrize(
    "time", ["2026-01-31T13:00:00.000001+01:00", "2026-01-31T12:00:00.000001Z", "20260131T120000.000001Z"]
)
def test_times_of_other_zones(time: str) -> None:
    assert to_plain(from_plain("votes", VOTE | {"time": time}))["time"] == TIME


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("names", {"id": "A" * 32}, "id is 32 hexadecimal digits, not 'AAA"),
        ("names", {"id": 3}, "id is 32 hexadecimal digits, not 3"),
        ("names", {"previous": "b"}, "previous is 32 hexadecimal digits, not 'b'"),
        ("names", {"concept": "a b"}, "the id of a concept"),
        ("names", {"name": ""}, "a name has 1 to 120 characters"),
        ("names", {"name": "a\u202eb"}, "turns the direction of writing"),
        ("names", {"author": None}, "an author is text"),
        ("names", {"is_undo": 1}, "is_undo is true or false, not 1"),
        ("votes", {"trusted": 1}, "a vote is true, false, or null"),
        ("votes", {"voter": "x" * 81}, "a voter has 1 to 80 characters"),
        ("answers", {"study": ""}, "the id of a study"),
        ("answers", {"item": 3}, "the id of a study's item"),
        ("answers", {"person": "\n"}, "a person has 1 to 80 characters"),
        ("answers", {"parts": "head"}, "a list of strings"),
        ("votes", {"time": "2026-01-31T12:00:00"}, "a time names its zone"),
        ("votes", {"time": "yesterday"}, "a time is written as in 2026-01-31T12:00:00.00:00, not as 'yesterday'"),
        ("votes", {"time": "0001-01-01T00:00:00+10:00"}, "a time is written as in"),
        ("votes", {"time": 7}, "a time is written as in .*, not as 7"),
        ("votes", {"time": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, "more than a day ahead"),
        ("votes", {"colour": "black"}, "columns id, concept, voter, trusted, time were expected, not 'id', .*'colour'"),
    ],
)
def test_rows_that_are_refused(kind: str, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        from_plain(kind, ROWS[kind] | change)


def test_a_row_that_lacks_a_column_or_is_none() -> None:
    with pytest.raises(SettingError, match="were expected, not 'id', 'concept', 'voter', 'trusted'$"):
        from_plain("votes", {key: value for key, value in VOTE.items() if key != "time"})
    with pytest.raises(SettingError, match="were expected, not a list"):
        from_plain("votes", [])
