"""All that a store holds as one JSON value.

{"format": "whynet store", "version": 1, "names": [{"id": ..., ...}], "votes": [...], "answers": [...]}
"""

from typing import Any

from whynet.base.errors import SettingError, StorageError
from whynet.store.plain_rows import COLUMNS, from_plain, to_plain
from whynet.store.records import Records

_FORMAT = "whynet store"
_VERSION = 1


def to_json(records: Records) -> dict[str, Any]:
    """The records as values that `json.dump` takes."""
    kinds = {kind: [to_plain(row) for row in getattr(records, kind)] for kind in COLUMNS}
    return {"format": _FORMAT, "version": _VERSION, **kinds}


def from_json(value: Any, source: str) -> Records:
    """The records in what `to_json` made; rows count from 1.

    Args:
        value: What `json.load` made of a file.
        source: The file, for messages.

    Raises:
        StorageError: It is no export of a store, one of a newer version, or a row of it is bad.
    """
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        raise StorageError(f'{source} is no export of a store: it does not begin with "format": "{_FORMAT}"')
    if value.get("version") != _VERSION:
        raise StorageError(
            f"{source} has version {value.get('version')!a}, and this whynet reads version {_VERSION}; update whynet"
        )
    if set(value) != {"format", "version", *COLUMNS} or not all(isinstance(value[kind], list) for kind in COLUMNS):
        raise StorageError(f"{source} is no export of a store: it should have the lists {', '.join(COLUMNS)}")
    rows: dict[str, tuple[Any, ...]] = {}
    for kind in COLUMNS:
        checked = []
        for index, values in enumerate(value[kind]):
            try:
                checked.append(from_plain(kind, values))
            except SettingError as error:
                raise StorageError(f"{row_of_json(source, kind, index)}: {error}") from error
        rows[kind] = tuple(checked)
    return Records(**rows)


def row_of_json(source: str, kind: str, index: int) -> str:
    """What to call a row in messages; rows count from 1."""
    return f"{source}, {kind}, row {index + 1}"
