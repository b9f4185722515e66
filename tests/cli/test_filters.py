"""`whynet filters`: a table of the surest filters, the layer as a whole, and JSON."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from whynet.cli.app import app
from whynet.workflows import report
from whynet.workflows.filters import run_filters

FIGURES = {"num_filters": 25.0, "part_interpretability": 0.5, "detectors": 4.0, "unique_detectors": 3.0, "dead": 1.0,
           "classes_with_filters": 0.5}  # fmt: skip


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def asked(monkeypatch):
    """What is asked for; it takes no time."""
    calls = []

    def measured(run, **given):
        calls.append((run, given))
        filters = [
            {"filter": number, "category": number % 2, "part": "head", "part_interpretability": number / 25,
             "location_instability": None, "detects": None}
            for number in range(25)
        ]  # fmt: skip
        return SimpleNamespace(
            measured=SimpleNamespace(layer="relu5", figures=FIGURES, filters=filters), class_names=("[a]", "b"), run=run
        )

    monkeypatch.setattr(run_filters, "filters_of_run", measured)
    monkeypatch.setattr(report, "report_filters", lambda found, *, skip_bad: found.run / "filters.html")
    return calls


def test_the_surest_filters_are_listed_and_all_on_request(asked, tmp_path):
    answer = call("filters", tmp_path, "--layer", "relu5")
    assert answer.exit_code == 0, answer.output
    assert "Filters of relu5" in answer.stdout
    assert "96.0" in answer.stdout
    assert "[a]" in answer.stdout
    assert "and 5 more; --all lists them" in answer.stdout
    assert "50% of the classes own a filter." in answer.stdout
    assert f"Pictures: {tmp_path / 'filters.html'}" in answer.stdout
    assert f"Figures: {tmp_path / 'filters.json'}" in answer.stdout
    assert asked == [(tmp_path, {"layer": "relu5", "skip_bad": False, "allow": None, "device": "auto"})]
    answer = call("filters", tmp_path, "--all")
    assert "more; --all" not in answer.stdout
    assert " 0.0 " in answer.stdout


def test_json_goes_alone_to_standard_output(asked, tmp_path):
    answer = call("filters", tmp_path, "--json", "-")
    result = json.loads(answer.stdout)
    assert result["layer"] == "relu5"
    assert result["figures"] == FIGURES
    assert len(result["filters"]) == 25


def test_a_folder_without_a_run_is_told_in_a_sentence(tmp_path):
    answer = call("filters", tmp_path)
    assert answer.exit_code == 2
    assert answer.output.startswith("error: ")
