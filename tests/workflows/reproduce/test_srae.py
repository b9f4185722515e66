"""SRAE's tables: means over classes and seeds, paired tests, and a whole study of a few tiny birds."""

import json
import math
import shutil
import statistics
from dataclasses import asdict, replace

import pytest
from filelock import FileLock
from scipy import stats

from whynet.base.errors import DataError, RunError, SettingError
from whynet.data.birds import dataset
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.concepts import rows as rows_module
from whynet.workflows.concepts import search as search_module
from whynet.workflows.concepts.search import GRIDS
from whynet.workflows.reproduce import reproduce_srae
from whynet.workflows.reproduce import srae as study_module
from whynet.workflows.reproduce.srae_plan import COMPARISONS, LASSO_SIZES, ROWS, SCALES, SRAEScale
from whynet.workflows.reproduce.srae_results import results_of
from whynet.workflows.reproduce.srae_tables import orderings
from whynet.workflows.reproduce.tables import paired_lines, panels
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings

SMALL = ModuleSettings(num_features=2, hidden="8")
TINY = SRAEScale(
    hidden="8", fit=FitSettings(epochs=1, batch_size=32, learning_rate=1e-2), stability_seeds=2,
    classifier={"epochs": 1, "batch_size": 16}, data={"num_species": 2, "image_size": 24},
    rows={
        "SRAE": (SMALL, replace(SMALL, beta=1.0)), "NN": (replace(SMALL, penalty="squared", beta=0.0),),
        "SAE": (replace(SMALL, penalty="squared"),), "CAE": (replace(SMALL, penalty="squared", faithfulness=0.0),),
    },
)  # fmt: skip
KEYS = {
    "f_reg", "f_cls", "f_reg_train", "f_cls_train", "stability", "kept_area_05", "live",
    *(f"completeness_{gamma}" for gamma in ("01", "05", "10", "30")),
}  # fmt: skip
"""Of every row of modules; `o1`, `o2` and `locality` where maps are not all empty."""


def seed_of(rows, **more):
    """What one seed's network shows, made up: for each row the figures of each class."""
    found = {"accuracy": 0.5, "settings": {}, "layer": "z", "map_layer": "m", "class_names": ["a", "b"], "lasso": [],
             "shift": 0.0, "search": []}  # fmt: skip
    return {**found, "rows": {"SRAE": [{}, {}], **{row: [{}, {}] for row in ROWS}, **rows}, **more}


def row_of(results, name):
    (row,) = (row for row in results["rows"] if row["name"] == name)
    return row


def test_the_rows_are_the_papers():
    assert list(ROWS) == ["SRAE", "NN", "SAE", "CAE", "Lasso", "ExcitationBP", "c-ExcitationBP", "Z"]
    assert ROWS["SRAE"]["locality"] == 1.9694
    assert ROWS["SRAE"]["completeness_05"] == 0.8428
    assert ROWS["Lasso"]["o1"] == 1.1407
    assert ROWS["Z"] == {"locality": 1.9623}
    assert "completeness_05" not in ROWS["NN"]
    assert LASSO_SIZES[0] == ModuleSettings().num_features


def test_scales_are_of_the_data_and_grids_take_their_encoder():
    assert set(SCALES) == {"birds", "cub", "animal_parts"}
    for scale in SCALES.values():
        grids = scale.grids()
        assert {row: len(own) for row, own in grids.items()} == {row: len(own) for row, own in GRIDS.items()}
        assert {own.hidden for grid in grids.values() for own in grid} == {scale.hidden}
    assert TINY.grids()["SRAE"] == [SMALL, replace(SMALL, beta=1.0)]


