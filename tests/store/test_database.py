import resource
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, text
from sqlalchemy.engine import make_url

from whynet.base.errors import MissingDependencyError, StorageError
from whynet.store import Store
from whynet.store.database import Database

SECRET = "s3cr3t"


def test_a_closed_store_says_so(place: str) -> None:
    with Store(place) as store:
        store.votes.vote("a", "Ada", True)
    store.close()
    with pytest.raises(StorageError, match="is closed; open it again"):
        store.votes.tallies()
    with pytest.raises(StorageError, match="is closed; open it again"):
        store.votes.vote("a", "Ada", True)


def test_a_transaction_that_fails_leaves_nothing(place: str) -> None:
    with Store(place) as store:
        database = Database(place)
        with pytest.raises(KeyError), database.writing("votes") as connection:
            connection.execute(
                text("INSERT INTO votes (id, concept, voter, time) VALUES ('0', 'a', 'Ada', '2026-01-31 12:00:00')")
            )
            raise KeyError
        database.close()
        assert store.records().votes == ()


def test_a_reader_sees_one_state_while_others_write(place: str) -> None:
    with Store(place) as store:
        store.votes.vote("a", "Ada", True)
        database = Database(place)
        with database.reading() as connection:
            count = text("SELECT count(*) FROM votes")
            before = connection.execute(count).scalar()
            store.votes.vote("b", "Ada", True)
            assert connection.execute(count).scalar() == before == 1
        database.close()


def test_more_threads_than_connections(place: str) -> None:
    with Store(place) as store, ThreadPoolExecutor(48) as threads:
        list(threads.map(lambda number: store.votes.vote(f"c{number % 7}", f"v{number}", True), range(72)))
        tallies = list(threads.map(lambda _: store.votes.tallies(), range(48)))
    assert all(sum(tally.num_trusted for tally in found.values()) == 72 for found in tallies)


def test_sqlite_flushes_each_commit_to_the_disk(tmp_path: Path) -> None:
    with Store(tmp_path / "workbench.db"):
        database = Database(tmp_path / "workbench.db")
        with database.writing("a") as connection:
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync", "busy_timeout")
            }
        database.close()
    assert settings == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "fullfsync": 1, "busy_timeout": 30_000,
    }  # fmt: skip


def test_a_file_that_another_program_keeps_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whynet.store.engine.BUSY_SECONDS", 0.1)
    path = tmp_path / "workbench.db"
    with Store(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"\(database is locked\); another program has been writing it"):
            store.votes.vote("a", "Ada", True)
        assert store.votes.tallies() == {}
        other.close()
        store.votes.vote("a", "Ada", True)


def test_a_disk_that_takes_no_more(tmp_path: Path, in_processes: Callable[..., list[Any]]) -> None:
    path = tmp_path / "workbench.db"

    def fill() -> str:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Store(path) as store:
            store.votes.vote("a", "Ada", True)
            resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
            try:
                for number in range(1000):
                    store.votes.vote(f"c{number}", "Ada", True)
            except StorageError as error:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                return f"{number} {error}"
            return "never"

    (told,) = in_processes(fill, [()])
    acknowledged, _, reason = told.partition(" ")
    assert reason.startswith(f"the store {path} cannot be used (")
    with Store(path) as store:
        assert len(store.records().votes) == int(acknowledged) + 1
        store.votes.vote("after", "Ada", True)


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "workbench.db"
    with Store(path) as store:
        for number in range(50):
            store.votes.vote(f"c{number}", "Ada", True)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StorageError, match="it is damaged; restore it from a copy"):
        Store(path).records()


def test_a_server_that_does_not_answer() -> None:
    with socket.socket() as bound:  # not listening: refused, and nobody else's
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(
            StorageError, match=rf"birds at 127\.0\.0\.1:{port} cannot be reached .*start its server"
        ) as told:
            Store(f"postgresql+psycopg://ada:{SECRET}@127.0.0.1:{port}/birds")
    assert SECRET not in str(told.value)


