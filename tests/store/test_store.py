import json
from pathlib import Path

import pytest

from whynet.base.errors import StorageError
from whynet.store import Added, Records, Store


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with something of each kind, and a history of each."""
    for name in ("=cmd|' /C calc'!A0", "<script>", "رأس", None):
        store.names.name("tern/3", name, "Ada, \"the\" 'first'")
    store.names.undo("tern/3", "@Bo")
    for trusted in (True, None, False):
        store.votes.vote("-tern/3", "+Cy", trusted)
    store.answers.answer("study", "Ada", "=item", ("=head", "'tail", "☃"))
    store.answers.answer("study", "Ada", "=item", ())
    return store


@pytest.mark.parametrize("form", ["json", "csv"])
def test_an_export_is_taken_in_exactly_and_only_once(
    form: str, filled: Store, other_store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "made" / "folder" if form == "csv" else tmp_path / "export.json"
    export, take_in = (
        (filled.export_csv, other_store.import_csv) if form == "csv" else (filled.export_json, other_store.import_json)
    )
    export(path)
    assert take_in(path) == Added(num_names=5, num_votes=3, num_answers=2)
    assert other_store.records() == filled.records()
    assert take_in(path) == Added(num_names=0, num_votes=0, num_answers=0)
    assert other_store.records() == filled.records()
    assert other_store.names.current() == filled.names.current()
    assert other_store.votes.tallies("+Cy") == filled.votes.tallies("+Cy")
    assert other_store.answers.current("study") == filled.answers.current("study")
    # And it may come home.
    if form == "json":
        assert filled.import_json(path) == Added(num_names=0, num_votes=0, num_answers=0)


def test_an_export_in_json_can_be_read_by_people(filled: Store, tmp_path: Path) -> None:
    filled.export_json(tmp_path / "export.json")
    text = (tmp_path / "export.json").read_text(encoding="utf-8")
    assert "رأس" in text
    value = json.loads(text)
    assert [naming["name"] for naming in value["names"]] == ["=cmd|' /C calc'!A0", "<script>", "رأس", None, "رأس"]
    assert value["answers"][1]["parts"] == []


def test_a_bad_row_is_told_by_its_number_and_keeps_all_rows_out(
    filled: Store, other_store: Store, tmp_path: Path
) -> None:
    filled.export_json(tmp_path / "export.json")
    value = json.loads((tmp_path / "export.json").read_text())
    value["votes"][2]["voter"] = ""
    (tmp_path / "export.json").write_text(json.dumps(value))
    with pytest.raises(StorageError, match=r"export\.json, votes, row 3: a voter has 1 to 80 characters"):
        other_store.import_json(tmp_path / "export.json")

    filled.export_csv(tmp_path)
    text = (tmp_path / "answers.csv").read_text(encoding="utf-8")
    (tmp_path / "answers.csv").write_text(text.replace('"study"', '"st udy"').replace('"st udy"', '"study"', 2))
    with pytest.raises(StorageError, match=r"answers\.csv, row 3: the id of a study is .* but it is 'st udy'"):
        other_store.import_csv(tmp_path)
    filled.export_csv(tmp_path)
    lines = (tmp_path / "names.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "names.csv").write_text("\n".join([lines[0], *lines[2:]]), encoding="utf-8")
    with pytest.raises(StorageError, match=r"names\.csv, row 2: the naming .* is in neither the file nor the store"):
        other_store.import_csv(tmp_path)
    assert other_store.records() == Records()


def test_some_of_the_csv_files_and_a_byte_order_mark(filled: Store, other_store: Store, tmp_path: Path) -> None:
    filled.export_csv(tmp_path)
    for kind in ("names", "answers"):
        (tmp_path / f"{kind}.csv").unlink()
    votes = tmp_path / "votes.csv"
    votes.write_bytes(b"\xef\xbb\xbf" + votes.read_bytes())
    assert other_store.import_csv(tmp_path) == Added(num_names=0, num_votes=3, num_answers=0)


def test_files_that_cannot_be_read(other_store: Store, tmp_path: Path) -> None:
    with pytest.raises(
        StorageError, match=r"expected the export of a store at .*none\.json, but there is no such file"
    ):
        other_store.import_json(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"format": "whynet store"')
    with pytest.raises(StorageError, match="is not valid JSON"):
        other_store.import_json(tmp_path / "half.json")
    with pytest.raises(StorageError, match=r"expected at least one of names\.csv, votes\.csv, answers\.csv in"):
        other_store.import_csv(tmp_path)
    (tmp_path / "votes.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(StorageError, match=r"votes\.csv is not in UTF-8"):
        other_store.import_csv(tmp_path)
    (tmp_path / "votes.csv").unlink()
    (tmp_path / "votes.csv").mkdir()
    with pytest.raises(StorageError, match=r"votes\.csv cannot be read \(Is a directory\)"):
        other_store.import_csv(tmp_path)


def test_an_export_that_cannot_be_written(other_store: Store, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="create the folder first"):
        other_store.export_json(tmp_path / "none" / "export.json")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file cannot be made .*; choose another folder"):
        other_store.export_csv(tmp_path / "file")
    (tmp_path / "votes.csv").mkdir()
    with pytest.raises(StorageError, match=r"votes\.csv cannot be written"):
        other_store.export_csv(tmp_path)
