"""All that a store holds as three texts in CSV, for spreadsheets: names, votes and answers, with a header each.

Every cell is quoted; what is absent is empty; parts are a list in JSON. A spreadsheet takes a cell that begins with one
of = + - @ for a formula, which may do harm, so that such a cell gets an apostrophe in front, which reading takes away:

    =1+1   '=1+1        '=1+1   ''=1+1        'tis   'tis
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from whynet.base.errors import SettingError, StorageError
from whynet.store.plain_rows import COLUMNS, from_plain, to_plain
from whynet.store.records import Records

_FORMULA = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"  # the wide forms, too: some spreadsheets read them alike
_DANGEROUS = re.compile(f"'*{_FORMULA}")
_DEFUSED = re.compile(f"'+{_FORMULA}")
_BOOLEANS = {"true": True, "false": False}
_FIRST_ROW = 2  # as spreadsheets count: the header is row 1


def to_csv(records: Records) -> dict[str, str]:
    """The text of each file, by its kind: "names", "votes" and "answers"."""
    texts = {}
    for kind, columns in COLUMNS.items():
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        for row in getattr(records, kind):
            values = to_plain(row)
            writer.writerow([_to_cell(values[column]) for column in columns])
        texts[kind] = stream.getvalue()
    return texts


def from_csv(texts: Mapping[str, str], source: str) -> Records:
    """The records in what `to_csv` made; the order of the columns does not matter.

    Args:
        texts: The text of each file, by its kind; a kind that is absent has no rows.
        source: The folder of the files, for messages.

    Raises:
        StorageError: A text is no such file, or a row of it is bad.
    """
    return Records(**{kind: _rows(kind, text, source) for kind, text in texts.items()})


def row_of_csv(source: str, kind: str, index: int) -> str:
    """What to call a row in messages; rows count as in a spreadsheet, where the header is row 1."""
    return f"{source}/{kind}.csv, row {index + _FIRST_ROW}"


def _rows(kind: str, text: str, source: str) -> tuple[Any, ...]:
    rows = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if sorted(header) != sorted(COLUMNS[kind]):
            raise StorageError(
                f"{source}/{kind}.csv should begin with the columns {','.join(COLUMNS[kind])}, "
                f"not with {ascii(','.join(header))[:200]}"
            )
        for cells in reader:
            if len(cells) != len(header):
                raise SettingError(f"{len(header)} cells were expected, but there are {len(cells)}")
            values = {column: _from_cell(column, cell) for column, cell in zip(header, cells, strict=True)}
            rows.append(from_plain(kind, values))
    except (SettingError, csv.Error) as error:
        raise StorageError(f"{row_of_csv(source, kind, len(rows))}: {error}") from error
    return tuple(rows)


def _to_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    cell = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{cell}" if _DANGEROUS.match(cell) else cell


def _from_cell(column: str, cell: str) -> Any:
    if _DEFUSED.match(cell):
        cell = cell[1:]
    if column in ("name", "previous", "trusted") and not cell:
        return None
    if column in ("trusted", "is_undo"):
        return _BOOLEANS.get(cell.lower(), cell)  # spreadsheets write them in capitals
    if column == "parts":
        try:
            return json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise SettingError(f"parts is a list in JSON, not {ascii(cell)[:80]}") from error
    return cell