def test_a_wrong_password_and_a_database_that_is_not_there(postgres_server: URL) -> None:
    server = postgres_server.set(drivername="postgresql+psycopg")
    with pytest.raises(StorageError, match="cannot be reached .*password authentication failed") as told:
        Store(server.set(password=SECRET).render_as_string(hide_password=False))
    assert SECRET not in str(told.value)
    with pytest.raises(StorageError, match='cannot be reached .*"whynet_none" does not exist.*mend the URL') as told:
        Store(server.set(database="whynet_none").render_as_string(hide_password=False))
    assert str(postgres_server.password) not in str(told.value)


def test_a_setting_that_the_server_does_not_know(postgres_server: URL) -> None:
    url = postgres_server.set(drivername="postgresql+psycopg").update_query_dict({"colour": "black"})
    with pytest.raises(StorageError, match=r'refuses \(invalid .*"colour"'):
        Store(url.render_as_string(hide_password=False))


def test_connections_that_a_server_ended_are_made_anew(postgres_place: str) -> None:
    with Store(postgres_place) as store:
        store.votes.vote("a", "Ada", True)
        url = make_url(postgres_place).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as server:
            ended = server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'whynet'"
            ).fetchall()
        assert ended
        store.votes.vote("a", "Bo", True)
        assert store.votes.tally("a").num_trusted == 2


def test_a_connection_that_was_used_a_moment_ago_is_not_asked_whether_it_lives(
    postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    with Store(postgres_place) as store:
        dialect = type(store._database._engines.ask.dialect)
        ping = dialect.do_ping
        monkeypatch.setattr(dialect, "do_ping", lambda *given: asked.append(1) or ping(*given))
        for _ in range(3):
            store.votes.vote("a", "Ada", True)
        assert not asked
        monkeypatch.setattr("whynet.store.engine._REST_SECONDS", 0)
        store.votes.vote("a", "Bo", True)
        assert len(asked) == 1
        assert store.votes.tally("a").num_trusted == 2


def test_labels_never_hold_a_password(place: str) -> None:
    with Store(place) as store:
        assert repr(store) == f"Store({store.label!r})"
        password = make_url(place).password if "://" in place else None
        assert password is None or str(password) not in repr(store)


@pytest.mark.parametrize("package", ["sqlalchemy", "alembic"])
def test_a_package_that_is_not_installed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "whynet.store")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf'the store needs {package}.*pip install "whynet\[web\]"'):
        import_module("whynet.store")


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match='PostgreSQL needs psycopg.*pip install "whynet'):
        Store("postgresql+psycopg://ada@127.0.0.1/birds")


def test_who_writes_under_a_key_shares_the_lock_of_all_keys_and_has_its_own(postgres_place: str) -> None:
    with Store(postgres_place) as store:
        held = text(
            "SELECT mode, count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND granted AND datname = current_database() GROUP BY mode"
        )
        with store._database.writing("votes", "a", "Ada") as connection:
            assert dict(map(tuple, connection.execute(held))) == {"ShareLock": 1, "ExclusiveLock": 1}
        with store._database.writing() as connection:
            assert dict(map(tuple, connection.execute(held))) == {"ExclusiveLock": 1}


def test_who_writes_all_waits_for_those_who_write_under_a_key_and_they_for_him(postgres_place: str) -> None:
    with Store(postgres_place) as store, ThreadPoolExecutor(1) as pool:
        own: tuple[str, ...] = ("votes", "a")
        for one, other in (((), own), (own, ()), (own, own)):

            def write(key: tuple[str, ...] = other) -> None:
                with store._database.writing(*key):
                    pass

            with store._database.writing(*one):
                waiting = pool.submit(write)
                with pytest.raises(TimeoutError):
                    waiting.result(0.2)
            waiting.result(60)
