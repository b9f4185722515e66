"""A place for a store in each test: an SQLite file, and a schema of its own on a PostgreSQL server."""

import contextlib
import multiprocessing
import os
import secrets
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL
from sqlalchemy.engine import make_url

from whynet.store import Store


def written_out(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def connect(url: URL) -> psycopg.Connection[Any]:
    """To the server directly, with nothing of ours between."""
    return psycopg.connect(written_out(url.set(drivername="postgresql")), autocommit=True)


@pytest.fixture(scope="session")
def postgres_server() -> URL:
    """The URL of a server where a role may make databases; skips the test with the reason where none is named."""
    if location := os.environ.get("WHYNET_POSTGRES"):
        return make_url(location)
    reason = "WHYNET_POSTGRES names no PostgreSQL server; export WHYNET_POSTGRES=$(.ci/postgres)"
    if os.environ.get("WHYNET_REQUIRE_ALL") == "1":
        pytest.fail(f"WHYNET_REQUIRE_ALL is set, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def new_database(postgres_server: URL) -> Iterator[Callable[..., URL]]:
    """Makes a database for these tests alone; it is dropped after the last of them."""
    with connect(postgres_server) as server:
        made = []

        def new(options: str = "ENCODING 'UTF8'") -> URL:
            name = f"whynet_test_{secrets.token_hex(8)}"
            server.execute(f"CREATE DATABASE {name} {options} TEMPLATE template0")
            made.append(name)
            return postgres_server.set(drivername="postgresql+psycopg", database=name)

        yield new
        for name in made:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_database(new_database: Callable[..., URL]) -> URL:
    """The database that the tests share, each with a schema of its own."""
    return new_database()


@pytest.fixture
def postgres_place(postgres_database: URL) -> Iterator[str]:
    """An empty schema, as the location of a store."""
    schema = f"test_{secrets.token_hex(8)}"
    with connect(postgres_database) as server:
        server.execute(f"CREATE SCHEMA {schema}")
        yield written_out(postgres_database.update_query_dict({"options": f"-csearch_path={schema}"}))
        server.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be opened; there is none yet."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_place"))
    return str(tmp_path / "workbench.db")


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    """A new store."""
    with Store(place) as opened:
        yield opened


@pytest.fixture
def other_store(tmp_path: Path) -> Iterator[Store]:
    """A second one, to import into."""
    with Store(tmp_path / "other.db") as opened:
        yield opened


@pytest.fixture
def execute(place: str) -> Callable[[str], list[Any]]:
    """Runs SQL at the place, behind the store's back."""

    def run(statement: str) -> list[Any]:
        if "://" not in place:
            with contextlib.closing(sqlite3.connect(place)) as connection, connection:
                return connection.execute(statement).fetchall()
        with connect(make_url(place)) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@pytest.fixture
def start_process() -> Callable[..., Any]:
    """Starts a process that calls a function; a fork, since a new interpreter would take seconds to import whynet."""

    def start(work: Callable[..., Any], *arguments: Any) -> Any:
        process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
        with warnings.catch_warnings():
            # CPython from 3.12 on warns that locks of other threads stay locked in a fork; ours has no use for them.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        return process

    return start


@pytest.fixture
def in_processes(start_process: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Runs a function in one process for each tuple of arguments; returns what they return, or raise, as text."""

    def run(work: Callable[..., Any], arguments: list[tuple[Any, ...]], as_nobody: bool = False) -> list[Any]:
        ends = []
        for values in arguments:
            receiver, sender = multiprocessing.Pipe(duplex=False)
            process = start_process(_work, sender, work, values, as_nobody)
            sender.close()
            ends.append((process, receiver))
        results = []
        for process, receiver in ends:
            assert receiver.poll(600), "a process hangs"
            results.append(receiver.recv())
            process.join(60)
            receiver.close()
        return results

    return run


def _work(sender: Any, work: Callable[..., Any], values: tuple[Any, ...], as_nobody: bool) -> None:
    if as_nobody and os.geteuid() == 0:
        os.setuid(65534)  # the superuser may write anywhere
    try:
        result = work(*values)
    except BaseException as error:
        result = f"{type(error).__name__}: {error}"
    sender.send(result)
