import numpy as np
import pytest
import torch

from whynet.base.errors import SettingError
from whynet.data.example import Example, ExampleDataset
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.training.augmentation import augmented
from whynet.training.classifier import FeaturePairs, HeadTraining, train_classifier, train_head
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.pictures import ResizedPictures
from whynet.training.settings import ClassifierSettings


class Stripes(ExampleDataset):
    """Two classes that any network can tell apart: bright above or bright below."""

    class_names = ("above", "below")

    def __init__(self, count):
        self.labels = [index % 2 for index in range(count)]
        self.names = [str(index) for index in range(count)]
        self.captions = [()] * count

    def __getitem__(self, index):
        picture = np.random.default_rng(index).integers(0, 120, (20, 26, 3), np.uint8)
        picture[:10] += np.uint8(120 * (1 - self.labels[index]))
        picture[10:] += np.uint8(120 * self.labels[index])
        return Example(name=self.names[index], image=picture, label=self.labels[index])


def test_learns_and_resumes_to_the_same_numbers(tmp_path):
    preprocessing = Preprocessing(height=16, width=16)
    ends = []
    for name, epochs in (("unbroken", [5]), ("broken", [2, 5])):
        for until in epochs:
            torch.manual_seed(0)
            network = ConvNet(2, widths=(8, 16), hidden=(10,))
            history = train_classifier(
                network, preprocessing, Stripes(65), Stripes(20), ClassifierSettings(epochs=until, batch_size=16),
                FitContext(folder=tmp_path / name, seed=0, hardware=Hardware(device="cpu"), progress=False),
            )  # fmt: skip
        ends.append((history, network))
    (first, one), (second, other) = ends
    assert first == second
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert first[-1]["val_accuracy"] == 1
    subject = Subject(one, class_names=Stripes.class_names, preprocess=preprocessing)
    examples = [Stripes(40)[index] for index in range(40)]
    predicted = subject.logits(preprocessing([example.image for example in examples])).argmax(1)
    assert predicted.tolist() == [example.label for example in examples]


def test_pictures_are_the_same_in_memory_and_opened_each_time():
    preprocessing = Preprocessing(height=7, width=9)
    held, opened = (
        ResizedPictures(Stripes(5), preprocessing),
        ResizedPictures(Stripes(5), preprocessing, memory_limit=0),
    )
    assert held.pictures is not None
    assert opened.pictures is None
    for index in range(5):
        assert torch.equal(held[index][0], opened[index][0])
        assert held[index][1] == opened[index][1] == Stripes(5).labels[index]


def test_augmentation_mirrors_shifts_and_relights():
    images = torch.randn(64, 3, 8, 8)
    torch.manual_seed(0)
    still = augmented(images, shift=0.0, relight=0.0)
    mirrored = [bool(torch.allclose(a, b.flip(-1), atol=1e-5)) for a, b in zip(still, images, strict=True)]
    same = [bool(torch.allclose(a, b, atol=1e-5)) for a, b in zip(still, images, strict=True)]
    assert all(m or s for m, s in zip(mirrored, same, strict=True))
    assert 16 < sum(mirrored) < 48
    assert not torch.allclose(augmented(images, shift=0.2, relight=0.0).abs(), still.abs())
    lit = augmented(torch.zeros(64, 3, 8, 8), shift=0.0, relight=0.3)
    assert 0.3 < float(lit.abs().max()) <= 0.6


def test_hardware_errors():
    with pytest.raises(SettingError, match="device 'abacus' is not available"):
        Hardware(device="abacus")
    with pytest.raises(SettingError, match="at least one device"):
        Hardware(devices=0)
    if not torch.cuda.is_available():
        with pytest.raises(SettingError, match="device 'cuda' is not available here; use --device cpu"):
            Hardware(device="cuda")


def test_a_head_learns_on_features_and_leaves_the_blocks_as_they_are(tmp_path, monkeypatch):
    preprocessing = Preprocessing(height=16, width=16)
    torch.manual_seed(0)
    whole = ConvNet(2, widths=(8, 16), hidden=())
    train_classifier(
        whole, preprocessing, Stripes(65), Stripes(20), ClassifierSettings(epochs=3, batch_size=16),
        FitContext(folder=tmp_path / "whole", seed=0, hardware=Hardware(device="cpu"), progress=False),
    )  # fmt: skip
    network = whole.eval().with_head((12, 6))
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def features(examples):
        images = preprocessing([examples[index].image for index in range(len(examples))])
        with torch.no_grad():
            return FeaturePairs(whole.feature(whole.blocks(images)), torch.tensor(examples.labels))

    step, wanting = HeadTraining.training_step, set()

    def watched(self, batch, index):
        wanting.update(name for name, parameter in self.network.named_parameters() if parameter.requires_grad)
        return step(self, batch, index)

    monkeypatch.setattr(HeadTraining, "training_step", watched)
    history = train_head(
        network, features(Stripes(65)), features(Stripes(20)), ClassifierSettings(epochs=6, batch_size=16),
        FitContext(folder=tmp_path / "head", seed=0, hardware=Hardware(device="cpu"), progress=False),
    )  # fmt: skip
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in changed} == {"hidden", "output"}
    # With several processes, each parameter that wants a gradient must get one.
    assert {name.split(".")[0] for name in wanting} == {"hidden", "output"}
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert history[-1]["val_accuracy"] > 0.9
    images = preprocessing([Stripes(40)[index].image for index in range(40)])
    with torch.no_grad():
        assert torch.equal(network.eval()(images), network.classify(whole.feature(whole.blocks(images))))
