import json

import pytest

from whynet.base.errors import SettingError
from whynet.workflows.reproduce import reproduce_interpnet
from whynet.workflows.reproduce.interpnet import EXPERIMENTS, PAPER, ROWS, SCALES, Scale, _Plan
from whynet.workflows.run import Run
from whynet.workflows.settings import settings_with

TINY = Scale(
    bilinear=16,
    data={"num_species": 2, "image_size": 16},
    classifier={"epochs": 1, "batch_size": 64},
    head={"epochs": 2, "batch_size": 64},
    explainer={"epochs": 2, "batch_size": 64, "captions_per_epoch": 1, "learning_rate": 1e-2, "embedding_size": 8,
               "hidden_size": 12, "projection_size": 8},
    gve={"reward_weight": 0.0, "epochs": 1, "embedding_size": 8, "hidden_size": 12, "captions_per_epoch": 1},
)  # fmt: skip


def plan(tmp_path, scale=TINY):
    return _Plan(data="birds", root=None, folder=tmp_path, scale=scale)


def test_all_settings_of_every_study_are_settings(tmp_path):
    for data, scale in SCALES.items():
        root = None if data == "birds" else str(tmp_path)
        study = _Plan(data=data, root=root, folder=tmp_path, scale=scale)
        for experiment in [None, *(EXPERIMENTS if data == "birds" else ())]:
            for cell in study.cells(range(2), experiment):
                for one in (cell, study.backbone(cell)):
                    settings = settings_with({group: dict(values) for group, values in one.settings.items()})
                    assert settings.model.seed == settings.data.data_seed == cell.seed


def test_the_table_is_the_papers(tmp_path):
    assert [row.name for row in ROWS.values()] == [
        "InterpNET(0)", "InterpNET(1)", "InterpNET(2)", "InterpNET(3)", "Captioning", "Generating Visual Explanations",
    ]  # fmt: skip
    assert ROWS["interpnet2"].paper == {
        "meteor_interpnet": 37.9, "bleu4_interpnet": 62.3, "cider_interpnet": 82.1, "accuracy": 0.79,
    }  # fmt: skip
    assert "bleu4_interpnet" not in ROWS["gve"].paper
    assert len(plan(tmp_path).cells(range(5), None)) == 5 * len(PAPER)


def test_conditions_share_a_run_if_they_ask_for_the_same_and_only_then(tmp_path):
    study = plan(tmp_path, SCALES["birds"])
    table = {cell.folder: cell for cell in study.cells(range(3), None)}
    seen = dict(table)
    for experiment in EXPERIMENTS:
        for cell in study.cells(range(3), experiment):
            twin = seen.setdefault(cell.folder, cell)
            assert settings_with(dict(twin.settings)) == settings_with(dict(cell.settings))
    shared = [cell for cell in study.cells(range(3), "departures") if cell.folder in table]
    assert {cell.condition for cell in shared} == {"males, females, seasons, morphs"}
    for cell in seen.values():
        backbone = study.backbone(cell)
        assert backbone.settings["data"] == cell.settings["data"] or "standardise" in cell.folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "folder"}, "laid out for birds and cub, not for 'folder'"),
        ({"seeds": 0}, "at least one seed was expected, not 0"),
        ({"experiment": "weather"}, "experiment 'weather' is unknown; choose one of scale, departures, species"),
        ({"data": "cub", "root": "x", "experiment": "scale"}, "paints its birds, so it cannot use 'cub'"),
    ],
)
def test_what_cannot_be_studied(arguments, message):
    with pytest.raises(SettingError, match=message):
        reproduce_interpnet(**arguments)


@pytest.mark.slow
def test_a_study_that_was_broken_off_goes_on_where_it_stopped(tmp_path, language_tools, monkeypatch):
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path / "cache"))
    said = []

    def broken(line):
        said.append(line)
        if len(said) == 3:
            raise KeyboardInterrupt

    study = {"data": "birds", "seeds": 1, "scale": TINY, "out": tmp_path / "study", "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        reproduce_interpnet(**study, say=broken)
    first = Run.open(tmp_path / "study/seed0/interpnet0").record()
    results = reproduce_interpnet(**study, say=said.append)
    assert Run.open(tmp_path / "study/seed0/interpnet0").record() == first
    assert said[-1] == "7 of 7: gve  seed 0"
    assert [row["name"] for row in results["rows"]] == [row.name for row in ROWS.values()]
    for row in results["rows"]:
        assert {"accuracy", "meteor_coco", "cider_interpnet", "true_of_class", "class_similarity", "class_rank"} <= set(
            row["metrics"]
        )
    accuracy = {row["name"]: row["metrics"]["accuracy"]["values"] for row in results["rows"]}
    assert accuracy["InterpNET(0)"] == accuracy["InterpNET(1)"] == accuracy["Captioning"]
    assert [floor["name"] for floor in results["floors"]] == ["random caption of the class", "most frequent caption"]
    assert results["tests"] == []
    json.dumps(results, allow_nan=False)
    again = reproduce_interpnet(**study, say=said.append)
    assert again == results
