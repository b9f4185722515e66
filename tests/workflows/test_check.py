"""Figures of methods on an untrained network and painted birds: what must hold does, and what cannot be is told."""

import json
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.attribution import saliency
from whynet.attribution.excitation_rules import RULES
from whynet.attribution.methods import METHODS
from whynet.base.errors import SettingError, SubjectError
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.example import Example, ExampleDataset
from whynet.metrics import PointingGame, area, box_regions, deletion
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows import checked_pictures
from whynet.workflows.check import check

NUM_IMAGES = 4


def subject_of(network):
    return Subject(network, class_names=("a", "b", "c"), preprocess=Preprocessing(height=32, width=32))


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    return PaintedBirds("test", num_species=3, per_class=4, image_size=32, cache=tmp_path_factory.mktemp("birds"))


@pytest.fixture(scope="module")
def subject():
    torch.manual_seed(0)
    return subject_of(ConvNet(3, widths=(8, 16), hidden=(12,)))


@pytest.fixture(scope="module")
def results(subject, birds):
    subject.network.train()
    before = [value.clone() for value in subject.network.state_dict().values()]
    found = check(
        subject, birds, list(METHODS), layer="blocks.0", conservation_layers=["blocks.1"], num_images=NUM_IMAGES,
        num_steps=4, seed=3,
    )  # fmt: skip
    assert subject.network.training
    after = subject.network.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    return found


def test_every_method_has_every_figure(results):
    assert list(results["methods"]) == list(METHODS)
    for name, figures in results["methods"].items():
        assert figures["missing"] == {}
        assert set(figures) - {"missing", "notes", "blank", "layer"} == {
            "randomisation", "shift", "pointing", "deletion", "insertion",
            *(["conservation"] if name == "excitation_backprop" else []),
        }  # fmt: skip
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_what_must_hold_of_any_network_holds(results):
    for figures in results["methods"].values():
        assert figures["shift"]["worst"] < 1e-3  # behind the first layer both networks are the same
        assert -1 <= figures["randomisation"]["all_layers"]["rank_correlation"] <= 1
        assert figures["randomisation"]["top_layer"]["layer"] == "output"
        assert figures["randomisation"]["all_layers"]["layer"] == "blocks.0.0"
    sums = results["methods"]["excitation_backprop"]["conservation"]
    assert [own["layer"] for own in sums] == ["blocks.0", "blocks.1"]
    assert all(own["kept"] == 1 and own["error"] < 1e-4 for own in sums)
    assert results["floors"]["pointing"]["box"]["n"] == NUM_IMAGES
    # A bird fills its box less than wholly.
    assert results["floors"]["pointing"]["part"]["chance"] < results["floors"]["pointing"]["box"]["chance"] < 1


def test_figures_are_those_of_the_metrics(results, subject, birds):
    """Put together here by hand from the pictures that were drawn."""
    shown = [birds[list(birds.names).index(name)] for name in results["pictures"]]
    images = subject.preprocess([example.image for example in shown])
    classes = subject.logits(images).argmax(1)
    maps = saliency(subject.network, images, classes, layer="blocks.0")
    game = PointingGame()
    game.update(maps, box_regions(torch.tensor([example.box for example in shown]), 32, 32))
    found = results["methods"]["saliency"]
    assert found["pointing"]["box"]["accuracy"] == pytest.approx(game.compute()["accuracy"])
    assert results["floors"]["pointing"]["box"]["chance"] == pytest.approx(game.compute()["chance"])
    curve = deletion(lambda own: subject.logits(own).softmax(1), images, maps, classes, num_steps=4, seed=3)
    assert found["deletion"]["area"] == pytest.approx(float(area(curve).mean()), abs=1e-5)


def test_the_same_seed_gives_the_same_figures(results, subject, birds):
    again = check(
        subject, birds, ["grad_cam"], layer="blocks.0", num_images=NUM_IMAGES, num_steps=4, seed=3,
    )  # fmt: skip
    expected = results["methods"]["grad_cam"]
    assert again["methods"]["grad_cam"] == expected
    assert again["floors"] == results["floors"]
    other = check(subject, birds, ["grad_cam"], layer="blocks.0", num_images=NUM_IMAGES, num_steps=4, seed=4)
    assert other["pictures"] != results["pictures"]


def test_a_method_that_cannot_work_does_not_spoil_the_others(birds):
    torch.manual_seed(0)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3))
    found = check(subject_of(flat), birds, ["grad_cam", "saliency"], num_images=2, num_steps=2)["methods"]
    assert list(found["grad_cam"]) == ["missing"]
    assert "runs no convolution before what is explained" in found["grad_cam"]["missing"]["maps"]
    assert "maps" not in found["saliency"]["missing"]


def test_methods_of_maps_are_read_at_the_last_convolutional_layer(subject, birds):
    found = check(subject, birds, ["grad_cam", "saliency"], num_images=2, num_steps=2)["methods"]
    assert found["saliency"]["layer"] is None
    assert found["grad_cam"]["layer"].startswith("blocks.1")
    assert found["grad_cam"]["missing"] == {}


