"""Connections to the two databases, set so that what was acknowledged is kept.

SQLite       write-ahead log; each commit is flushed to the disk (synchronous FULL) before it returns, so that it
             survives kill -9 and a power cut; a transaction that writes takes the write lock as it begins
             (BEGIN IMMEDIATE), since one that asks for it half way may be refused without waiting
PostgreSQL   the server's own settings; READ COMMITTED to write under advisory locks, REPEATABLE READ to read; no
             transaction around a single question, which would be two more messages each way; and no question whether
             the server is still there, unless a connection has rested or the server has said something unasked
"""

import importlib.util
import selectors
import sqlite3
import time
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from whynet.base.errors import MissingDependencyError
from whynet.store.location import Location

BUSY_SECONDS = 30
"""How long a transaction waits for others before it gives up."""

_CONNECT_SECONDS = 10
_REST_SECONDS = 60
"""A connection to a server that has rested longer is asked whether it lives, before it is used."""
_THREADS = 40
"""As many as use a store at once; more wait for their turn."""

_WRITES, _SINCE = "whynet_writes", "whynet_since"


class Engines(NamedTuple):
    """One database in three ways, which share their connections."""

    ask: Engine
    """For one statement that reads."""
    read: Engine
    """For several that shall see one state."""
    write: Engine
    """For all that is kept."""


def create_engines(location: Location) -> Engines:
    """The engines of a database.

    Raises:
        MissingDependencyError: The driver for PostgreSQL is not installed.
    """
    kept = _THREADS // 4
    pool = {"pool_size": kept, "max_overflow": _THREADS - kept, "pool_timeout": BUSY_SECONDS}
    if location.path is not None:
        engine = create_engine(
            location.url,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            hide_parameters=True,
            **pool,
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return Engines(engine, engine, engine.execution_options(**{_WRITES: True}))
    if importlib.util.find_spec("psycopg") is None:
        raise MissingDependencyError('PostgreSQL needs psycopg, which is not installed; pip install "whynet[web]"')
    settings: dict[str, Any] = {
        "client_encoding": "utf8",
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "whynet",
    }
    settings = {key: value for key, value in settings.items() if key not in location.url.query}
    engine = create_engine(location.url, connect_args=settings, hide_parameters=True, **pool)
    event.listen(engine, "checkin", _lay_to_rest)
    event.listen(engine, "checkout", _Waking(engine))
    levels = ("AUTOCOMMIT", "REPEATABLE READ", "READ COMMITTED")
    return Engines(*(engine.execution_options(isolation_level=level) for level in levels))


class _Waking:
    """What SQLAlchemy's pool_pre_ping does, but without a message each time, of which one vote would send three.

    A server that ends a connection says so, and what it has said unasked can be heard without asking.
    """

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect

    def __call__(self, connection: Any, record: Any, _proxy: Any) -> None:
        rested = time.monotonic() - record.info.get(_SINCE, time.monotonic())
        if rested < _REST_SECONDS and not _has_heard(connection):
            return
        try:
            self.dialect.do_ping(connection)
        except self.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def _lay_to_rest(_connection: Any, record: Any) -> None:
    record.info[_SINCE] = time.monotonic()


def _has_heard(connection: Any) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


def use_write_ahead_log(engine: Engine) -> None:
    """Let readers of an SQLite file go on while one writes; the file remembers it."""
    deadline = time.monotonic() + BUSY_SECONDS
    connection = engine.raw_connection()
    try:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                # The change needs the file for itself, and SQLite does not always wait for it.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
    finally:
        connection.close()


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA fullfsync = ON")  # only macOS knows the difference
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
