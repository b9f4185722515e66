"""Figures in lines and sentences, each beside what it is to be compared with."""

import json

import pytest

from whynet.base.errors import RunError
from whynet.workflows.graph.figures import FORMAT
from whynet.workflows.graph.tables import figure_lines, mean_rows, run_summary, summary_lines
from whynet.workflows.run import Run

ROWS = {
    "nodes": {
        "location_instability": 0.05, "instability_of_few": 0.065, "num_hitting": 3.0, "candidates": 40.0,
        "one_shot_error": 0.1, "hits_a_part": 0.075, "parts_hit": 1.5,
    },
    "filters": {
        "location_instability": 0.07, "num_hitting": 1.0, "candidates": 10.0, "one_shot_error": 0.2,
        "hits_a_part": 0.1, "parts_hit": 1.0,
    },
    "constant centre": {"location_instability": 0.06, "candidates": 1.0},
}  # fmt: skip
FIGURES = {
    "format": FORMAT, "class_index": 0, "class": "a", "pictures": {"train": 2, "test": 2}, "data": "12",
    "chosen": [0], "surest": [0], "nodes": {"told": [0.5]}, "settings": {},
}  # fmt: skip


def test_lines_leave_out_what_nobody_has():
    columns, lines = figure_lines(ROWS)
    assert columns == [
        "", "wander by", "chosen among as many", "one-shot error", "hit one part", "how many", "different parts",
        "candidates",
    ]  # fmt: skip
    assert lines[0] == ["nodes", "0.050", "0.065", "0.100", "7.5%", "3", "1.5", "40"]
    assert lines[2] == ["constant centre", "0.060", "", "", "", "", "", "1"]


def test_means_are_over_the_classes_that_have_a_figure():
    other = {"nodes": {"location_instability": 0.15}, "filters": {}}
    found = mean_rows([ROWS, other])
    assert found["nodes"]["location_instability"] == pytest.approx(0.1)
    assert found["nodes"]["candidates"] == 40
    assert found["filters"] == ROWS["filters"]
    assert mean_rows([]) == {}


def test_sentences():
    lines = list(summary_lines(ROWS))
    assert lines[0] == (
        "The steadiest of 40 nodes wander by 0.050 of the picture's diagonal, the steadiest of 10 filters by 0.070; "
        "chosen among as many nodes as filters, nodes wander by 0.065; the centre of the picture, which never moves, "
        "has 0.060."
    )
    assert lines[1] == (
        "3 of 40 nodes (7.5%, on 1.5 different parts) and 1 of 10 filters (10.0%, on 1.0 different part) hit one part "
        "in more than half of a class's pictures."
    )
    assert lines[2].endswith("0.100 of the diagonal, filters to 0.200.")
    assert list(summary_lines({})) == []
    wander = {kind: {"location_instability": 0.1} for kind in ("nodes", "filters")}
    assert list(summary_lines(wander)) == [
        "The steadiest nodes wander by 0.100 of the picture's diagonal, the steadiest filters by 0.100."
    ]


def test_the_summary_of_a_run(tmp_path):
    run = Run.create(tmp_path / "run", {})
    assert run_summary(run) == []
    for name, rows in (("0000-a", ROWS), ("0001-b", {})):
        folder = run.folder / "graph" / name
        folder.mkdir(parents=True)
        (folder / "figures.json").write_text(json.dumps(FIGURES | {"class_index": int(name[:4]), "rows": rows}))
    assert run_summary(run) == ["2 classes have explanatory graphs.", *summary_lines(ROWS)]
    for damaged in ("[]", json.dumps(FIGURES | {"rows": {"nodes": 1}})):
        (folder / "figures.json").write_text(damaged)
        with pytest.raises(RunError, match=r"does not describe a graph \(.*\); fit it anew with `whynet graph`"):
            run_summary(run)
