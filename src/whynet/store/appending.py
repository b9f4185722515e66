"""Rows are only added, and of those with one key the latest counts: the three things that all tables need."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, insert, select

_TICK = timedelta(microseconds=1)


def latest(connection: Connection, table: Table, **key: str) -> dict[str, Any] | None:
    """The row that counts for a key, or None."""
    rows = select(table).filter_by(**key).order_by(table.c.time.desc(), table.c.id.desc()).limit(1)
    row = connection.execute(rows).mappings().first()
    return None if row is None else dict(row)


def latest_of_each(table: Table, *key: str, where: tuple[ColumnElement[bool], ...] = ()) -> Select[Any]:
    """The query for the rows that count, one for each value of the columns `key`."""
    place = func.row_number().over(
        partition_by=[table.c[name] for name in key], order_by=(table.c.time.desc(), table.c.id.desc())
    )
    rows = select(table, place.label("place")).where(*where).subquery()
    return select(*(rows.c[column.name] for column in table.columns)).where(rows.c.place == 1)


def append(connection: Connection, table: Table, after: dict[str, Any] | None, **values: Any) -> dict[str, Any]:
    """Add a row, later than the latest of its key, and return all of it.

    Args:
        connection: In a transaction that nobody else writes under this key in.
        table: The table.
        after: The latest row of the key; None if there is none.
        values: All columns but `id` and `time`.
    """
    time = datetime.now(UTC)
    if after is not None:
        time = max(time, after["time"] + _TICK)  # a clock may have been set back
    row = {"id": secrets.token_hex(16), "time": time, **values}
    connection.execute(insert(table), row)
    return row
