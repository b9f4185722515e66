"""Rows as plain values, for files and pages: texts, booleans and lists; and back, checked."""

import re
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from whynet.base.errors import SettingError
from whynet.store.records import Answer, Naming, Vote
from whynet.store.validity import checked_id, checked_vote, cleaned_name, cleaned_parts, cleaned_person

Row = Naming | Vote | Answer

COLUMNS = {
    "names": tuple(field.name for field in fields(Naming)),
    "votes": tuple(field.name for field in fields(Vote)),
    "answers": tuple(field.name for field in fields(Answer)),
}
"""What each kind of row consists of, in the order in which files have it; the kinds are those of `Records`."""

_ROW_ID = re.compile("[0-9a-f]{32}")
_FUTURE = timedelta(days=1)
"""How far another machine's clock may be ahead; a row from later would stay the latest for as long."""


def to_plain(row: Row) -> dict[str, Any]:
    """A row as values that `json.dump` takes; its time in ISO 8601."""
    values = asdict(row)
    values["time"] = row.time.isoformat(timespec="microseconds")
    if isinstance(row, Answer):
        values["parts"] = list(row.parts)
    return values


def from_plain(kind: str, values: Any) -> Row:
    """A row from what `to_plain` made, or from a stranger's file.

    Args:
        kind: "names", "votes" or "answers".
        values: The columns of that kind.

    Raises:
        SettingError: A column is missing, unknown or out of its range.
    """
    expected = COLUMNS[kind]
    if not isinstance(values, dict) or set(values) != set(expected):
        came = ", ".join(map(ascii, values)) if isinstance(values, dict) else f"a {type(values).__name__}"
        raise SettingError(f"the columns {', '.join(expected)} were expected, not {came[:200]}")
    row_id, time = _row_id(values["id"], "id"), _time(values["time"])
    if kind == "votes":
        return Vote(
            id=row_id,
            concept=checked_id(values["concept"], "concept"),
            voter=cleaned_person(values["voter"], "a voter"),
            trusted=checked_vote(values["trusted"]),
            time=time,
        )
    if kind == "answers":
        return Answer(
            id=row_id,
            study=checked_id(values["study"], "study"),
            person=cleaned_person(values["person"], "a person"),
            item=checked_id(values["item"], "study's item"),
            parts=cleaned_parts(values["parts"]),
            time=time,
        )
    if not isinstance(values["is_undo"], bool):
        raise SettingError(f"is_undo is true or false, not {values['is_undo']!a}")
    return Naming(
        id=row_id,
        concept=checked_id(values["concept"], "concept"),
        name=None if values["name"] is None else cleaned_name(values["name"]),
        author=cleaned_person(values["author"], "an author"),
        time=time,
        is_undo=values["is_undo"],
        previous=None if values["previous"] is None else _row_id(values["previous"], "previous"),
    )


def _row_id(value: Any, column: str) -> str:
    if not isinstance(value, str) or not _ROW_ID.fullmatch(value):
        raise SettingError(f"{column} is 32 hexadecimal digits, not {ascii(value)[:80]}")
    return value


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise SettingError(f"a time names its zone, as in 2026-01-31T12:00:00+00:00, but {value} does not")
        time = time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(f"a time is written as in 2026-01-31T12:00:00+00:00, not as {ascii(value)[:80]}") from error
    if time > datetime.now(UTC) + _FUTURE:
        raise SettingError(f"a time is past, but {value} is more than a day ahead; set this machine's clock")
    return time
