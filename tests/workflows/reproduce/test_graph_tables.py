"""How nodes stand to what they are held against, in sentences."""

from whynet.workflows.reproduce.graph_tables import standing


def results(data="birds", **changes):
    figures = {
        "nodes": {"location_instability": 0.05, "instability_of_few": 0.09, "instability_of_all": 0.1,
                  "one_shot_error": 0.2, "num_hitting": 30.0, "candidates": 400.0, "hits_a_part": 0.075,
                  "parts_hit": 1.6},
        "filters": {"location_instability": 0.1, "instability_of_few": 0.1, "instability_of_all": 0.12,
                    "one_shot_error": 0.1, "num_hitting": 7.0, "candidates": 100.0, "hits_a_part": 0.07,
                    "parts_hit": 1.3},
        "constant centre": {"location_instability": 0.07, "one_shot_error": 0.3},
    }  # fmt: skip
    figures["nodes"] |= changes
    rows = [
        {"name": name, "metrics": {key: {"mean": value} for key, value in own.items()}} for name, own in figures.items()
    ]
    return {"data": data, "rows": rows}


def test_what_is_reached_and_what_is_not():
    lines = list(standing(results()))
    assert lines[:3] == [
        "Location instability: the 10 chosen of 400 nodes wander 0.50 times as far as the 10 chosen of 100 filters; "
        "chosen among as many nodes as there are filters, 0.90 times as far. The target, at most 0.8, is kept by the "
        "first and missed by the second.",
        "Of the diagonal that is 0.050 and, among as many, 0.090, against 0.100 of the filters and 0.070 of the centre "
        "of the picture. Of all, chosen or not: nodes 0.100, filters 0.120.",
        "One-shot localisation: nodes are farther off than filters (0.200 against 0.100 of the diagonal; the centre is "
        "0.300 off).",
    ]
    assert lines[3:] == [
        "30 of 400 nodes (7.5%, on 1.6 different parts) and 7 of 100 filters (7.0%, on 1.3 different parts) hit one "
        "part in more than half of a class's pictures."
    ]
    other = list(standing(results("animal_parts", location_instability=0.08, one_shot_error=0.05)))
    assert "target" not in other[0]
    assert "nearer than filters" in other[2]
