"""`whynet probe`: a row for each kind of change, and JSON."""

import json

import pytest
from typer.testing import CliRunner

from whynet.cli.app import app
from whynet.workflows import probe as probe_module

RESULT = {
    "levels": 3.0, "steps": 5, "seed": 1, "pictures": 7, "accuracy": 0.5,
    "rows": [{"name": "noise", "class": 0.0, "logit": 0.1}, {"name": "PGD", "class": 0.5, "logit": 2.0, "tree": 0.25}],
}  # fmt: skip


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def asked(monkeypatch):
    """What is asked for; it takes no time."""
    calls = []

    def probed(run, **given):
        calls.append((run, given))
        return RESULT

    monkeypatch.setattr(probe_module, "probe_run", probed)
    return calls


def test_changes_are_listed(asked, tmp_path):
    answer = call("probe", tmp_path, "--levels", "3", "--steps", "5", "--pictures", "7", "--seed", "1")
    assert answer.exit_code == 0, answer.output
    assert "7 test pictures, each value changed by 3 of 255 levels" in answer.stdout
    assert "50.0" in answer.stdout
    assert "25.0" in answer.stdout
    given = {"levels": 3.0, "steps": 5, "pictures": 7, "seed": 1, "skip_bad": False, "device": "auto", "allow": None}
    assert asked == [(tmp_path, given)]


def test_json_goes_alone_to_standard_output(asked, tmp_path):
    assert json.loads(call("probe", tmp_path, "--json", "-").stdout) == RESULT
