"""How nodes stand to what they are held against, in sentences."""

from whynet.workflows.reproduce.graph_tables import standing


def results(data="birds", **changes):
    figures = {
        "nodes": {"location_instability": 0.05, "instability_of_few": 0.06, "instability_of_all": 0.1,
                  "one_shot_error": 0.2, "num_hitting": 30.0, "candidates": 400.0},
        "filters": {"location_instability": 0.1, "instability_of_few": 0.1, "instability_of_all": 0.12,
                    "one_shot_error": 0.1, "num_hitting": 7.0, "candidates": 100.0},
        "constant centre": {"location_instability": 0.07, "one_shot_error": 0.3},
    }  # fmt: skip
    figures["nodes"] |= changes
    rows = [
        {"name": name, "metrics": {key: {"mean": value} for key, value in own.items()}} for name, own in figures.items()
    ]
    return {"data": data, "rows": rows}


def test_what_is_reached_and_what_is_not():
    lines = list(standing(results()))
    assert lines == [
        "Location instability: the chosen nodes wander 0.50 times as far as the chosen filters (target: at most 0.8), "
        "and less than the centre of the picture (0.050 against 0.070).",
        "Chosen among as many nodes as there are filters: 0.060, 0.60 times the filters'. Of all, chosen or not: nodes "
        "0.100, filters 0.120.",
        "One-shot localisation: nodes are farther off than filters (0.200 against 0.100 of the diagonal; the centre is "
        "0.300 off).",
        "30 of 400 nodes and 7 of 100 filters hit one part in more than half of a class's pictures.",
    ]
    other = list(standing(results("animal_parts", location_instability=0.08, one_shot_error=0.05)))
    assert "target" not in other[0]
    assert "not less than the centre of the picture (0.080 against 0.070)" in other[0]
    assert "nearer than filters" in other[2]
