"""The study of decision trees: which networks and classes, and a whole tiny study."""

import json

import pytest

from whynet.base.errors import DataError, SettingError
from whynet.structures.decision_tree import LEVELS
from whynet.workflows.reproduce import reproduce_tree
from whynet.workflows.reproduce import tree as study_module
from whynet.workflows.reproduce.icnn_plan import SCALES, ICNNScale, NetworkPlan
from whynet.workflows.reproduce.tables import panels
from whynet.workflows.reproduce.tree import CONDITIONS, NETWORKS, monotone_lines

TINY = ICNNScale(
    networks={"alexnet": NetworkPlan(width=0.05, seeds=2, epochs=3, more_epochs=1)},
    data={"num_species": 2, "image_size": 64, "roll": 45.0}, classifier={"batch_size": 8},
    filters={"strength": 0.5},
)  # fmt: skip


def test_networks_are_those_of_the_study_of_filters():
    for scale in SCALES.values():
        assert set(NETWORKS) <= set(scale.networks)
    assert min(NETWORKS.values()) == 1
    assert max(NETWORKS.values()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "folder"}, "laid out for birds, cub, animal_parts, not for 'folder'"),
        ({"seeds": 0}, "at least one seed and one class were expected, not 0 and 6"),
        ({"classes": 0}, "not 3 and 0"),
    ],
)
def test_what_cannot_be_studied(arguments, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        reproduce_tree(**arguments, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_whether_trees_get_truer_is_told_for_each_network():
    def row(name, condition, error, fitness, **more):
        metrics = {"relative_error": error, "fitness": fitness, **more}
        told = {key: {"mean": value} for key, value in metrics.items()}
        return {"name": name, **({"condition": condition} if condition else {}), "metrics": told}

    values = dict(zip(LEVELS, [(0.2, 0.1), (0.15, 0.2), (0.1, 0.3), (0.1, 0.4), (0.05, 0.5)], strict=True))
    rows = [
        row(f"vgg {level}", condition, *own, **({"trees_monotone": 0.5} if level == "leaves" else {}))
        for condition in ("", "likelihood")
        for level, own in values.items()
    ]
    arrow = " \N{RIGHTWARDS ARROW} "
    errors, fits = (
        arrow.join(["20.0", "15.0", "10.0", "10.0", "5.0"]),
        arrow.join(["10.0", "20.0", "30.0", "40.0", "50.0"]),
    )
    told = f"the error goes {errors}%, the fitness {fits}%; of single trees 50% get truer with every layer."
    assert monotone_lines({"rows": rows}) == [f"vgg: {told}", f"vgg, grown by likelihood: {told}"]


@pytest.fixture(scope="module")
def whole(few_birds, tmp_path_factory):
    """A study of one tiny network, and its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_module, "MIN_PICTURES", 1)
        folder = tmp_path_factory.mktemp("study") / "whole"
        yield reproduce_tree(seeds=2, classes=1, scale=TINY, out=folder, device="cpu", say=lambda _: None), folder


@pytest.mark.slow
def test_a_results_file_has_the_keys_that_others_read(whole):
    results, _ = whole
    json.dumps(results, allow_nan=False)
    assert results["command"] == "whynet reproduce tree --data birds --seeds 2 --classes 1"
    names = [f"{network} {level}" for network in ("alexnet", "alexnet interpretable") for level in LEVELS]
    for condition in CONDITIONS:
        assert [row["name"] for row in results["rows"] if row.get("condition", "") == condition] == names
    for row in results["rows"]:
        assert {"relative_error", "fitness", "accuracy"} <= set(row["metrics"])
        assert len(row["metrics"]["fitness"]["values"]) == 2
        assert ("reads_monotone" in row["metrics"]) == row["name"].endswith("leaves")
    assert set(results["rows"][4]["metrics"]["reads_monotone"]["values"]) <= {0.0, 1.0}
    assert list(panels(results))
    assert len(monotone_lines(results)) == 4


@pytest.mark.slow
def test_what_is_complete_is_kept_unless_other_classes_are_asked_for(whole, monkeypatch):
    results, folder = whole
    monkeypatch.setattr("whynet.workflows.phase_one.train_classifier", lambda *_, **__: pytest.fail("trained again"))
    monkeypatch.setattr(study_module, "grow_trees", lambda *_, **__: pytest.fail("grown again"))
    again = reproduce_tree(seeds=2, classes=1, scale=TINY, out=folder, device="cpu", say=lambda _: None)
    assert again == results
    monkeypatch.undo()
    monkeypatch.setattr(study_module, "MIN_PICTURES", 13)
    with pytest.raises(DataError, match="recognises 13 test pictures of 0 classes, fewer than 2"):
        reproduce_tree(seeds=1, classes=2, scale=TINY, out=folder, device="cpu", say=lambda _: None)
