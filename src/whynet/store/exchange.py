"""All that a store holds, out of one and into another.

Rows carry ids that are the same in every store. What goes in is added to what is there, by its own times: a row that
the store has is passed over, so that to import twice is to import once, and two stores that import each other's exports
agree.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, insert, select

from whynet.base.errors import StorageError
from whynet.store.database import Database
from whynet.store.plain_rows import Row
from whynet.store.records import Added, Answer, Naming, Records, Vote
from whynet.store.tables import answers, names, votes

Whereabouts = Callable[[str, int], str]
"""What to call the row of a kind at an index, as in "names.csv, row 2", for messages."""


def read_all(database: Database) -> Records:
    """All rows, as they were at one moment, each kind oldest first.

    Raises:
        StorageError: The database fails.
    """
    with database.reading() as connection:

        def rows(table: Table) -> Sequence[Any]:
            return connection.execute(select(table).order_by(table.c.time, table.c.id)).mappings().all()

        return Records(
            names=tuple(Naming(**row) for row in rows(names)),
            votes=tuple(Vote(**row) for row in rows(votes)),
            answers=tuple(Answer(**row) for row in rows(answers)),
        )


def add_all(database: Database, records: Records, whereabouts: Whereabouts) -> Added:
    """Add the rows that the store lacks: all of them or, if one is bad, none.

    Args:
        database: The store's.
        records: The rows, each of them checked by `from_plain`.
        whereabouts: Names a row, for messages.

    Raises:
        StorageError: A row is not what the store has under its id, or does not fit the namings before it; or the
            database fails.
    """
    with database.writing() as connection:
        num_added = []
        for kind, table, made, rows in (
            ("names", names, Naming, records.names),
            ("votes", votes, Vote, records.votes),
            ("answers", answers, Answer, records.answers),
        ):
            known: dict[str, Row] = {row["id"]: made(**row) for row in connection.execute(select(table)).mappings()}
            added = _lacking(known, kind, rows, whereabouts)
            if kind == "names":
                _check_links(known, records.names, whereabouts)
            if added:
                # Oldest first: a naming may only refer to one that is there.
                added.sort(key=lambda row: row.time)
                connection.execute(insert(table), [vars(row) for row in added])
            num_added.append(len(added))
    num_names, num_votes, num_answers = num_added
    return Added(num_names=num_names, num_votes=num_votes, num_answers=num_answers)


def _lacking(known: dict[str, Row], kind: str, rows: Sequence[Row], whereabouts: Whereabouts) -> list[Row]:
    """The rows that are not known yet; they are known from here on."""
    lacking = []
    for index, row in enumerate(rows):
        if row.id not in known:
            known[row.id] = row
            lacking.append(row)
        elif known[row.id] != row:
            raise StorageError(
                f"{whereabouts(kind, index)}: there is another row with the id {row.id}, and no row is ever "
                "overwritten; take one of the two out"
            )
    return lacking


def _check_links(known: Mapping[str, Row], rows: Sequence[Naming], whereabouts: Whereabouts) -> None:
    for index, naming in enumerate(rows):
        before = None if naming.previous is None else known.get(naming.previous)
        fault = None
        if naming.previous is None:
            if naming.is_undo and naming.name is not None:
                fault = f"an undo that goes back to nothing has no name, but it has {naming.name!a}"
        elif not isinstance(before, Naming):
            fault = f"the naming {naming.previous} that it follows is in neither the file nor the store"
        elif before.concept != naming.concept or before.is_undo or before.time >= naming.time:
            fault = f"{naming.previous}, which it follows, is not an earlier naming of the same concept"
        elif naming.is_undo and before.name != naming.name:
            fault = f"it goes back to a naming with the name {before.name!a}, but has the name {naming.name!a}"
        if fault is not None:
            raise StorageError(f"{whereabouts('names', index)}: {fault}; export the store anew")
