"""Interpretable CNNs beside their twins: which runs there are, what differs between twins, and a whole tiny study."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from whynet.base.errors import RunError, SettingError
from whynet.data.birds import dataset
from whynet.models.built_in_networks import BUILT_IN_NETWORKS
from whynet.models.saved_subject import load_subject
from whynet.workflows.reproduce import icnn as study_module
from whynet.workflows.reproduce import reproduce_icnn
from whynet.workflows.reproduce.icnn import paired_tests, ratios
from whynet.workflows.reproduce.icnn_plan import SCALES, ICNNPlan, ICNNScale, NetworkPlan, rows
from whynet.workflows.reproduce.tables import paired_lines, panels
from whynet.workflows.settings import settings_with

TINY = ICNNScale(
    networks={
        "convnet": NetworkPlan(width=None, seeds=2, image_size=48, epochs=2, more_epochs=1),
        "alexnet": NetworkPlan(width=0.05, is_ablated=True, epochs=2, more_epochs=1),
    },
    data={"num_species": 2, "image_size": 64, "roll": 45.0}, classifier={"batch_size": 8},
    filters={"strength": 0.5},
)  # fmt: skip


def plan(tmp_path, scale=TINY):
    return ICNNPlan(data="birds", root=None, folder=tmp_path, scale=scale)


def test_each_network_has_a_twin_that_differs_in_its_filters_alone(tmp_path):
    cells = plan(tmp_path).cells(3, ["multi"])
    assert [(cell.row, cell.seed) for cell in cells] == [
        ("convnet", 0), ("convnet interpretable", 0), ("convnet", 1), ("convnet interpretable", 1),
        ("alexnet", 0), ("alexnet interpretable", 0), ("alexnet masks alone", 0),
        ("alexnet layer alone", 0),
    ]  # fmt: skip
    assert len({cell.folder for cell in cells}) == len(cells)
    assert [cell.settings["data"]["image_size"] for cell in cells] == [48] * 4 + [64] * 4
    pushed = {"interpretable": (0.5, 4.0), "masks alone": (0.0, 4.0), "layer alone": (0.0, 0.0)}
    for ordinary, twin in [(cells[0], cells[1]), (cells[2], cells[3]), *((cells[4], own) for own in cells[5:])]:
        one, other = (
            settings_with({group: dict(own) for group, own in cell.settings.items()}) for cell in (ordinary, twin)
        )
        assert other.model.interpretable
        assert (other.filters.strength, other.filters.beta) == pushed[twin.row.partition(" ")[2]]
        assert replace(other, model=replace(other.model, interpretable=False), filters=one.filters) == one


def test_all_runs_begin_with_the_ordinary_network_of_all_categories(tmp_path):
    own = plan(tmp_path)
    starts = {cell.folder: cell for cell in own.starts(2)}
    assert [cell.row for cell in starts.values()] == ["convnet", "convnet", "alexnet"]
    cells = own.cells(2, ["multi", "dog"])
    assert not starts.keys() & {cell.folder for cell in cells}
    assert {cell.condition for cell in cells} == {"", "dog"}
    for cell in cells:
        start = starts[cell.settings["model"]["start"]]
        assert start.settings["data"]["task"] == "multi"
        assert cell.settings["data"] | {"task": "multi"} == start.settings["data"]
        assert cell.settings["model"] == start.settings["model"] | {
            "start": start.folder, "interpretable": cell.settings["model"]["interpretable"]
        }  # fmt: skip
        assert start.settings["classifier"]["epochs"] == 2
        assert cell.settings["classifier"] == start.settings["classifier"] | {"epochs": 1, "learning_rate": 5e-4}


def test_every_scale_can_be_trained():
    for data, scale in SCALES.items():
        assert set(scale.networks) == {"small_convnet", "alexnet", "vgg_m", "vgg_s", "vgg16", "resnet18"}
        assert set(scale.networks) <= set(BUILT_IN_NETWORKS)
        assert scale.networks["alexnet"].seeds >= 3 <= scale.networks["small_convnet"].seeds
        own = ICNNPlan(data=data, root=None if data == "birds" else "x", folder=Path("y"), scale=scale)
        for cell in [*own.starts(1), *own.cells(1, ["multi", *scale.categories])]:
            settings_with({group: dict(values) for group, values in cell.settings.items()})


def test_the_papers_figures_stand_beside_its_own_data_alone():
    networks = {"vgg_m": NetworkPlan(is_ablated=True), "alexnet": NetworkPlan(), "resnet18": NetworkPlan()}
    found = rows(networks, "animal_parts", is_single=False)
    assert found["vgg_m"].paper == {"location_instability": 0.167}
    assert found["vgg_m interpretable"].paper == {"location_instability": 0.096}
    assert found["resnet18"].paper == found["vgg_m masks alone"].paper == found["alexnet"].paper == {}
    single = rows(networks, "animal_parts", is_single=True)
    assert single["vgg_m interpretable"].paper == {"location_instability": 0.09, "accuracy": 0.9577}
    assert single["vgg_m"].paper == {"location_instability": 0.147, "accuracy": 0.9734}
    assert single["alexnet"].paper == {"accuracy": 0.9628}
    assert single["resnet18"].paper == single["vgg_m layer alone"].paper == {}
    assert rows(networks, "birds", is_single=False)["vgg_m"].paper == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "folder"}, "laid out for birds, cub, animal_parts, not for 'folder'"),
        ({"seeds": 0}, "at least one seed was expected, not 0"),
        ({"single": True}, "single categories are laid out for animal_parts, not for 'birds'"),
        ({"networks": ["vgg16", "lenet"]}, "networks out of small_convnet, alexnet, .* were expected, not lenet"),
        ({"data": "cub"}, "data 'cub' need a folder"),
    ],
)
def test_what_cannot_be_studied(arguments, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        reproduce_icnn(**arguments, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_interpretable_filters_are_told_in_ratios():
    def row(name, condition=None, **means):
        metrics = {key: {"mean": value, "sd": None, "values": [value]} for key, value in means.items()}
        return {"name": name, **({"condition": condition} if condition else {}), "metrics": metrics}

    lines = ratios(
        {
            "rows": [
                row("vgg", accuracy=0.9, part_interpretability=0.4, location_instability=0.1, constant_centre=0.09),
                row("vgg interpretable", accuracy=0.91, part_interpretability=0.6, location_instability=0.08,
                    constant_centre=0.09),
                row("vgg layer alone", accuracy=0.85, part_interpretability=0.3),
                row("net", "dog", accuracy=0.9, part_interpretability=0.0),
                row("net interpretable", "dog", accuracy=0.8, part_interpretability=0.5),
            ]
        }
    )  # fmt: skip
    assert lines == [
        "vgg interpretable: part interpretability 1.50 times, location instability 0.80 times (below the constant "
        "centre), accuracy +1.0 points.",
        "vgg interpretable, beside the new layer alone: part interpretability 2.00 times, accuracy +6.0 points.",
        "vgg layer alone: part interpretability 0.75 times, accuracy -5.0 points.",
        "dog: net interpretable: accuracy -10.0 points.",
    ]


def test_interpretable_filters_are_tested_against_the_twin_and_against_each_part_of_themselves(tmp_path):
    networks = {"alexnet": NetworkPlan(is_ablated=True, seeds=2), "vgg16": NetworkPlan(seeds=2)}
    cells = plan(tmp_path, replace(TINY, networks=networks)).cells(2, ["multi"])
    better = {"alexnet interpretable": 0.3, "alexnet masks alone": 0.2, "alexnet layer alone": 0.1}
    figures = [{"accuracy": 0.5 + better.get(cell.row, 0) + cell.seed / 100} for cell in cells]
    found = {(test["a"], test["b"]): test["difference"] for test in paired_tests(cells, figures)}
    assert found == pytest.approx(
        {
            ("alexnet interpretable", "alexnet"): 0.3,
            ("alexnet interpretable", "alexnet masks alone"): 0.1,
            ("alexnet interpretable", "alexnet layer alone"): 0.2,
            ("alexnet masks alone", "alexnet"): 0.2,
            ("alexnet layer alone", "alexnet"): 0.1,
            ("vgg16 interpretable", "vgg16"): 0.0,
        }
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of two tiny networks, and its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_CLASS", {"train": 8, "validation": 2, "test": 12})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("study") / "whole"
        said = []
        yield reproduce_icnn(seeds=2, scale=TINY, out=folder, device="cpu", say=said.append), folder, said


@pytest.mark.slow
def test_a_results_file_has_the_keys_that_others_read(whole):
    results, folder, said = whole
    json.dumps(results, allow_nan=False)
    assert results["command"] == "whynet reproduce icnn --data birds --seeds 2"
    assert [row["name"] for row in results["rows"]] == [
        "convnet", "convnet interpretable",
        "alexnet", "alexnet interpretable", "alexnet masks alone", "alexnet layer alone",
    ]  # fmt: skip
    for row in results["rows"]:
        assert {"accuracy", "unique_detectors", "classes_with_filters", "dead"} <= set(row["metrics"])
        assert len(row["metrics"]["accuracy"]["values"]) == (2 if row["name"].startswith("convnet") else 1)
    assert {(test["a"], test["b"]) for test in results["tests"]} == {("convnet interpretable", "convnet")}
    assert said[3] == "3 of 11: alexnet start seed 0"
    assert said[-1] == "11 of 11: alexnet layer alone seed 0"
    assert list(panels(results))
    assert paired_lines(results)[1]
    assert len(ratios(results)) == 5
    subject = load_subject(folder / "multi" / "seed0" / "alexnet-interpretable" / "classifier")
    assert (subject.layer("features.11").mask.categories >= 0).all()


@pytest.mark.slow
def test_what_is_complete_is_kept(whole, monkeypatch):
    results, folder, _ = whole
    monkeypatch.setattr(study_module, "filters_of_subject", lambda *_, **__: pytest.fail("measured again"))
    monkeypatch.setattr("whynet.workflows.phase_one.train_classifier", lambda *_, **__: pytest.fail("trained again"))
    again = {"seeds": 2, "scale": TINY, "out": folder, "device": "cpu", "say": lambda _: None}
    assert reproduce_icnn(**again) == results
    one = reproduce_icnn(**again, networks=["convnet"])
    assert one["command"] == "whynet reproduce icnn --data birds --seeds 2 --networks convnet"
    assert one["rows"] == results["rows"][:2]


@pytest.mark.slow
def test_a_run_that_another_study_is_at_is_refused(whole):
    _, folder, _ = whole
    lock = FileLock(folder / "multi" / "seed0" / ".convnet.lock")
    with lock, pytest.raises(RunError, match="another study is at work on .*convnet; wait for it"):
        reproduce_icnn(seeds=1, scale=TINY, out=folder, device="cpu", say=lambda _: None)
