"""An ascent starts from noise or from images, and says what it cannot start from."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from whynet.attribution import FROM_IMAGES, FROM_NOISE, activation_maximisation, as_pictures
from whynet.attribution.ascent_start import question_of, start_images
from whynet.base.errors import SettingError, SubjectError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject

SHAPE = (3, 12, 10)


@pytest.fixture
def net():
    torch.manual_seed(0)
    layers = {"conv": nn.Conv2d(3, 6, 3, padding=1), "relu": nn.ReLU(), "flat": nn.Flatten(), "last": nn.Linear(720, 4)}
    return nn.Sequential(OrderedDict(layers))


@pytest.fixture
def subject(net):
    preprocess = Preprocessing(height=12, width=10, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    return Subject(net, class_names=["cat", "dog", "ant", "bee"], preprocess=preprocess, name="own net")


@pytest.fixture
def images():
    return torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(1))


def ascend(net, *args, **options):
    options = {"shape": None if "images" in options else SHAPE, "steps": 20, **options}
    return activation_maximisation(net, *args, **options)


def test_what_starts_from_images(net, images):
    own = images.clone()
    paired = ascend(net, [0, 1, 2], images=images, steps=5)
    several = ascend(net, torch.tensor([0, 1]), images=images[:1], steps=5)
    assert (paired.shape, several.shape) == ((3, *SHAPE), (2, *SHAPE))
    torch.testing.assert_close(paired[:1], several[:1], rtol=1e-4, atol=1e-4)
    units = ascend(net, source="conv", units=[4], images=images, steps=5)
    torch.testing.assert_close(units, ascend(net, source="conv", units=[4, 4, 4], images=images, steps=5))
    assert torch.equal(images, own)
    assert torch.equal(ascend(net, 1, images=images), ascend(net, 1, images=images, regularisers=FROM_IMAGES))
    assert torch.equal(ascend(net, 1), ascend(net, 1, regularisers=FROM_NOISE))


def test_a_subject_knows_the_size_and_black_and_white(subject):
    found = activation_maximisation(subject, [0, 3], steps=30, learning_rate=0.5)
    assert found.shape == (2, *SHAPE)
    black, white = subject.preprocess([np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 255, np.uint8)])
    assert (found >= black).all()
    assert (found <= white).all()
    assert (found == white).any()
    bare = ascend(subject.network, [0, 3], steps=30, learning_rate=0.5)
    assert (bare > white).any()
    (picture,) = as_pictures(found[:1], subject)
    torch.testing.assert_close(subject.preprocess([picture]), found[:1], rtol=0, atol=0.51 / 255 / 0.2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": 4}, SettingError, "classes from 0 to 3 were expected, not 4"),
        ({"target": [0, -1]}, SettingError, "classes from 0 to 3 were expected, not -1"),
        ({"target": []}, SettingError, r"a class by its number, or a list of at least one, .* not \[\]"),
        ({"target": torch.tensor([0.5])}, SettingError, "a class by its number, or a list"),
        ({"target": torch.tensor([[1]])}, SettingError, "a class by its number, or a list"),
        ({}, SettingError, "either a target .* or units .* was expected"),
        ({"target": 1, "units": [1]}, SettingError, "either a target .* or units"),
        ({"target": 1, "source": "conv"}, SettingError, "a target is a class of the logits, but source is 'conv'"),
        ({"source": "conv", "units": []}, SettingError, "at least one unit was expected"),
        ({"source": "conv", "units": [6]}, SettingError, r"unit 6 was expected to be a channel .* \(6, 12, 10\)"),
        ({"source": "conv", "units": [(0, 12, 0)]}, SettingError, r"unit \(0, 12, 0\) was expected"),
        ({"source": "cnov", "units": [1]}, SubjectError, "has no layer 'cnov'; near names are conv"),
        ({"target": 1, "shape": None}, SettingError, r"the size of the network's input is unknown; give shape=\(3,"),
        ({"target": 1, "shape": (3, 0, 4)}, SettingError, r"a shape \(channels, height, width\) was expected"),
        ({"target": 1, "images": torch.zeros(1, *SHAPE), "shape": SHAPE}, SettingError, "give either images or the sh"),
        ({"target": 1, "images": torch.zeros(SHAPE)}, SettingError, r"not shape \(3, 12, 10\); add an axis"),
        ({"target": [1, 2], "images": torch.zeros(3, *SHAPE)}, SettingError, "2 classes or units and 3 images"),
        ({"target": 1, "images": torch.zeros(0, *SHAPE)}, SettingError, "the batch is empty"),
        ({"target": 1, "images": torch.full((1, *SHAPE), torch.nan)}, SettingError, "the images hold NaN"),
        (
            {"target": 1, "images": torch.zeros(1, *SHAPE).byte()},
            SettingError,
            "floating-point numbers, not torch.uint8",
        ),
        ({"target": 1, "steps": 0}, SettingError, "at least 1 step was expected, not 0"),
        ({"target": 1, "learning_rate": -0.1}, SettingError, "a positive learning rate was expected, not -0.1"),
        ({"target": 1, "learning_rate": float("nan")}, SettingError, "a positive learning rate"),
        ({"target": 1, "seed": -1}, SettingError, "a seed lies between 0"),
    ],
)
def test_bad_questions(net, options, error, message):
    with pytest.raises(error, match=message):
        ascend(net, **options)


def test_a_subject_whose_preprocessing_tells_no_size_is_told(net):
    subject = Subject(net, class_names=list("abcd"), preprocess=lambda _: torch.zeros(1, *SHAPE))
    with pytest.raises(SettingError, match=r"a Subject whose preprocess is a whynet.Preprocessing"):
        activation_maximisation(subject, 1)
    assert activation_maximisation(subject, 1, shape=SHAPE, steps=1).shape == (1, *SHAPE)


def unchecked(function):
    """Without the tests' type checker."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def test_what_is_no_class_and_no_batch_is_told(net):
    with pytest.raises(SettingError, match="a class by its number, or a list of at least one, .* not 'cat'"):
        unchecked(question_of)("cat", None, None)
    with pytest.raises(SettingError, match="to start from was expected, not a list"):
        unchecked(start_images)(net, net, [1], [[0.0]], None, 0)
