"""`whynet study`: what people said, out of one run's store and into another's."""

import json

import pytest
from typer.testing import CliRunner

from whynet.cli.app import app
from whynet.store import Store
from whynet.web.serving import STORE_FILE
from whynet.workflows.run import Run


def call(*arguments):
    return CliRunner().invoke(app, ["study", *(str(argument) for argument in arguments)])


@pytest.fixture
def told(tmp_path):
    """A run of which somebody said something."""
    folder = Run.create(tmp_path / "told", {}).folder
    with Store(folder / STORE_FILE) as store:
        store.names.name("a", "red wing", "Ada")
        store.votes.vote("a", "Bo", True)
        store.answers.answer("parts", "Cy", "a-1", ["wing"])
    return folder


@pytest.mark.parametrize("source", ["tables", "all.json"])
def test_what_was_exported_is_imported_once(source, told, tmp_path):
    exported = call("export", told, "--out", tmp_path / "tables", "--json", tmp_path / "all.json")
    assert exported.exit_code == 0, exported.output
    other = Run.create(tmp_path / "other", {}).folder
    first, second = (call("import", other, tmp_path / source, "--json", "-") for _ in range(2))
    assert json.loads(first.stdout) == {"num_names": 1, "num_votes": 1, "num_answers": 1}
    assert json.loads(second.stdout) == {"num_names": 0, "num_votes": 0, "num_answers": 0}
    with Store(told / STORE_FILE) as old, Store(other / STORE_FILE) as new:
        assert new.records() == old.records()


def test_an_import_says_what_was_added_and_where(told, tmp_path):
    call("export", told, "--out", tmp_path / "tables")
    answer = call("import", told, tmp_path / "tables", "--store", tmp_path / "elsewhere.db")
    assert "1 name, 1 vote and 1 answer added to" in answer.stdout
    assert "elsewhere.db" in answer.stdout.replace("\n", "")


def test_a_single_table_is_told_from_its_folder(told, tmp_path):
    call("export", told, "--out", tmp_path / "tables")
    answer = call("import", told, tmp_path / "tables" / "votes.csv")
    assert answer.exit_code == 2
    assert "name its folder" in " ".join(answer.output.split())


def test_nothing_to_import_is_told(told, tmp_path):
    answer = call("import", told, tmp_path / "nowhere")
    assert answer.exit_code == 2
    assert "nowhere" in answer.output.replace("\n", "")


def test_a_network_of_ones_own_is_named_again_before_anything_is_served(tmp_path):
    run = Run.create(tmp_path / "own", {})
    run.write("classifier/subject.json", {"network": "nets:build", "class_names": ["a"], "preprocessing": None})
    run.complete("classifier", 0.0)
    answer = CliRunner().invoke(app, ["serve", str(run.folder), "--port", "0"])
    assert answer.exit_code == 2
    assert "to let that code run, name it again: --subject nets:build" in " ".join(answer.output.split())
    assert not (run.folder / STORE_FILE).exists()
