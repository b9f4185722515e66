"""A database that is open: transactions to read and to write, from any number of threads and processes.

Those who write under one key take turns, in whichever process they are, so that none loses what another wrote:

    SQLite       all writers, by the file's write lock; threads queue before it, since SQLite's own waiting is unfair
    PostgreSQL   the writers of one key, by an advisory lock; others go on
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from whynet.base.errors import StorageError
from whynet.store.engine import BUSY_SECONDS, create_engines, use_write_ahead_log
from whynet.store.location import find_location

_REMEDIES = {
    sqlite3.SQLITE_BUSY: f"another program has been writing it for {BUSY_SECONDS} seconds; try again when it is done",
    sqlite3.SQLITE_READONLY: "choose a folder that you may write to",
    sqlite3.SQLITE_CANTOPEN: "choose a folder that you may write to",
    sqlite3.SQLITE_PERM: "choose a folder that you may write to",
    sqlite3.SQLITE_FULL: "free some space there",
    sqlite3.SQLITE_NOTADB: "it is another kind of file; choose another name",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a copy, or import an export into a new one",
    sqlite3.SQLITE_IOERR: "check the disk",
}
_LOCK_EVERYTHING = text("SELECT pg_advisory_xact_lock(:everything)")
_LOCK_KEY = text(
    "WITH shared AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(:everything)) "
    "SELECT pg_advisory_xact_lock(:key) FROM shared"
)


class Database:
    """A database at a place that `find_location` takes; nothing is read or written until a transaction begins.

    Raises:
        SettingError: As `find_location`.
        StorageError: As `find_location`; and, from every transaction, whatever the database refuses.
        MissingDependencyError: The driver for PostgreSQL is not installed.
    """

    def __init__(self, location: str | Path) -> None:
        self._location = find_location(location)
        self._engines = create_engines(self._location)
        self._turn = Lock()
        self._is_closed = False

    @property
    def label(self) -> str:
        """What it is, for messages: the path of the file, or the names of the server and the database."""
        return self._location.label

    @property
    def is_file(self) -> bool:
        """Whether it is an SQLite file, not a server."""
        return self._location.path is not None

    @contextlib.contextmanager
    def asking(self) -> Iterator[Connection]:
        """For one statement that reads; several might each see another state."""
        with self._explained(), self._engines.ask.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database throughout."""
        with self._explained(), self._engines.read.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *key: str) -> Iterator[Connection]:
        """A transaction that is kept when the block ends, and undone if the block fails.

        Args:
            key: What is written, such as a table and a concept; nobody else writes under the same key meanwhile.
                Without a key, nobody else writes at all.
        """
        with self._explained(), self._own_turn(), self._engines.write.begin() as connection:
            if not self.is_file:
                _take_advisory_locks(connection, key)
            yield connection

    def use_write_ahead_log(self) -> None:
        """Let readers of an SQLite file go on while one writes; a server does so anyway."""
        if self.is_file:
            try:
                use_write_ahead_log(self._engines.write)
            except sqlite3.Error as error:
                raise StorageError(self._told(error)) from error

    def close(self) -> None:
        """End all connections; a second call does nothing."""
        self._is_closed = True
        self._engines.write.dispose()

    @contextlib.contextmanager
    def _own_turn(self) -> Iterator[None]:
        if not self.is_file:
            yield
        elif self._turn.acquire(timeout=BUSY_SECONDS):
            try:
                yield
            finally:
                self._turn.release()
        else:
            raise StorageError(f"{self.label} cannot be used: {_REMEDIES[sqlite3.SQLITE_BUSY]}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        if self._is_closed:
            raise StorageError(f"{self.label} is closed; open it again")
        try:
            yield
        except PoolTimeoutError as error:
            raise StorageError(f"{self.label} is busy: no connection was free in {BUSY_SECONDS} seconds") from error
        except DBAPIError as error:
            raise StorageError(self._told(error.orig, error)) from error

    def _told(self, error: BaseException | None, wrapped: DBAPIError | None = None) -> str:
        """The sentence for what the driver says: one line, without secrets."""
        reason = self._location.without_secrets(" ".join(str(error).split()))
        reason = reason if len(reason) <= 300 else f"{reason[:297]}..."
        if isinstance(error, sqlite3.Error):
            code = getattr(error, "sqlite_errorcode", None)  # the driver's own errors have none
            remedy = _REMEDIES.get((code or 0) & 0xFF, "check the file and the disk")
            return f"{self.label} cannot be used ({reason}); {remedy}"
        if isinstance(wrapped, (OperationalError, InterfaceError)) and not getattr(error, "sqlstate", None):
            return f"{self.label} cannot be reached ({reason}); start its server, or mend the URL"
        return f"{self.label} refuses ({reason}); ask who runs the server, or choose another database"


def _take_advisory_locks(connection: Connection, key: tuple[str, ...]) -> None:
    """Wait for one's turn on PostgreSQL; the locks go with the transaction.

    In this order, which the one statement keeps, since it has no row to lock for before: whoever waits for a key has
    shared the lock of all keys already, so that nobody who wants all of them for itself can come between and wait for
    ever.
    """
    everything = _lock_number("everything")
    if key:
        connection.execute(_LOCK_KEY, {"everything": everything, "key": _lock_number("key", *key)})
    else:
        connection.execute(_LOCK_EVERYTHING, {"everything": everything})


def _lock_number(*words: str) -> int:
    """64 bits, signed, as PostgreSQL numbers its locks; two keys that share a number merely wait for each other."""
    digest = hashlib.blake2b("\0".join(("whynet", *words)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
