"""Two small worlds: pictures of two grey halves that a network reads one by one, and a few painted birds."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from whynet.data.birds.dataset import PaintedBirds
from whynet.data.birds.interventions import WHOLE_PARTS, host_of_claim, without_part
from whynet.data.example import Example, ExampleDataset
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import save_subject
from whynet.models.subject import Subject
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.run import CLASSIFIER, Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings

SIDE = 8
PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class Halves(ExampleDataset):
    """Grey pictures: the left half is the head, the right half the tail, each of its own brightness (0 to 255)."""

    class_names = ("dark", "light")
    part_names = ("head", "tail")

    def __init__(self, brightness: list[tuple[int, int]], labels: list[int]) -> None:
        self.brightness, self.labels = brightness, labels
        self.names = [f"halves/{number}" for number in range(len(labels))]
        self.captions = [()] * len(labels)

    def __getitem__(self, index: int) -> Example:
        halves = np.repeat(self.brightness[index], SIDE // 2).astype(np.uint8)
        return Example(
            name=self.names[index],
            image=np.broadcast_to(halves[None, :, None], (SIDE, SIDE, 3)).copy(),
            label=self.labels[index],
            part_map=np.broadcast_to(np.repeat([1, 2], SIDE // 2), (SIDE, SIDE)).astype(np.uint8),
        )


class HalvesNetwork(nn.Module):
    """Z, the layer "z": the brightness of the left half, and that of the right, each in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.ReLU())
        self.z = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 2, bias=False), nn.ReLU())
        self.output = nn.Linear(2, 2)
        left = (torch.arange(SIDE) < SIDE // 2).float().expand(SIDE, SIDE).flatten()
        with torch.no_grad():
            self.maps[0].weight.fill_(1 / 3)
            self.z[1].weight.copy_(torch.stack([left, 1 - left]) / (SIDE * SIDE / 2))
            self.output.weight.copy_(torch.tensor([[-3.0, 1.0], [4.0, -1.0]]))
            self.output.bias.copy_(torch.tensor([2.0, -1.0]))

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.z(self.maps(images)))


@pytest.fixture
def halves() -> Halves:
    """Six pictures, three of each class."""
    brightness = [(30, 200), (220, 90), (50, 120), (180, 10), (10, 250), (250, 60)]
    return Halves(brightness, [0, 1, 0, 1, 0, 1])


@pytest.fixture
def halves_layer() -> ExplainedLayer:
    """The layer "z" of `HalvesNetwork`, mapped at single pixels."""
    subject = Subject(
        HalvesNetwork(), class_names=Halves.class_names, preprocess=Preprocessing(height=SIDE, width=SIDE, **PLAIN)
    )
    return ExplainedLayer(subject=subject, layer="z", map_layer="maps.1")


@dataclass(frozen=True)
class PaintedWorld:
    """A few painted birds, and a network with chance weights that they are shown to."""

    settings: TrainSettings
    splits: Splits
    cache: FeatureCache
    explained: ExplainedLayer
    train: Readings
    test: Readings

    @property
    def subject(self) -> Subject:
        return self.explained.subject


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> PaintedWorld:
    """Two species, 10 training and 5 test pictures each, of 32 x 32 pixels. Read it, do not change it."""
    birds = partial(PaintedBirds, num_species=2, image_size=32, cache=tmp_path_factory.mktemp("birds"))
    train, test = birds("train", per_class=10), birds("test", per_class=5)
    splits = Splits(
        train=train, validation=birds("validation", per_class=1), test=test, without_part=partial(without_part, test),
        part_of_claim=host_of_claim, whole_parts=WHOLE_PARTS,
    )  # fmt: skip
    torch.manual_seed(0)
    network = ConvNet(2, widths=(8, 8), hidden=(12,)).eval()
    subject = Subject(network, class_names=train.class_names, preprocess=Preprocessing(height=32, width=32))
    with torch.no_grad():  # chance weights tell pictures apart by little, and prefer one class
        network.output.weight.mul_(20)
        network.output.bias.sub_(subject.logits(subject.preprocess([own.image for own in train])).mean(0))
    explained = ExplainedLayer.of(subject, "hidden.0", train, map_layer=None)
    cache = FeatureCache(tmp_path_factory.mktemp("cache"))
    settings = TrainSettings(
        data=DataSettings(name="birds", num_species=2, image_size=32), model=ModelSettings(variant="interpnet1")
    )
    return PaintedWorld(settings, splits, cache, explained, explained.read(train, cache), explained.read(test, cache))


@pytest.fixture
def painted_run(painted: PaintedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that holds the network of `painted`, whose data are those of `painted`."""
    run = Run.create(tmp_path / "run", painted.settings.to_json())
    save_subject(painted.subject, run.folder / CLASSIFIER)
    run.complete(CLASSIFIER, 0.0)
    monkeypatch.setattr("whynet.workflows.concepts.finding.open_data", lambda *_args, **_more: painted.splits)
    monkeypatch.setattr("whynet.workflows.concepts.finding.FeatureCache", lambda: painted.cache)
    return run


@pytest.fixture
def fit_context(tmp_path: Path) -> FitContext:
    """A place for checkpoints."""
    return FitContext(folder=tmp_path / "fit", seed=3, hardware=Hardware(device="cpu"), progress=False)