def test_figures_are_means_over_the_classes_and_spread_over_seeds_and_classes():
    seeds = [
        seed_of({"SRAE": [{"o1": 1.0}, {"o1": 3.0}], "NN": [{"o1": 1.0}, {}]}),
        seed_of({"SRAE": [{"o1": 2.0}, {"o1": 8.0}], "NN": [{}, {"o1": 4.0}]}),
        seed_of({"SRAE": [{"o1": 0.0}, {"o1": 1.0}], "NN": [{}, {}]}),
    ]
    results = results_of(seeds, TINY)
    found = row_of(results, "SRAE")["metrics"]["o1"]
    assert found["values"] == [2.0, 5.0, 0.5]
    assert found["mean"] == 2.5
    assert found["sd"] == pytest.approx(math.sqrt(((2 - 2.5) ** 2 + (5 - 2.5) ** 2 + (0.5 - 2.5) ** 2) / 2))
    assert found["sd_classes"] == pytest.approx((math.sqrt(2) + math.sqrt(18) + math.sqrt(0.5)) / 3)
    lacking = row_of(results, "NN")["metrics"]["o1"]
    assert (lacking["values"], lacking["sd_classes"]) == ([1.0, 4.0, None], None)
    assert (lacking["n"], row_of(results, "NN")["lacking"]) == (2, {"o1": 4})
    assert (found["n"], "lacking" in row_of(results, "SRAE")) == (6, False)
    assert row_of(results, "SRAE")["paper"] == ROWS["SRAE"]
    one = row_of(results_of(seeds[:1], TINY), "SRAE")["metrics"]["o1"]
    assert (one["sd"], one["mean"]) == (None, 2.0)


SRAE_O1, NN_O1 = [[1.0, 1.5], [0.5, 1.0], [2.0, 1.0]], [[1.5, 1.25], [1.0, 2.0], [2.5, 2.5]]


def paired(**more):
    return [
        seed_of({"SRAE": [{"o1": one, **more} for one in mine], "NN": [{"o1": one} for one in theirs]})
        for mine, theirs in zip(SRAE_O1, NN_O1, strict=True)
    ]


def test_tests_are_paired_over_class_and_seed():
    """Student's t by hand over the six differences."""
    (test,) = results_of(paired(), TINY)["tests"]
    differences = [one - other for mine, theirs in zip(SRAE_O1, NN_O1, strict=True)
                   for one, other in zip(mine, theirs, strict=True)]  # fmt: skip
    mean, error = statistics.mean(differences), statistics.stdev(differences) / math.sqrt(6)
    assert (test["a"], test["b"], test["metric"], test["n"]) == ("SRAE", "NN", "o1", 6)
    assert test["difference"] == pytest.approx(mean)
    assert test["p_value"] == pytest.approx(2 * stats.t.sf(abs(mean / error), 5))
    half = stats.t.ppf(0.975, 5) * error
    assert (test["low"], test["high"]) == (pytest.approx(mean - half), pytest.approx(mean + half))
    assert test["is_better"], "less overlap is better"
    assert test["p_holm"] == test["p_value"]


def test_what_is_better_is_lower_for_some_and_higher_for_others_and_all_tests_are_adjusted_together():
    tests = results_of(paired(completeness_05=0.5, rival_at_area_05=0.75, causal_named=2.0, causal_other=1.0), TINY)
    found = {(test["metric"], test["b"]): test for test in tests["tests"]}
    assert set(found) == {
        ("o1", "NN"), ("completeness_05", "ExcitationBP, as many pixels"), ("causal_named", "another part"),
    }  # fmt: skip
    assert not found["completeness_05", "ExcitationBP, as many pixels"]["is_better"]
    assert found["completeness_05", "ExcitationBP, as many pixels"]["difference"] == -0.25
    assert found["causal_named", "another part"]["is_better"]
    p = sorted(test["p_value"] for test in found.values())
    assert p[:2] == [0, 0]
    assert found["o1", "NN"]["p_holm"] == p[2], "the largest of three is multiplied by 1"


def test_classes_that_lack_a_figure_are_left_out_of_its_tests():
    seeds = paired()
    del seeds[1]["rows"]["NN"][0]["o1"]
    (test,) = results_of(seeds, TINY)["tests"]
    assert test["n"] == 5
    assert results_of(seeds[:1], TINY)["tests"][0]["n"] == 2
    del seeds[0]["rows"]["NN"][1]["o1"]
    assert results_of(seeds[:1], TINY)["tests"] == [], "one pair makes no test"


def test_no_difference_is_not_better():
    same = seed_of({"SRAE": [{"o2": 1.0}, {"o2": 2.0}], "SAE": [{"o2": 1.0}, {"o2": 2.0}]})
    (test,) = results_of([same], TINY)["tests"]
    assert (test["b"], test["is_better"]) == ("SAE", False)


