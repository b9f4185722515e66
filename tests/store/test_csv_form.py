import csv
import io
import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whynet.base.errors import StorageError
from whynet.store.csv_form import from_csv, to_csv
from whynet.store.json_form import from_json, to_json
from whynet.store.records import Answer, Naming, Records, Vote

# The beginnings that matter, before any text at all. Plain values, without the code that is tested: its annotations are
# checked with the help of chance, which hypothesis forbids in strategies.
beginnings = st.sampled_from(["", "=", "+", "-", "@", "'", "''=", '"', "\uff1d", ",", "[", "<script>", "\u0627"])
endings = st.text(st.characters(exclude_categories=["C", "M", "Zl", "Zp"]), max_size=6)
texts = st.builds(str.__add__, beginnings, endings).map(lambda text: normalize("NFC", text).strip()).filter(len)
ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=8)
row_ids = st.uuids().map(lambda uuid: uuid.hex)
times = st.datetimes(max_value=datetime(2026, 1, 31), timezones=st.just(UTC))
naming = {
    "id": row_ids, "concept": ids, "name": st.none() | texts, "author": texts, "time": times, "is_undo": st.booleans(),
    "previous": st.none() | row_ids,
}  # fmt: skip
vote = {"id": row_ids, "concept": ids, "voter": texts, "trusted": st.none() | st.booleans(), "time": times}
parts = st.lists(texts, unique=True, max_size=2).map(tuple)
answer = {"id": row_ids, "study": ids, "person": texts, "item": ids, "parts": parts, "time": times}


def some(columns: dict[str, Any]) -> Any:
    return st.lists(st.fixed_dictionaries(columns), max_size=2)


FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")


@settings(max_examples=40)
@given(some(naming), some(vote), some(answer))
def test_all_comes_back_and_no_cell_is_taken_for_a_formula(names: Any, votes: Any, answers: Any) -> None:
    kept = Records(
        names=tuple(Naming(**row) for row in names),
        votes=tuple(Vote(**row) for row in votes),
        answers=tuple(Answer(**row) for row in answers),
    )
    files = to_csv(kept)
    assert from_csv(files, "folder") == kept
    assert from_json(json.loads(json.dumps(to_json(kept))), "file") == kept
    for text in files.values():
        for row in csv.reader(io.StringIO(text, newline="")):
            assert not any(cell.startswith(FORMULAS) for cell in row)


VOTE = Vote(id="a" * 32, concept="=1+1", voter="'tis", trusted=True, time=datetime(2026, 1, 31, 12, tzinfo=UTC))
HEADER = '"id","concept","voter","trusted","time"'
ROW = f'"{"a" * 32}","\'=1+1","\'tis","true","2026-01-31T12:00:00.000000+00:00"'


def test_the_text_of_a_file() -> None:
    assert to_csv(Records(votes=(VOTE,))) == {
        "names": '"id","concept","name","author","time","is_undo","previous"\r\n',
        "votes": f"{HEADER}\r\n{ROW}\r\n",
        "answers": '"id","study","person","item","parts","time"\r\n',
    }


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{ROW}\n",
        f"{HEADER}\n{ROW}",
        f"{HEADER}\n{ROW}\n{ROW}".replace('"', "").replace("true", "TRUE"),
        f"voter,time,id,trusted,concept\n'tis,2026-01-31T12:00:00Z,{'a' * 32},True,'=1+1",
        f"voter,time,id,trusted,concept\n'tis,2026-01-31T12:00:00Z,{'a' * 32},True,=1+1",
    ],
)
def test_files_that_a_spreadsheet_wrote_anew(text: str) -> None:
    assert set(from_csv({"votes": text}, "folder").votes) == {VOTE}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "folder/votes.csv should begin with the columns id,concept,voter,trusted,time, not with ''"),
        ("a;b\n", "not with 'a;b'"),
        (f"{HEADER}\n{ROW}\n1,2\n", "folder/votes.csv, row 3: 5 cells were expected, but there are 2"),
        (f"{HEADER}\n\n{ROW}\n", "row 2: 5 cells were expected, but there are 0"),
        (f"{HEADER}\n{ROW}\n{ROW.replace('true', 'maybe')}", "row 3: a vote is true, false, or null .*'maybe'"),
        (f"{HEADER}\n{ROW}".replace("'tis", ""), "row 2: a voter has 1 to 80 characters"),
        (f'{HEADER}\n"open', "row 2: unexpected end of data"),
        (f"{HEADER}\n{'x' * 200_000}", r"row 2: field larger than field limit"),
    ],
)
def test_files_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(StorageError, match=reason):
        from_csv({"votes": text}, "folder")


def test_parts_that_are_no_list() -> None:
    columns = [field.name for field in fields(Answer)]
    cells = {"id": "a" * 32, "study": "s", "person": "Ada", "item": "i", "time": "2026-01-31T12:00:00Z"}
    for parts, reason in (
        ("head", "parts is a list in JSON, not 'head'"),
        ('"head"', "a list of strings"),
        ("[" * 99_999, "in JSON"),
    ):
        row = cells | {"parts": parts}
        stream = io.StringIO(newline="")
        csv.writer(stream).writerows([columns, [row[column] for column in columns]])
        with pytest.raises(StorageError, match=f"folder/answers.csv, row 2: .*{reason}"):
            from_csv({"answers": stream.getvalue()}, "folder")