class Attention(nn.Module):
    """A transformer of one layer, whose attention excitation backprop has no rule for."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, stride=8)
        self.mix = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.head((tokens + self.mix(tokens, tokens, tokens, need_weights=False)[0]).mean(1))


def test_a_transformer_is_checked_with_what_can_explain_it(birds):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = check(
            subject_of(Attention()), birds, ["saliency", "guided_backprop", "excitation_backprop"], num_images=2,
            num_steps=2,
        )["methods"]  # fmt: skip
    assert found["saliency"]["missing"] == {}
    assert found["saliency"]["shift"]["worst"] < 1e-3
    assert "plain gradient" in found["guided_backprop"]["notes"][0]
    assert "has no rule in excitation backprop" in found["excitation_backprop"]["missing"]["maps"]


def test_a_layer_of_vectors_has_no_pointing_game_and_no_curves(subject, birds):
    found = check(subject, birds, ["excitation_backprop"], layer="feature", num_images=2, num_steps=2)
    figures = found["methods"]["excitation_backprop"]
    assert set(figures["missing"]) == {"pointing", "deletion", "insertion"}
    assert "name a layer of maps" in figures["missing"]["pointing"]
    assert figures["randomisation"]["top_layer"]["ssim"] is None


class Plain(ExampleDataset):
    """Pictures of which nothing is known."""

    class_names = ("a", "b", "c")
    names = labels = captions = range(3)

    def __getitem__(self, index):
        draw = np.random.default_rng(index)
        return Example(name=str(index), image=draw.integers(0, 256, (20, 30, 3), np.uint8), label=0)


class Twice(nn.Module):
    """Uses the images twice, so that no shift can be hidden from it; its second class fires through its bias alone."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.head = nn.Linear(3, 3)
        with torch.no_grad():
            self.head.weight[1] = -1
            self.head.bias[1] = 100

    def forward(self, images):
        return self.head((torch.relu(self.stem(images)) + torch.relu(images)).mean((2, 3)))


def test_each_figure_that_is_absent_has_its_reason():
    torch.manual_seed(0)
    found = check(subject_of(Twice()), Plain(), ["excitation_backprop"], num_images=5, num_steps=2)
    figures = found["methods"]["excitation_backprop"]
    assert found["num_images"] == 3  # all there are
    assert set(figures["missing"]) == {"shift", "pointing"}
    assert "the images are used elsewhere" in figures["missing"]["shift"]
    assert "no boxes and no part masks" in figures["missing"]["pointing"]
    assert figures["blank"] == 3
    assert figures["conservation"][0]["worst_sum"] is None
    assert figures["conservation"][0]["blank"] == 3
    assert found["floors"]["pointing"] == {}
    (note,) = figures["notes"]
    assert note.startswith("100.0% of the probability stopped")
    assert note.endswith("100.0% in linear in head")
    named = check(subject_of(Twice()), Plain(), ["excitation_backprop"], target="a", num_images=2, num_steps=2)
    assert named["methods"]["excitation_backprop"]["blank"] == 0


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"methods": ["saliency", "gradcam"]}, SettingError, "'gradcam' is unknown; the methods are saliency"),
        ({"methods": []}, SettingError, "at least one method"),
        ({"layer": "block.1"}, SubjectError, "no layer 'block.1'; near names are blocks"),
        ({"conservation_layers": ["nowhere"]}, SubjectError, "no layer 'nowhere'"),
        ({"target": "d"}, SettingError, "has no class 'd'; its classes are a, b, c"),
        ({"num_images": 0}, SettingError, "at least 1 picture and 1 step"),
    ],
)
def test_a_wrong_request_is_told_before_a_picture_is_opened(subject, changes, error, message):
    with pytest.raises(error, match=message):
        check(**{"subject": subject, "examples": Plain().subset([]), "methods": ["saliency"], **changes})


def test_where_a_probability_leaks_or_stops_is_told(birds, monkeypatch):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    network[4].weight.data.copy_(torch.tensor([[1.0, 1, 1, 1], [-1, -1, -1, -1], [-1, -1, -1, -1]]))
    network[4].bias.data.copy_(torch.tensor([-99.0, 0, 1]))
    told = check(subject_of(network), birds, ["excitation_backprop"], layer="1", num_images=2, num_steps=2)
    (note,) = told["methods"]["excitation_backprop"]["notes"]
    assert note.endswith("100.0% in linear in 4")
    network[4].bias.data.zero_()
    monkeypatch.setitem(RULES, F.adaptive_avg_pool2d, lambda _mode, func, args, kwargs: 2 * func(*args, **kwargs))
    told = check(subject_of(network), birds, ["excitation_backprop"], layer="1", num_images=2, num_steps=2)
    assert "adaptive_avg_pool2d in 2 passed" in told["methods"]["excitation_backprop"]["missing"]["conservation"]


def test_maps_that_go_blank_are_no_good_sign(subject, birds, monkeypatch):
    def blank_elsewhere(_name, network, images, *_args, **_options):
        return images[:, 0].abs() * (network is subject.network)

    monkeypatch.setattr(checked_pictures, "heat_map", blank_elsewhere)
    found = check(subject, birds, ["saliency"], num_images=3, num_steps=2)
    for own in found["methods"]["saliency"]["randomisation"].values():
        assert own["blank"] == 3
        assert own["rank_correlation"] is None
        assert own["ssim"] is None