def test_comparisons_are_of_figures_that_lines_can_tell():
    for one in COMPARISONS:
        assert one.row in ROWS
    results = results_of(paired(), TINY) | {"command": ""}
    columns, lines = paired_lines(results)
    assert columns[0] == "Difference"
    assert lines[0][:2] == ["SRAE \N{MINUS SIGN} NN", "O1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "folder"}, "laid out for birds, cub, animal_parts, not for 'folder'"),
        ({"seeds": 0}, "at least one seed and one class were expected, not 0 and 10"),
        ({"classes": 0}, "at least one seed and one class were expected, not 5 and 0"),
        ({"data": "cub"}, "data 'cub' need a folder"),
    ],
)
def test_what_cannot_be_studied(arguments, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        reproduce_srae(**arguments, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_seed_that_another_study_is_at_is_refused(tmp_path):
    with (
        FileLock(tmp_path / ".seed0.lock"),
        pytest.raises(RunError, match="another study is at work on .*seed0; wait for it, or choose another --out"),
    ):
        reproduce_srae(classes=2, out=tmp_path, device="cpu", scale=TINY)


@pytest.fixture(scope="module")
def few_birds(tmp_path_factory):
    """Fewer pictures a class, a cache of their own, and no map of each of the 500 entries of Z, which take longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module.Bench, "_locality_of_units", lambda *_: {"locality": 1.5})
        patch.setattr(dataset, "PER_CLASS", {"train": 10, "validation": 2, "test": 3})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def study(folder, **more):
    said = []
    given = {"classes": 2, "seeds": 2, "scale": TINY} | more
    return reproduce_srae(**given, out=folder, device="cpu", say=said.append), said


@pytest.fixture(scope="module")
def whole(few_birds, tmp_path_factory):
    """A study of two classes and two seeds, its folder, and what it said."""
    folder = tmp_path_factory.mktemp("study") / "whole"
    return (*study(folder), folder)


@pytest.mark.slow
def test_a_results_file_has_the_keys_that_others_read(whole):
    results, said, folder = whole
    json.dumps(results, allow_nan=False)
    assert results["command"] == "whynet reproduce srae --data birds --classes 2 --seeds 2"
    assert (results["data"], results["seeds"]) == ("birds", [0, 1])
    assert [row["name"] for row in results["rows"]] == [
        "SRAE",
        "NN",
        "SAE",
        "CAE",
        "Lasso",
        "ExcitationBP",
        "c-ExcitationBP",
        "Z",
    ]
    metrics = {row["name"]: row["metrics"] for row in results["rows"]}
    for name in ("SRAE", "NN", "SAE", "CAE"):
        assert set(metrics[name]) >= KEYS
    assert set(metrics["Lasso"]) >= KEYS - {"stability"}
    assert set(metrics["ExcitationBP"]) >= {"locality", "completeness_05", "kept_area_05"}
    assert set(metrics["Z"]) == {"locality"}
    measured = [json.loads((folder / f"seed{seed}" / "srae.json").read_text()) for seed in range(2)]
    for name, row in metrics.items():
        for key, found in row.items():
            assert set(found) == {"mean", "sd", "values", "sd_classes", "n"}
            of_seeds = [[one[key] for one in seed["rows"][name] if key in one] for seed in measured]
            means = [statistics.mean(own) if own else None for own in of_seeds]
            assert [value is None for value in found["values"]] == [own is None for own in means]
            known = [own for own in means if own is not None]
            assert [value for value in found["values"] if value is not None] == pytest.approx(known)
            assert found["mean"] == pytest.approx(statistics.mean(known))
            assert found["n"] == sum(map(len, of_seeds))
    assert len(metrics["SRAE"]["f_reg"]["values"]) == 2
    assert len(results["class_names"]) == 2
    assert (results["layer"], results["map_layer"]) == ("hidden.0", "blocks.0.2")
    assert results["shift"]["mean"] < 0.05
    assert [row["at_most"] for row in results["lasso"][0]] == list(LASSO_SIZES)
    assert {one["row"] for one in results["search"]} == set(TINY.rows)
    assert results["settings"]["chosen"].keys() == TINY.rows.keys()
    assert results["settings"]["chosen_are_faithful"].keys() == TINY.rows.keys()
    assert results["settings"]["chosen"]["NN"] == asdict(TINY.rows["NN"][0])
    assert said[1:] == ["1 of 2: seed 0", "2 of 2: seed 1"]
    assert list(panels(results))
    assert all(isinstance(line, str) for line in orderings(results))


def no_training(*_arguments, **_more):
    pytest.fail("something is trained")


@pytest.mark.slow
def test_what_is_complete_is_kept_and_nothing_is_trained_again(whole, monkeypatch):
    results, _, folder = whole
    for module in (search_module, rows_module):
        monkeypatch.setattr(module, "train_modules", no_training)
    monkeypatch.setattr("whynet.workflows.phase_one.train_classifier", no_training)
    monkeypatch.setattr(study_module, "search", no_training)
    assert study(folder)[0] == results
    one, _ = study(folder, seeds=1)
    assert (
        row_of(one, "SRAE")["metrics"]["f_reg"]["values"] == row_of(results, "SRAE")["metrics"]["f_reg"]["values"][:1]
    )
    assert Run.open(folder / "seed0").is_complete("classifier")
    assert not Run.open(folder / "seed0").is_complete("interpnet")


@pytest.mark.slow
def test_settings_are_searched_once_and_on_the_first_network(whole):
    results, _, folder = whole
    chosen = json.loads((folder / "srae-settings.json").read_text())
    assert chosen["settings"] == results["settings"]["chosen"]
    assert chosen["search"] == results["search"]
    for seed in range(2):
        measured = json.loads((folder / f"seed{seed}" / "srae.json").read_text())
        assert measured["settings"] == chosen["settings"]


def broken_off(folder, monkeypatch, *, beginning):
    """The study of a folder whose first seed has no figures yet, stopped at the modules of one of its beginnings."""
    (folder / "seed0" / "srae.json").unlink()
    train_modules, calls = rows_module.train_modules, []

    def breaking(*arguments):
        calls.append(arguments)
        if len(calls) > beginning:
            raise KeyboardInterrupt
        return train_modules(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rows_module, "train_modules", breaking)
        study(folder)
    assert not (folder / "seed0" / "srae.json").exists()
    assert list(folder.glob("seed0/modules/*/beginning0/last.ckpt"))


@pytest.mark.slow
def test_other_classes_or_another_fit_are_measured_anew_as_in_a_fresh_folder(whole, tmp_path, monkeypatch):
    """Checkpoints of modules that were trained otherwise lie in the folder of the seed, and are not gone on with."""
    used, fresh = tmp_path / "used", tmp_path / "fresh"
    for folder in (used, fresh):
        shutil.copytree(whole[2], folder)
        (folder / "srae-settings.json").unlink()
    (fresh / "seed0" / "srae.json").unlink()
    broken_off(used, monkeypatch, beginning=1)
    assert len(list(used.glob("seed*/modules/*/search/last.ckpt"))) == 1, "searched on the first network alone"
    slower = replace(TINY, fit=replace(TINY.fit, learning_rate=2e-3))
    one, _ = study(used, classes=1, seeds=1, scale=slower)
    assert one["rows"] == study(fresh, classes=1, seeds=1, scale=slower)[0]["rows"]
    assert len(one["class_names"]) == 1
    assert one["search"] != whole[0]["search"], "the settings were searched for again, too"


@pytest.mark.slow
def test_broken_off_a_seed_goes_on_where_it_stopped_and_leaves_no_checkpoint(whole, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    shutil.copytree(whole[2], folder)
    monkeypatch.setattr(study_module, "search", no_training)
    broken_off(folder, monkeypatch, beginning=1)
    assert study(folder)[0] == whole[0]
    assert not list(folder.glob("seed*/modules"))


def test_what_cannot_be_measured_is_told_before_anything_is_trained(few_birds, tmp_path, monkeypatch):
    with pytest.raises(SettingError, match="3 classes were asked for, but there are 2; ask for fewer"):
        study(tmp_path / "study", classes=3)
    splits = study_module.open_data(DataSettings(name="birds", **TINY.data))
    names, of_one = splits.test.class_names, [row for row, label in enumerate(splits.test.labels) if label == 0]
    monkeypatch.setattr(study_module, "open_data", lambda _: replace(splits, test=splits.test.subset(of_one)))
    with pytest.raises(DataError, match=f"no test picture shows {names[1]}, on which it could be measured"):
        study(tmp_path / "study")
    assert not (tmp_path / "study").exists()
