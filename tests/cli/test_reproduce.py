import json

import pytest
from typer.testing import CliRunner

from whynet.cli.app import app


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def metric(*values):
    return {"mean": sum(values) / len(values), "sd": 0.5, "values": list(values), "sd_classes": 0.1}


RESULTS = {
    "rows": [
        {"name": "SRAE", "paper": {"o1": 0.6141}, "metrics": {"o1": metric(0.5, 0.7), "f_cls": metric(0.9, 0.94)}},
        {"name": "NN", "paper": {"o1": 0.8851}, "metrics": {"o1": metric(0.8, 1.0)}},
    ],
    "lasso": [[{"at_most": 8.0, "num_entries": 7.0, "f_reg_train": 1.0, "f_reg": 2.0, "f_cls": 0.5}]],
    "tests": [
        {"a": "SRAE", "b": "NN", "metric": "o1", "difference": -0.3, "low": -0.4, "high": -0.2, "p_value": 0.01,
         "p_holm": 0.02, "n": 10},
    ],
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """What the study is asked for; it takes no time."""
    calls = []

    def reproduce_srae(*, say, **given):
        calls.append(given)
        say("1 of 1: seed 0")
        return RESULTS

    monkeypatch.setattr("whynet.workflows.reproduce.reproduce_srae", reproduce_srae)
    return calls


def test_srae_shows_tables_tests_and_orderings(asked, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    answer = call("reproduce", "srae", "--data", "cub", "--root", "CUB", "--classes", 4, "--seeds", 2, "--out", "x")
    assert answer.exit_code == 0, answer.output
    (given,) = asked
    assert {**given, "out": str(given["out"])} == {
        "data": "cub", "root": "CUB", "classes": 4, "seeds": 2, "out": "x", "device": "auto",
    }  # fmt: skip
    for text in (
        "1 of 1: seed 0", "0.60 ± 0.50 (0.61)", "92.0 ± 50.0", "Lasso with more entries of Z", "2.00 (3.70)",
        "Paired over classes and seeds", "-0.30", "-0.40 to -0.20", "0.020",
        "O1 (lower is better): SRAE stands to NN as in the paper.",
    ):  # fmt: skip
        assert text in answer.stdout, text


def test_json_goes_alone_to_standard_output(asked):
    answer = call("reproduce", "srae", "--json", "-")
    assert json.loads(answer.stdout) == RESULTS
    assert "SRAE stands to NN" in answer.stderr


def test_help_names_every_option():
    answer = call("reproduce", "srae", "--help")
    assert answer.exit_code == 0
    for option in ("--data", "--root", "--classes", "--seeds", "--out", "--device", "--json", "Example"):
        assert option in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "folder"], "error: this study is laid out for birds, cub, animal_parts, not for 'folder'"),
        (["--data", "cub"], "error: data 'cub' need a folder; add --root FOLDER"),
        (["--classes", "0"], "error: at least one seed and one class were expected, not 5 and 0"),
    ],
)
def test_errors_are_one_sentence_and_exit_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("reproduce", "srae", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert isinstance(answer.exception, SystemExit)
    assert list(tmp_path.iterdir()) == []


def test_graph_shows_the_table_tests_and_how_nodes_stand(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    figures = {
        "nodes": (0.05, 0.2), "filters": (0.1, 0.1), "node priors": (0.08, 0.3), "constant centre": (0.07, 0.25),
    }  # fmt: skip
    rows = [
        {"name": name, "metrics": {"location_instability": metric(wanders), "instability_of_few": metric(wanders),
                                   "instability_of_all": metric(wanders), "one_shot_error": metric(error),
                                   "candidates": metric(90.0)}}
        for name, (wanders, error) in figures.items()
    ]  # fmt: skip
    calls = []

    def reproduce_graph(*, say, **given):
        calls.append(given)
        return {"data": "birds", "rows": rows, "tests": []}

    monkeypatch.setattr("whynet.workflows.reproduce.reproduce_graph", reproduce_graph)
    answer = call("reproduce", "graph", "--classes", 4, "--network", "vgg16")
    assert answer.exit_code == 0, answer.output
    assert calls == [
        {"data": "birds", "root": None, "network": "vgg16", "classes": 4, "seeds": 3, "out": None, "device": "auto"}
    ]
    for text in ("Does a node keep to one part?", "node priors", "wander 0.50 times"):
        assert text in answer.stdout, text


def test_no_network_is_not_all_networks():
    answer = call("reproduce", "icnn", "--networks", " , ")
    assert answer.exit_code == 2
    assert "names none" in " ".join(answer.output.split())
