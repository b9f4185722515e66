"""Rows are only added, and of those with one key the latest counts: the three things that all tables need."""

import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, bindparam, func, insert, select

_TICK = timedelta(microseconds=1)


def latest(connection: Connection, table: Table, **key: str) -> dict[str, Any] | None:
    """The row that counts for a key, or None."""
    row = connection.execute(_latest(table, tuple(key)), key).mappings().first()
    return None if row is None else dict(row)


@cache
def _latest(table: Table, key: tuple[str, ...]) -> Select[Any]:
    """Built once: to build a query takes longer than to run it."""
    rows = select(table).where(*(table.c[name] == bindparam(name) for name in key))
    return rows.order_by(table.c.time.desc(), table.c.id.desc()).limit(1)


def latest_of_each(table: Table, *key: str, where: tuple[ColumnElement[bool], ...] = ()) -> Select[Any]:
    """The query for the rows that count, one for each value of the columns `key`.

    Args:
        table: The table.
        key: Its columns; an index over them and the time answers which time is the last without reading the rows.
        where: Conditions on these columns alone.
    """
    columns = [table.c[name] for name in key]
    last = select(*columns, func.max(table.c.time).label("time")).where(*where).group_by(*columns).subquery()
    place = func.row_number().over(partition_by=columns, order_by=table.c.id.desc())  # several rows at one time
    is_last = and_(*(table.c[name] == last.c[name] for name in (*key, "time")))
    rows = select(table, place.label("place")).join(last, is_last).subquery()
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
