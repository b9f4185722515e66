"""Where a store is: a file for SQLite, or a URL for PostgreSQL; never told with its password."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from whynet.base.errors import SettingError, StorageError

_EXAMPLES = "a file such as runs/demo/workbench.db, or postgresql+psycopg://user:password@host/database"


@dataclass(frozen=True, kw_only=True)
class Location:
    """A place that a store can be opened at.

    Args:
        url: For SQLAlchemy, with its password.
        label: For messages, without password and settings.
        path: The file of an SQLite store, absolute; None for a server.
    """

    url: URL = field(repr=False)
    label: str
    path: Path | None

    def without_secrets(self, text: str) -> str:
        """`text` of a database's driver, without any password that the URL holds."""
        secrets = [self.url.password, *(self.url.query.get(key) for key in ("password", "sslpassword"))]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                text = text.replace(secret, "***")
        return text


def find_location(location: str | Path) -> Location:
    """Read what a user gave as the place of a store.

    Args:
        location: The path of a file, `sqlite:///FILE`, or `postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE`.

    Raises:
        SettingError: A URL that cannot be read, of an unknown scheme, or without a database.
        StorageError: A file that cannot be written: no such folder, no permission, or not a file at all.
    """
    if isinstance(location, Path) or "://" not in location:
        if not str(location).strip() or "\0" in str(location):
            raise SettingError(f"a store is {_EXAMPLES}; this one has no name")
        return _file(Path(location))
    scheme = location.partition("://")[0]
    if scheme not in ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"):
        shown = f"of the scheme {scheme}" if re.fullmatch(r"[a-z][a-z0-9+.-]{0,40}", scheme) else "of no known scheme"
        raise SettingError(f"a store is {_EXAMPLES}, but this URL is {shown}; choose one of the two")
    try:
        # A second @ would put a part of the password where the host is expected, and so into messages.
        url = make_url(location) if location.count("@") <= 1 else None
    except (ArgumentError, ValueError):  # neither is told or chained: both quote what may be a part of the password
        url = None
    if url is None:
        raise SettingError(
            f"a store is {_EXAMPLES}, but this URL cannot be read; "
            "write special characters of a password as %40 for @, %2F for /, %3A for :"
        )
    if scheme.startswith("sqlite"):
        if url.database in (None, "", ":memory:") or url.query or url.host:
            raise SettingError("an SQLite store is a file, as in sqlite:///runs/demo/workbench.db, without settings")
        return _file(Path(str(url.database)))
    if not url.database:
        raise SettingError(f"a store is {_EXAMPLES}, but this URL names no database; add /NAME to it")
    host = url.host or url.query.get("host") or "the local socket"
    label = f"the PostgreSQL database {url.database} at {host}" + (f":{url.port}" if url.port else "")
    return Location(url=url.set(drivername="postgresql+psycopg"), label=label, path=None)


def _file(path: Path) -> Location:
    # Absolute, so that no name has a meaning of its own to SQLite (":memory:") and a later chdir changes nothing.
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    label = f"the store {path}"
    try:
        if not path.parent.is_dir():
            raise StorageError(f"{label} cannot be opened: there is no folder {path.parent}; create the folder first")
        if path.exists() and not path.is_file():
            raise StorageError(f"{label} cannot be opened: it is not a file; choose the name of a file")
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise StorageError(f"{label} cannot be opened ({error.strerror or error}); choose another path") from error
    # SQLite writes files of its own beside the store even to read it.
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StorageError(f"{label} cannot be opened: its folder is read-only; choose a folder that you may write to")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StorageError(f"{label} cannot be opened: it may not be read and written; change its permissions")
    return Location(url=URL.create("sqlite", database=str(path)), label=label, path=path)
