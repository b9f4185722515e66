"""`whynet graph`: what it asks for, what it shows, and JSON."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from whynet.cli.app import app
from whynet.structures.graph_settings import GraphSettings
from whynet.workflows import report
from whynet.workflows.graph import finding
from whynet.workflows.graph.request import GraphRequest, PlaceSettings

ROWS = {
    "nodes": {"location_instability": 0.05, "candidates": 40.0},
    "filters": {"location_instability": 0.08, "candidates": 10.0},
    "constant centre": {"location_instability": 0.06},
}


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def asked(monkeypatch):
    """What is asked for; it takes no time."""
    calls = []

    def found(run, request, **given):
        calls.append((run, request, given))
        graphs = [
            SimpleNamespace(class_name="[a]", layers=("low", "top"), graph=SimpleNamespace(num_nodes=40),
                            pictures={"train": 3, "test": 2}, rows=rows)
            for rows in (ROWS, {})
        ]  # fmt: skip
        return SimpleNamespace(run=run, graphs=graphs if request.where.classes == "all" else graphs[1:])

    monkeypatch.setattr(finding, "graphs_of_run", found)
    monkeypatch.setattr(report, "report_graphs", lambda found, *, skip_bad: found.run / "graph.html")
    return calls


def test_settings_and_figures(asked, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    answer = call("graph", tmp_path, "--layers", "low,top", "--nodes-per-filter", "40,20", "--parents", 5)
    assert answer.exit_code == 0, answer.output
    ((run, request, given),) = asked
    settings = GraphSettings(nodes_per_filter=(40, 20), parents=5)
    assert request == GraphRequest(where=PlaceSettings(layers="low,top"), graph=settings)
    assert (run, given) == (tmp_path, {"skip_bad": False, "allow": None, "device": "auto"})
    for text in (
        "80 nodes in 2 classes, of low, top", "0.050", "node", "The steadiest of 40 nodes wander by 0.050",
        f"Pictures: {tmp_path / 'graph.html'}", f"Graphs:   {tmp_path / 'graph'}",
    ):  # fmt: skip
        assert text in answer.stdout, text


def test_what_was_not_measured_is_said(asked, tmp_path):
    answer = call("graph", tmp_path, "--classes", "1")
    assert "40 nodes in 1 class" in answer.stdout
    assert "Nothing was measured: the test pictures have no parts that are known." in answer.stdout
    assert asked[0][1].graph == GraphSettings()


def test_json_goes_alone_to_standard_output(asked, tmp_path):
    result = json.loads(call("graph", tmp_path, "--json", "-").stdout)
    assert result["page"] == str(tmp_path / "graph.html")
    assert result["classes"][0] == {
        "class": "[a]", "layers": ["low", "top"], "nodes": 40, "pictures": {"train": 3, "test": 2}, "rows": ROWS,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nodes-per-filter", "many"], "one whole number, or one a layer with commas, such as 40,20, was expected"),
        (["--nodes-per-filter", "0"], "at least 1 node a filter was expected, not 0"),
        (["--parents", "0"], "at least 1 parent"),
        ([], "holds no run.json"),
    ],
)
def test_errors_are_one_sentence_and_exit_2(arguments, message, tmp_path):
    answer = call("graph", tmp_path, *arguments)
    assert answer.exit_code == 2
    assert answer.output.startswith("error: ")
    assert message in answer.output.replace("\n", " ")


def test_help_names_every_option():
    answer = call("graph", "--help")
    assert answer.exit_code == 0
    for option in ("--layers", "--classes", "--nodes-per-filter", "--parents", "--iterations", "--noise", "--seed"):
        assert option in answer.stdout
    assert "graphs are fitted on the CPU" in " ".join(answer.stdout.replace("│", " ").split())
