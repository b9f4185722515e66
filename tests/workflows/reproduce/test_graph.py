"""Explanatory graphs against filters: what cannot be studied, and a whole tiny study."""

import json
from pathlib import Path

import pytest
import scipy.stats

from whynet.base.errors import SettingError
from whynet.data.birds import dataset
from whynet.structures.explanatory_graph import GraphSettings
from whynet.workflows.reproduce import graph as study_module
from whynet.workflows.reproduce import reproduce_graph
from whynet.workflows.reproduce.graph import TESTED, paired_over_seeds
from whynet.workflows.reproduce.graph_tables import standing
from whynet.workflows.reproduce.icnn_plan import ICNNScale, NetworkPlan
from whynet.workflows.reproduce.tables import paired_lines, panels

TINY = ICNNScale(
    networks={"alexnet": NetworkPlan(width=0.05, seeds=2, epochs=2, more_epochs=1)},
    data={"num_species": 3, "image_size": 64, "roll": 45.0}, classifier={"batch_size": 8},
)  # fmt: skip
QUICK = GraphSettings(iterations=2)
RESULTS = Path(__file__).parents[3] / "results" / "graph-birds.json"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "cub"}, "laid out for birds and animal_parts, not for 'cub'"),
        ({"seeds": 0}, "at least one seed and one class were expected, not 0 and 10"),
        ({"classes": 0}, "not 3 and 0"),
        ({"network": "convnet"}, "network 'convnet' is none of this study's; choose one of small_convnet, alexnet"),
        ({"data": "animal_parts"}, "data 'animal_parts' need a folder"),
    ],
)
def test_what_cannot_be_studied(arguments, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        reproduce_graph(**arguments, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def metric(values, n=4):
    known = [value for value in values if value is not None]
    return {"mean": sum(known) / len(known), "values": values, "n": n}


def rows_of(**by_row):
    """Rows of a results file; an underscore stands for a space."""
    return [{"name": name.replace("_", " "), "metrics": metrics} for name, metrics in by_row.items()]


def test_pairs_are_seeds():
    nodes, filters, centre = [0.50, 0.52, 0.49], [0.70, 0.75, 0.68], [0.66, 0.67, 0.69]
    found = paired_over_seeds(
        rows_of(
            nodes={"location_instability": metric(nodes), "one_shot_error": metric([0.1, None, 0.2])},
            filters={"location_instability": metric(filters), "one_shot_error": metric([0.1, 0.2, None])},
            node_priors={"location_instability": metric(centre, n=3)},
            constant_centre={"location_instability": metric(centre)},
        )
    )
    assert [(test["b"], test["metric"], test["n"]) for test in found] == [
        ("filters", "location_instability", 3), ("constant centre", "location_instability", 3),
    ], "neither of a single pair, nor of means over other classes"  # fmt: skip
    for test, other in zip(found, (filters, centre), strict=True):
        assert test["p_value"] == pytest.approx(scipy.stats.ttest_rel(nodes, other).pvalue)
    assert found[0]["p_holm"] == pytest.approx(2 * min(test["p_value"] for test in found))


def test_the_results_file_holds_the_tests_of_its_own_values():
    results = json.loads(RESULTS.read_text())
    found = paired_over_seeds(results["rows"])
    assert {test["metric"] for test in found} == set(TESTED)
    assert [list(test) for test in found] == [list(test) for test in results["tests"]]
    for mine, written in zip(found, results["tests"], strict=True):
        assert mine == pytest.approx(written)


def test_the_figure_among_as_many_stands_beside_the_one_among_all():
    few = {"instability_of_few": metric([0.066]), "instability_of_all": metric([0.116])}
    rows = rows_of(
        nodes={"location_instability": metric([0.054]), "candidates": metric([1337.0]), **few},
        filters={
            "location_instability": metric([0.071]), "candidates": metric([258.0]),
            "instability_of_few": metric([0.071]), "instability_of_all": metric([0.121]),
        },
        constant_centre={"location_instability": metric([0.067])},
    )  # fmt: skip
    first, second = standing({"data": "birds", "rows": rows})
    for text in (
        "10 chosen of 1337 nodes wander 0.76 times as far as the 10 chosen of 258 filters", "are filters, 0.93 times",
        "The target, at most 0.8, is kept by the first and missed by the second.",
    ):  # fmt: skip
        assert text in first
    assert "0.054 and, among as many, 0.066, against 0.071 of the filters and 0.067 of the centre" in second
    assert "target" not in next(standing({"data": "animal_parts", "rows": rows}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of a tiny network, its folder, and what it said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_CLASS", {"train": 14, "validation": 2, "test": 12})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("study") / "whole"
        said = []
        yield (
            reproduce_graph(classes=2, seeds=3, scale=TINY, settings=QUICK, out=folder, device="cpu", say=said.append),
            folder,
            said,
        )


@pytest.mark.slow
def test_a_results_file_has_the_keys_that_others_read(whole):
    results, folder, said = whole
    json.dumps(results, allow_nan=False)
    assert results["command"] == "whynet reproduce graph --data birds --classes 2 --seeds 3"
    assert results["seeds"] == [0, 1], "the network has two"
    assert [row["name"] for row in results["rows"]] == ["nodes", "filters", "node priors", "constant centre"]
    for row in results["rows"]:
        for key in ("location_instability", "one_shot_error"):
            metric = row["metrics"][key]
            assert len(metric["values"]) == 2
            assert metric["sd_classes"] is not None
            assert metric["n"] == 4
    assert len(results["class_names"]) == 2
    assert {(test["a"], test["b"]) for test in results["tests"]} == {
        ("nodes", "filters"), ("nodes", "node priors"), ("nodes", "constant centre"),
    }  # fmt: skip
    assert said == [
        f"4 runs in {folder}; those that are complete there are kept",
        "1 of 4: alexnet start seed 0", "2 of 4: alexnet start seed 1", "3 of 4: alexnet seed 0",
        "4 of 4: alexnet seed 1",
    ]  # fmt: skip
    ((_, columns, lines),) = panels(results)
    assert "One-shot error" in columns
    assert len(lines) == 4
    assert paired_lines(results)[1]
    assert len(list(standing(results))) == 4


@pytest.mark.slow
def test_what_is_measured_is_kept_class_by_class(whole, monkeypatch):
    results, folder, _ = whole
    path = folder / "multi" / "seed1" / "alexnet" / "graph-study.json"
    kept = json.loads(path.read_text())
    lost = list(kept["classes"])[1]
    del kept["classes"][lost]
    path.write_text(json.dumps(kept))
    measured = []
    real = study_module.graph_of_class

    def noted(subject, splits, index, *arguments, **more):
        measured.append(subject.class_names[index])
        return real(subject, splits, index, *arguments, **more)

    monkeypatch.setattr(study_module, "graph_of_class", noted)
    monkeypatch.setattr("whynet.workflows.phase_one.train_classifier", lambda *_, **__: pytest.fail("trained again"))
    arguments = {"classes": 2, "seeds": 3, "scale": TINY, "out": folder, "device": "cpu", "say": lambda _: None}
    assert reproduce_graph(settings=QUICK, **arguments) == results
    assert measured == [lost]
    reproduce_graph(settings=GraphSettings(iterations=1), **{**arguments, "seeds": 1})
    assert len(measured) == 3, "other settings are measured anew"
    with pytest.raises(SettingError, match="9 classes were asked for, but there are 3"):
        reproduce_graph(settings=QUICK, **{**arguments, "classes": 9})
