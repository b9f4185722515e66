import json
from pathlib import Path

import pytest
from filelock import FileLock

from whynet.base.errors import RunError, SettingError
from whynet.workflows.catalogue import open_data
from whynet.workflows.reproduce import plan as plan_module
from whynet.workflows.reproduce import reproduce_interpnet
from whynet.workflows.reproduce.interpnet import _results, _tests, measured
from whynet.workflows.reproduce.plan import EXPERIMENTS, PAPER, ROWS, SCALES, Plan, Scale
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, settings_with

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
    return Plan(data="birds", root=None, folder=tmp_path, scale=scale)


def test_all_settings_of_every_study_are_settings(tmp_path):
    for data, scale in SCALES.items():
        root = None if data == "birds" else str(tmp_path)
        study = Plan(data=data, root=root, folder=tmp_path, scale=scale)
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
    balanced = [cell for cell in study.cells(range(1), "scale") if cell.condition == "each layer of the same length"]
    assert {cell.row for cell in balanced if cell.folder not in table} == {"interpnet2"}  # the others read one layer
    data_of: dict[str, object] = {}
    for cell in seen.values():  # one backbone folder, one data set
        folder = cell.settings["model"]["backbone"]
        assert data_of.setdefault(folder, cell.settings["data"]) == cell.settings["data"]
        assert study.backbone(cell).folder == folder


@pytest.mark.parametrize("experiment", ["departures", "species"])
def test_conditions_of_the_data_are_other_data(experiment, tmp_path):
    cells = plan(tmp_path, SCALES["birds"]).cells([0], experiment)
    opened = {cell.condition: open_data(DataSettings(**cell.settings["data"])).test.fingerprint() for cell in cells}
    assert len(set(opened.values())) == len(opened) == len(EXPERIMENTS[experiment])


def result(accuracy, **rest):
    return {"accuracy": accuracy, "made_by": "0.2.0", **rest}


def test_a_refused_reward_costs_its_own_row_alone(tmp_path):
    cells = [cell for cell in plan(tmp_path).cells(range(2), None) if cell.row in ("interpnet2", "captioning", "gve")]
    metrics = [{"failed": "no reward"} if cell.row == "gve" else result(0.5 + 0.1 * cell.seed) for cell in cells]
    found = _results(plan(tmp_path), cells, metrics)
    assert [row["name"] for row in found["rows"]] == ["InterpNET(2)", "Captioning"]
    gve = "Generating Visual Explanations"
    assert found["failed"] == [{"name": gve, "seed": seed, "why": "no reward"} for seed in range(2)]
    assert found["runs_made_by_whynet"] == ["0.2.0"]


def test_tests_are_paired_by_seed_and_adjusted_together(tmp_path):
    cells = [cell for cell in plan(tmp_path).cells(range(3), None) if cell.row in ("interpnet0", "interpnet2")]
    figures = [
        {"recall": 0.3 + 0.01 * cell.seed**2 + (0.1 + 0.001 * cell.seed if cell.row == "interpnet2" else 0)}
        for cell in cells
    ]
    (test,) = _tests(cells, figures)
    assert (test["a"], test["b"], test["metric"], test["n"]) == ("InterpNET(2)", "InterpNET(0)", "recall", 3)
    assert test["difference"] == pytest.approx(0.101)
    assert test["p_holm"] == test["p_value"] < 0.001


def test_a_run_that_another_study_is_at_is_refused(tmp_path):
    (cell,) = (cell for cell in plan(tmp_path).cells([0], None) if cell.row == "interpnet2")
    lock = Path(cell.folder).with_name(".interpnet2.lock")
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(RunError, match="another study is at work on .*interpnet2; wait for it"):
        measured(cell, True, device="cpu")


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
def test_a_study_that_was_broken_off_keeps_the_runs_that_are_complete(tmp_path, language_tools, monkeypatch):
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path / "cache"))
    names = ("interpnet0", "captioning")
    monkeypatch.setattr(plan_module, "ROWS", {name: ROWS[name] for name in names})
    said = []

    def broken(line):
        said.append(line)
        if len(said) == 3:
            raise KeyboardInterrupt

    study = {"data": "birds", "seeds": 1, "scale": TINY, "out": tmp_path / "study", "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        reproduce_interpnet(**study, say=broken)

    def trained():
        folders = [tmp_path / "study/seed0" / name for name in ("backbone", "interpnet0")]
        return [Run.open(folder).record()["stages"]["classifier"] for folder in folders]

    before, record = trained(), Run.open(tmp_path / "study/seed0/interpnet0").record()
    results = reproduce_interpnet(**study, say=said.append)
    assert trained() == before
    assert Run.open(tmp_path / "study/seed0/interpnet0").record() == record
    assert said[-1] == "3 of 3: captioning seed 0"
    assert [row["name"] for row in results["rows"]] == ["InterpNET(0)", "Captioning"]
    for row in results["rows"]:
        assert {"accuracy", "meteor_coco", "cider_interpnet", "recall", "class_similarity", "class_rank"} <= set(
            row["metrics"]
        )
    accuracy = {row["name"]: row["metrics"]["accuracy"]["values"] for row in results["rows"]}
    assert accuracy["InterpNET(0)"] == accuracy["Captioning"]
    assert [floor["name"] for floor in results["floors"]] == ["random caption of the class", "most frequent caption"]
    assert results["tests"] == []
    json.dumps(results, allow_nan=False)
    assert reproduce_interpnet(**study, say=said.append) == results
