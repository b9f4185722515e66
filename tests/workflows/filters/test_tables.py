"""What is told of filters on the terminal."""

from whynet.workflows.filters.tables import filter_lines, summary_lines


def own(number, score, *, category=0, part="head", wanders=0.05, detects=None):
    return {"filter": number, "category": category, "part": part, "part_interpretability": score,
            "location_instability": wanders, "detects": detects}  # fmt: skip


def test_the_surest_filters_come_first_and_what_is_not_known_is_left_blank():
    columns, rows = filter_lines(
        [own(0, None, category=-1, part=None, wanders=None), own(1, 0.25), own(2, 0.5, category=1, detects="tail"),
         own(3, 0.25)],
        ("tern", "[wren]"),
    )  # fmt: skip
    assert len(columns) == 6
    assert rows == [
        ["2", "[wren]", "head", "50.0", "5.0", "tail"],
        ["1", "tern", "head", "25.0", "5.0", ""],
        ["3", "tern", "head", "25.0", "5.0", ""],
        ["0", "", "", "", "", ""],
    ]


def test_figures_stand_beside_what_they_are_compared_with():
    figures = {"num_filters": 12.0, "part_interpretability": 0.5, "location_instability": 0.07, "constant_centre": 0.09,
               "detectors": 4.0, "unique_detectors": 3.0, "dead": 1.0, "classes_with_filters": 0.9}  # fmt: skip
    assert list(summary_lines(figures)) == [
        "Part interpretability 0.50: how surely a filter goes with one part.",
        "Location instability 0.070 of the picture's diagonal; "
        "the centre of the picture, which never moves, has 0.090.",
        "4 of 12 filters detect a part, 3 different ones; 1 are dead.",
        "90% of the classes own a filter.",
    ]
    for key in ("part_interpretability", "location_instability"):
        del figures[key]
    assert len(list(summary_lines(figures))) == 2
