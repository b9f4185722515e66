"""The tables show the figures by their keys, beside their floors, and leave out what is absent."""

import pytest

from whynet.workflows.check_table import panels, remarks


@pytest.fixture
def results():
    likeness = {"layer": "output", "rank_correlation": 0.125, "ssim": None, "blank": 0}
    saliency = {
        "randomisation": {"top_layer": likeness, "all_layers": {**likeness, "ssim": 0.5, "blank": 7}},
        "shift": {"relative_change": 0.0, "worst": 0.00031, "rank_correlation": 1.0},
        "pointing": {"box": {"accuracy": 0.75}},
        "deletion": {"area": 0.1, "random": 0.2},
        "insertion": {"area": 0.8, "random": 0.7},
        "blank": 0,
        "notes": ["it rains"],
        "missing": {},
    }
    conserved = {
        "blank": 1,
        "notes": ["it rains"],
        "missing": {"shift": "no first layer", "pointing": "no maps"},
        "conservation": [
            {"layer": "a", "error": 0.25, "worst_sum": 0.75, "worst_image": 0},
            {"layer": "b", "error": None, "worst_sum": None, "worst_image": None},
        ],
    }
    return {
        "num_images": 25,
        "pictures": [f"{index}.png" for index in range(25)],
        "methods": {
            "saliency": saliency,
            "excitation_backprop": conserved,
            "grad_cam": {"missing": {"maps": "name a layer"}},
        },
        "floors": {
            "pointing": {"box": {"chance": 0.25, "centre": 0.5, "n": 25}},
            "deletion": {"centre": 0.3},
            "insertion": {"centre": 0.6},
        },
    }


def test_each_question_has_its_table_and_how_to_read_it(results):
    found = panels(results)
    assert [panel.rows for panel in found] == [
        [["saliency", "0.12", "0.12", "", "0.50"]],
        [["saliency", "0.00", "3.1e-04", "1.00"]],
        [["a", "0.25", "0.7500", "0.png"], ["b", "", "", ""]],
        [["saliency", "75%"], ["a random point", "25%"], ["the centre point", "50%"]],
        [["saliency", "0.10", "0.20", "0.80", "0.70"], ["from the centre outwards", "0.30", "", "0.60", ""]],
    ]
    for panel in found:
        assert panel.title.endswith("?")
        assert "good" in panel.reading or "better" in panel.reading
        assert all(len(row) == len(panel.columns) for row in panel.rows)
        assert len(panel.title) <= 80


def test_what_is_absent_is_told_with_its_reason(results):
    assert remarks(results) == [
        "saliency, excitation_backprop warns: it rains.",
        "saliency is the same everywhere for 7 of 25 pictures with all layers drawn anew; they are left out.",
        "excitation_backprop has no shift: no first layer.",
        "excitation_backprop has no pointing: no maps.",
        "excitation_backprop gives a map of nothing but 0 for 1 of 25 pictures.",
        "grad_cam has no maps: name a layer.",
        "A share of 25 pictures has a standard error of up to 10 points.",
    ]


def test_without_figures_there_are_no_tables(results):
    results["methods"] = {"grad_cam": {"missing": {"maps": "name a layer"}}}
    assert panels(results) == []
