import xml.etree.ElementTree as ET

from whynet.workflows.reproduce.tables import dots, markdown, paired_lines, panel, panels


def metric(*values):
    mean = sum(values) / len(values)
    return {"mean": mean, "sd": 0.5, "values": list(values)}


RESULTS = {
    "rows": [
        {"name": "InterpNET(2)", "paper": {"meteor_interpnet": 37.9},
         "metrics": {"meteor_interpnet": metric(40.0, 42.0), "recall": metric(0.25, 0.35)}},
        {"name": "<b>", "condition": "hot", "metrics": {"meteor_interpnet": metric(30.0, 30.0)}},
    ],
    "floors": [{"name": "floor", "metrics": {"recall": metric(0.1, 0.1)}}],
    "tests": [
        {"a": "A", "b": "B", "metric": "recall", "difference": 0.02, "low": -0.01, "high": 0.05, "p_value": 0.2,
         "p_holm": 0.4, "n": 3},
    ],
}  # fmt: skip


def test_a_panel_shows_mean_spread_and_the_papers_figure():
    columns, rows = panel(RESULTS, ("meteor_interpnet", "recall", "rouge_l"))
    assert columns == ["", "METEOR (interpnet)", "Telling attributes named, %"]
    assert rows == [
        ["InterpNET(2)", "41.0 ± 0.5 (37.9)", "30.0 ± 50.0"],
        ["<b>, hot", "30.0 ± 0.5", ""],
        ["floor", "", "10.0 ± 50.0"],
    ]
    titles = [title for title, _, _ in panels(RESULTS)]
    assert titles == [
        "The paper's protocol, with the paper's own figures",
        "Truth, and how well the sentence tells the class",
    ]


def test_a_table_whose_columns_all_stand_in_another_is_left_out():
    shared = {"location_instability": metric(0.1), "constant_centre": metric(0.1)}
    for own, title in (
        ({"part_interpretability": metric(0.5)}, "Does a filter stand for one part?"),
        ({"one_shot_error": metric(0.5)}, "Does a node keep to one part?"),
    ):
        shown = [title for title, _, _ in panels({"rows": [{"name": "a", "metrics": shared | own}]})]
        assert len(shown) == 1
        assert shown[0].startswith(title)


def test_shares_are_tested_in_percent():
    assert paired_lines(RESULTS)[1] == [
        ["A \N{MINUS SIGN} B", "Telling attributes named, %", "3", "+2.0", "-1.0 to +5.0", "0.200", "0.400"]
    ]


def test_a_cell_of_a_table_in_markdown_is_one_line_and_keeps_its_bars():
    assert markdown(["", "rank,\ntop", "|sum|"], [["a", "1", "2"]]).split("\n")[0] == "|  | rank, top | \\|sum\\| |"


def test_markdown():
    assert markdown(["", "x"], [["a", "1"]]) == "|  | x |\n| --- | ---: |\n| a | 1 |"


def test_every_seed_is_a_dot_and_names_are_escaped():
    cold, hot = {**RESULTS["rows"][0], "condition": "cold"}, RESULTS["rows"][1]
    drawing = ET.fromstring(dots({**RESULTS, "rows": [cold, hot]}, "meteor_interpnet"))
    places = [float(dot.get("cx")) for dot in drawing.iter("circle")]
    assert len(places) == 4
    assert places[0] < places[1]
    assert places[2] == places[3] < places[0]
    assert len([path for path in drawing.iter("path") if path.get("class") == "paper"]) == 1
    assert "<b>, hot" in [text.text for text in drawing.iter("text")]


def test_variants_of_plain_rows_are_left_to_the_tables():
    def row(key="accuracy", **more):
        return {"name": "a", "metrics": {key: {"mean": 0.5, "sd": 0.0, "values": [0.5]}}, **more}

    conditions, floors = [row(condition="other"), row(condition="third")], [row()]
    for rows, shown in (([row(), *conditions], 2), (conditions, 2), ([row("fitness"), *conditions], 2)):
        drawing = ET.fromstring(dots({"rows": rows, "floors": floors}, "accuracy"))
        kinds = [circle.get("class") for circle in drawing.iter("circle")]
        assert len(kinds) == shown
        assert ("seed floor" in kinds) == (len(rows) == 3 and rows[0] == row())
