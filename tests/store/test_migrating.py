import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Column, Integer, MetaData

from whynet.base.errors import StorageError
from whynet.store import Store
from whynet.store.database import Database
from whynet.store.migrating import migrate, upgrade
from whynet.store.tables import METADATA, VERSION, VERSION_TABLE

Execute = Callable[[str], list[Any]]


def differences(place: str, metadata: MetaData) -> list[Any]:
    database = Database(place)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        found = compare_metadata(context, metadata)
    database.close()
    return found


def test_the_version_is_that_of_the_last_migration() -> None:
    settings = Config()
    settings.set_main_option("script_location", "whynet.store:migrations")
    revisions = [step.revision for step in ScriptDirectory.from_config(settings).walk_revisions()]
    assert revisions == [str(number) for number in range(VERSION, 0, -1)]


def test_the_migrations_make_the_tables_that_the_code_uses(place: str) -> None:
    with Store(place):
        assert differences(place, METADATA) == []
    changed = MetaData()
    for table in METADATA.tables.values():
        table.to_metadata(changed)
    changed.tables["votes"].append_column(Column("new", Integer))
    assert [change[0] for change in differences(place, changed)] == ["add_column"]


@pytest.mark.parametrize("version", range(VERSION))
def test_a_store_of_an_earlier_version_is_brought_up_to_date(version: int, place: str, execute: Execute) -> None:
    if version:
        database = Database(place)
        with database.writing() as connection:
            upgrade(connection, version)
        database.close()
    with Store(place) as store:
        store.votes.vote("a", "Ada", True)
    assert execute(f"SELECT version_num FROM {VERSION_TABLE}") == [(str(VERSION),)]
    assert differences(place, METADATA) == []


def test_a_store_that_is_up_to_date_is_not_touched(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(place).close()

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("whynet.store.migrating.upgrade", refuse)
    monkeypatch.setattr(Database, "writing", refuse)
    Store(place).close()


def test_a_migration_that_fails_leaves_nothing(place: str, execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Any) -> None:
        upgrade(connection)
        raise KeyboardInterrupt

    database = Database(place)
    monkeypatch.setattr("whynet.store.migrating.upgrade", fail)
    with pytest.raises(KeyboardInterrupt):
        migrate(database)
    monkeypatch.undo()
    with database.reading() as connection:
        assert not connection.dialect.has_table(connection, "names")
    migrate(database)
    database.close()


def test_servers_that_open_a_new_store_at_once(place: str, in_processes: Callable[..., list[Any]]) -> None:
    def open_and_vote(person: int) -> bool:
        with Store(place) as store:
            return store.votes.vote("a", f"person {person}", True).trusted is True

    assert in_processes(open_and_vote, [(person,) for person in range(4)]) == [True] * 4
    with Store(place) as store:
        assert store.votes.tally("a").num_trusted == 4


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (
            str(VERSION + 1),
            rf"has version {VERSION + 1}, and this whynet knows versions up to {VERSION}; update whynet",
        ),
        ("1a", "is damaged: its version is '1a'; restore it from a copy"),
    ],
)
def test_a_store_of_a_newer_or_an_impossible_version(version: str, reason: str, place: str, execute: Execute) -> None:
    Store(place).close()
    execute(f"UPDATE {VERSION_TABLE} SET version_num = '{version}'")
    with pytest.raises(StorageError, match=reason):
        Store(place)
    execute(f"DELETE FROM {VERSION_TABLE}")
    with pytest.raises(StorageError, match="is damaged: its version is None"):
        Store(place)


def test_another_programs_database_is_left_as_it_is(place: str, execute: Execute) -> None:
    execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    with pytest.raises(StorageError, match="belongs to another program: it has the table alembic_version and none of"):
        Store(place)
    if "://" not in place:
        path = Path(place)
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        assert execute("PRAGMA journal_mode") == [("delete",)]


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes of mine, and no database at all.\n" * 100)
    digest = hashlib.sha256(path.read_bytes())
    with pytest.raises(StorageError, match=r"notes\.txt cannot be used \(file is not a database\); it is another kind"):
        Store(path)
    assert hashlib.sha256(path.read_bytes()).digest() == digest.digest()
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "workbench.db"
    path.touch()
    with Store(path) as store:
        store.votes.vote("a", "Ada", True)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_server_database_that_cannot_hold_every_name(new_database: Callable[..., URL]) -> None:
    url = new_database("ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StorageError, match="has the encoding LATIN1, .* create one with ENCODING 'UTF8'"):
        Store(url.render_as_string(hide_password=False))
