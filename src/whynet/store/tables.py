"""The tables. Rows are only ever added; of the rows with one key, the latest counts.

    names      one row a naming     key: concept
    votes      one row a vote       key: concept, voter
    answers    one row an answer    key: study, person, item

Later means a later time and, of two rows at one time (as they may meet in an import), the greater id. Within one store
the times of a key never stand still and never go back, whatever the clock does.

A change here needs a step in `migrations/versions` and a `VERSION` that is one higher; a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Dialect, ForeignKey, Index, MetaData, String, Table
from sqlalchemy.types import TypeDecorator

from whynet.store.validity import LONGEST_ID, LONGEST_NAME, LONGEST_PERSON

VERSION = 1
"""Of the tables below: the number of the last migration."""

VERSION_TABLE = "whynet_version"
"""Where a store keeps its version; no other program's database has a table of this name."""


class Moment(TypeDecorator[datetime]):
    """A time in UTC, to the microsecond; SQLite knows no time zones and forgets them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """What goes into the database."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """What comes out of it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Parts(TypeDecorator[tuple[str, ...]]):
    """A tuple of strings, as a list in JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """What goes into the database."""
        return None if value is None else list(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """What comes out of it."""
        return None if value is None else tuple(value)


METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

names = Table(
    "names",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("concept", String(LONGEST_ID), nullable=False),
    Column("name", String(LONGEST_NAME)),
    Column("author", String(LONGEST_PERSON), nullable=False),
    Column("time", Moment, nullable=False),
    Column("is_undo", Boolean, nullable=False),
    Column("previous", String(32), ForeignKey("names.id")),
)
Index(None, names.c.concept, names.c.time)

votes = Table(
    "votes",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("concept", String(LONGEST_ID), nullable=False),
    Column("voter", String(LONGEST_PERSON), nullable=False),
    Column("trusted", Boolean),
    Column("time", Moment, nullable=False),
)
Index(None, votes.c.concept, votes.c.voter, votes.c.time)

answers = Table(
    "answers",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("study", String(LONGEST_ID), nullable=False),
    Column("person", String(LONGEST_PERSON), nullable=False),
    Column("item", String(LONGEST_ID), nullable=False),
    Column("parts", Parts, nullable=False),
    Column("time", Moment, nullable=False),
)
Index(None, answers.c.study, answers.c.person, answers.c.item, answers.c.time)
