"""A run on painted birds that was hardly trained, shared by the tests of graphs; read it, do not change it."""

import pytest

from whynet.data.birds import dataset
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train


@pytest.fixture(scope="session")
def few_birds(tmp_path_factory):
    """Painted birds are few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_CLASS", {"train": 14, "validation": 2, "test": 12})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def bird_run(few_birds, tmp_path_factory):
    """An AlexNet of two species."""
    settings = TrainSettings(
        data=DataSettings(name="birds", num_species=2, image_size=64, roll=45.0),
        model=ModelSettings(network="alexnet", width=0.05),
        classifier=ClassifierSettings(epochs=1, batch_size=8),
    )
    folder = tmp_path_factory.mktemp("graphs") / "run"
    return train(folder, settings, hardware=Hardware(device="cpu"), explainer=False, progress=False)
