"""Explanatory graphs against filters: what cannot be studied, and a whole tiny study."""

import json

import pytest

from whynet.base.errors import SettingError
from whynet.data.birds import dataset
from whynet.structures.explanatory_graph import GraphSettings
from whynet.workflows.reproduce import graph as study_module
from whynet.workflows.reproduce import reproduce_graph
from whynet.workflows.reproduce.graph_tables import standing
from whynet.workflows.reproduce.icnn_plan import ICNNScale, NetworkPlan
from whynet.workflows.reproduce.tables import paired_lines, panels

TINY = ICNNScale(
    networks={"alexnet": NetworkPlan(width=0.05, seeds=2, epochs=2, more_epochs=1)},
    data={"num_species": 3, "image_size": 64, "roll": 45.0}, classifier={"batch_size": 8},
)  # fmt: skip
QUICK = GraphSettings(iterations=2)


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
