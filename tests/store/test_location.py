import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whynet.base.errors import SettingError, StorageError
from whynet.store.location import find_location

SECRET = "s3cr3t"


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "sqlite+pysqlite:///{}"])
def test_a_file_by_its_path_or_url(form: str, tmp_path: Path) -> None:
    place = find_location(form.format(tmp_path / "a %?#.db" if form == "{}" else tmp_path / "a.db"))
    assert place.path is not None
    assert place.path.parent == tmp_path
    assert place.url.database == str(place.path)
    assert place.label == f"the store {place.path}"


def test_a_path_is_made_absolute_and_never_means_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_location(":memory:").url.database == str(tmp_path / ":memory:")
    assert find_location(Path("sqlite.db")).path == tmp_path / "sqlite.db"


def test_a_server_by_its_url() -> None:
    place = find_location(f"postgresql+psycopg://ada:{SECRET}%40@db.example:5433/birds?sslmode=require")
    assert place.path is None
    assert place.label == "the PostgreSQL database birds at db.example:5433"
    assert place.url.password == f"{SECRET}@"
    assert SECRET not in repr(place)
    assert place.without_secrets(f"no {SECRET}@ here") == "no *** here"
    assert find_location("postgresql:///birds").url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "this one has no name"),
        ("a\0b", "this one has no name"),
        (f"mysql://ada:{SECRET}@host/birds", "this URL is of the scheme mysql; choose one of the two"),
        (f"postgresql+psycopg2://ada:{SECRET}@host/birds", "of the scheme postgresql[+]psycopg2"),
        (f"{SECRET}@host://x", "of no known scheme"),
        ("://", "of no known scheme"),
        (f"postgresql+psycopg://ada:{SECRET}@host", "names no database"),
        (f"postgresql+psycopg://ada:{SECRET}@host/", "names no database"),
        (f"postgresql+psycopg://ada:x@{SECRET}@host/birds", "this URL cannot be read; write special characters"),
        (f"postgresql+psycopg://ada:x@y:{SECRET}/z", "this URL cannot be read"),
        ("sqlite://", "an SQLite store is a file"),
        ("sqlite:///:memory:", "an SQLite store is a file"),
        ("sqlite:///a.db?mode=memory&uri=true", "an SQLite store is a file"),
    ],
)
def test_places_that_are_refused_without_telling_passwords(url: str, reason: str) -> None:
    with pytest.raises(SettingError, match=reason) as caught:
        find_location(url)
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_files_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"there is no folder .*none; create the folder first"):
        find_location(tmp_path / "none" / "workbench.db")
    with pytest.raises(StorageError, match="it is not a file; choose the name of a file"):
        find_location(tmp_path)
    with pytest.raises(StorageError, match="File name too long.*; choose another path"):
        find_location(tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="it is not a file"):
        find_location(tmp_path / "pipe")


def test_a_read_only_folder_and_a_read_only_file(
    strangers_folder: Path, in_processes: Callable[..., list[Any]]
) -> None:
    path = strangers_folder / "workbench.db"
    path.touch()
    path.chmod(0o444)
    strangers_folder.chmod(0o555)
    (told,) = in_processes(find_location, [(path,)], as_nobody=True)
    assert told.endswith("its folder is read-only; choose a folder that you may write to")
    strangers_folder.chmod(0o777)
    (told,) = in_processes(find_location, [(path,)], as_nobody=True)
    assert told.endswith("it may not be read and written; change its permissions")
    strangers_folder.chmod(0o700)
    (told,) = in_processes(find_location, [(path,)], as_nobody=True)
    assert told.startswith("StorageError: ") or os.geteuid() != 0
