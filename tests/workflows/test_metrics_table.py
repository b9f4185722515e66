import pytest

from whynet.workflows.metrics_table import (
    COLUMNS,
    flat_figures,
    grounding_lines,
    honesty_lines,
    metrics_rows,
    tiles,
)

METRICS = {
    "accuracy": 0.5,
    "num_images": 4,
    "language": {"coco": {"meteor": 30.0}},
    "attributes": {"recall": 0.25},
    "floors": {
        "random_same_class": {"language": {"coco": {"meteor": 20.0}}, "attributes": {"recall": 0.125}},
        "most_frequent": {"language": {"coco": {"meteor": 10.0}}},
    },
}


def test_the_run_stands_beside_its_floors():
    assert metrics_rows(METRICS) == (
        COLUMNS,
        [["METEOR (coco)", "30.0", "20.0", "10.0"], ["Telling attributes named", "25.0%", "12.5%", ""]],
    )
    assert [(tile.name, tile.figure, tile.beside) for tile in tiles(METRICS)] == [
        ("Test accuracy", "50.0%", "4 pictures"),
        ("Telling attributes named", "25.0%", "12.5% by a random caption of the class"),
        ("METEOR", "30.0", "20.0 by a random caption of the class"),
    ]


def test_a_floor_may_be_missing():
    lacking = {**METRICS, "floors": {"most_frequent": METRICS["floors"]["most_frequent"]}}
    assert metrics_rows(lacking)[1][0] == ["METEOR (coco)", "30.0", "", "10.0"]
    assert tiles(lacking)[2].beside == "no random caption of the class"
    assert all(len(row) == len(COLUMNS) for row in metrics_rows({**METRICS, "floors": {}})[1])


def test_a_run_without_sentences_has_its_accuracy():
    plain = {"accuracy": 1.0, "num_images": 2}
    assert metrics_rows(plain) == (COLUMNS, [])
    assert [tile.figure for tile in tiles(plain)] == ["100.0%"]


HONEST = {
    **METRICS,
    "class_relevance": {"similarity": 120.0, "rank": 2.0},
    "diversity": {"distinct": 0.5, "copied": 0.25},
    "calibration": {"words": {"ece": 0.031}, "claims": 0.05},
    "true_class": {"num_images": 7, "changed": 0.4},
    "grounding": {
        "named_part": {"share": 0.28, "n": 90, "low": 0.25, "high": 0.31},
        "other_part": {"share": 0.11, "n": 90, "low": 0.09, "high": 0.13},
    },
}


def test_honesty_in_words():
    assert grounding_lines(HONEST) == [
        "Of 90 words that name a part truly, 28% fall by a tenth when that part is changed (25% to 31%), 11% when "
        "another is (9% to 13%)."
    ]
    assert honesty_lines(HONEST) == [
        "Word probabilities miss by 3.1 points on people's captions; taken for the chance that a claim is true they "
        "miss by 5.0, since other true words compete with each.",
        "On the 7 pictures that the network gets wrong, explaining the true class instead of the predicted one changes "
        "40% of the sentences.",
    ]
    assert grounding_lines({**HONEST, "grounding": {"layers": {}}}) == grounding_lines(METRICS) == []
    assert honesty_lines({**HONEST, "true_class": None, "calibration": {"words": {"ece": 0.031}, "claims": None}}) == [
        "Word probabilities miss by 3.1 points on people's captions."
    ]


def test_results_files_take_their_figures_from_here():
    figures = flat_figures(HONEST)
    assert figures == {
        "accuracy": 0.5, "meteor_coco": 30.0, "class_similarity": 120.0, "class_rank": 2.0, "recall": 0.25,
        "distinct": 0.5, "copied": 0.25, "ece_words": pytest.approx(0.031), "ece_claims": 0.05,
        "grounded_named_part": 0.28, "grounded_other_part": 0.11,
    }  # fmt: skip
    assert flat_figures(HONEST["floors"]["most_frequent"]) == {"meteor_coco": 10.0}
