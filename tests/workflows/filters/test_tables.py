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


def test_what_flatters_and_what_counted_for_nothing_are_told():
    figures = {"num_filters": 12.0, "part_interpretability": 0.5, "location_instability": 0.07, "constant_centre": 0.09,
               "assigned_instability": 0.11, "assigned_constant_centre": 0.1, "detectors": 4.0, "unique_detectors": 3.0,
               "dead": 1.0, "silent": 0.4, "without_part": 2.0, "without_instability": 0.0,
               "classes_with_filters": 0.9, "trained_category": 0.75}  # fmt: skip
    lines = list(summary_lines(figures))
    assert lines[2:4] == [
        "That is in each filter's steadiest class; in the one it fires for most it wanders by 0.110, the centre by "
        "0.100.",
        "2 of 12 filters have no part interpretability: too few pictures, or dead.",
    ]
    assert lines[5] == "A filter is silent in 40% of the pictures, which say nothing of where it looks."
    assert lines[-1] == "75% of the filters fire most for the class that training gave them."
