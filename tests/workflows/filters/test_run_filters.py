"""`whynet filters` on a run: what is kept, and what a run must have."""

import json
from dataclasses import replace

import pytest

from whynet.base.errors import RunError, SettingError
from whynet.data.birds import dataset
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings
from whynet.workflows.filters import run_filters
from whynet.workflows.filters.run_filters import filters_of_run
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train

SETTINGS = TrainSettings(
    data=DataSettings(name="birds", num_species=2, image_size=48, roll=45.0),
    model=ModelSettings(network="alexnet", width=0.05, interpretable=True),
    classifier=ClassifierSettings(epochs=1, batch_size=8),
)


@pytest.fixture(scope="module")
def few_birds(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_CLASS", {"train": 8, "validation": 2, "test": 12})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def trained(folder, settings=SETTINGS):
    return train(folder, settings, hardware=Hardware(device="cpu"), explainer=False, progress=False)


def test_what_was_measured_is_kept_in_the_run(few_birds, tmp_path):
    run = trained(tmp_path / "run")
    of_run = filters_of_run(run.folder, device="cpu")
    found, names = of_run.measured, of_run.class_names
    assert found.layer == "features.11"
    assert len(names) == 2
    kept = json.loads((run.folder / "filters.json").read_text())
    assert kept == {"layer": found.layer, "figures": found.figures, "filters": found.filters}
    assert len(found.filters) == found.figures["num_filters"]
    assert filters_of_run(run, device="cpu").measured.figures == found.figures
    other = filters_of_run(run, layer="features.6", device="cpu").measured
    assert other.layer == "features.6"


def test_of_a_single_category_its_own_pictures_are_looked_at(few_birds, tmp_path, monkeypatch):
    name = dataset.PaintedBirds("train", num_species=2, image_size=48).class_names[0]
    run = trained(tmp_path / "run", replace(SETTINGS, data=replace(SETTINGS.data, task=name)))
    asked = {}

    def measured(_subject, _layer, examples, landmarks, *, num_categories, fields_of):
        assert fields_of is None
        asked.update(names=examples.class_names, landmarks=landmarks, num_categories=num_categories)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_filters, "measure_filters", measured)
    with pytest.raises(KeyboardInterrupt):
        filters_of_run(run, device="cpu")
    assert asked == {"names": (name, "others"), "landmarks": ("forehead", "back", "tail"), "num_categories": 1}


def test_a_run_must_have_a_classifier_and_pictures_with_parts(tmp_path, coloured_run):
    with pytest.raises(RunError, match="has no trained classifier yet"):
        filters_of_run(Run.create(tmp_path / "run", SETTINGS.to_json()))
    with pytest.raises(SettingError, match="the data set knows none"):
        filters_of_run(coloured_run, device="cpu")
    assert not (coloured_run / "filters.json").exists()
