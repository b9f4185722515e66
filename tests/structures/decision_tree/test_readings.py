"""Readings: position by position from their equations, on a network whose logit is known."""

import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError, SubjectError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.structures.decision_tree.readings import read, read_for_fitting


class Placed(nn.Module):
    """Maps, and logits that look at each position with a weight of its own, through a rectifier."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4 * 3, 6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, images):
        return self.head(self.maps(images))


@pytest.fixture
def subject():
    torch.manual_seed(0)
    return Subject(Placed().eval(), class_names=("a", "b", "c"), preprocess=Preprocessing(height=8, width=6))


@pytest.fixture
def images():
    return torch.rand(5, 3, 8, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1


def fitted(subject, images, target, pooling):
    """Readings and scales where the network puts all images into the class."""
    with torch.no_grad():
        subject.network.head[3].bias[target] += 100
    found = read_for_fitting(subject, "maps", images, target, pooling)
    assert found.rows == (0, 1, 2, 3, 4)
    return found.readings, found.scales


def test_images_of_other_classes_change_nothing(subject, images):
    classes = subject.logits(images).argmax(1)
    target = int(classes.mode().values)
    with torch.no_grad():  # so that there is another class
        subject.network.head[3].bias[target] -= float(subject.logits(images)[0].max() - subject.logits(images)[0].min())
    classes = subject.logits(images).argmax(1)
    target = int(classes[0])
    rows = (classes == target).nonzero()[:, 0].tolist()
    every = read_for_fitting(subject, "maps", images, target, "active")
    alone = read_for_fitting(subject, "maps", images[rows], target, "active")
    assert every.rows == tuple(rows)
    assert every.num_images == 5
    torch.testing.assert_close(every.scales, alone.scales)
    torch.testing.assert_close(every.readings.gradients, alone.readings.gradients)


@pytest.mark.parametrize("pooling", ["active", "mean"])
def test_each_reading_is_its_equation(subject, images, pooling):
    found, scales = fitted(subject, images, 1, pooling)
    maps = subject.network.maps(images).detach().requires_grad_()
    logits = subject.network.head(maps)
    (slopes,) = torch.autograd.grad(logits[:, 1].sum(), maps)
    maps, slopes = maps.detach().double(), slopes.double()
    for d in range(4):
        fired = [float(value) for value in maps[:, d].flatten() if value > 0]
        scale = sum(fired) / len(fired)
        assert float(scales[d]) == pytest.approx(scale)
        for i in range(5):
            total = float(maps[i, d].sum())
            assert float(found.activations[i, d]) == pytest.approx(total / scale)
            expected = float(slopes[i, d].mean()) * scale
            if pooling == "active" and total:
                expected = scale * float((slopes[i, d] * maps[i, d]).sum()) / total
            assert float(found.gradients[i, d]) == pytest.approx(expected)
    assert torch.equal(found.logits, logits.detach())
    exact = (found.gradients * found.activations).sum(1) + found.biases
    torch.testing.assert_close(exact, logits[:, 1].detach().double())


def test_weighted_gradients_leave_to_the_bias_only_what_no_filter_adds(subject, images):
    """Of a network that is linear from piece to piece, each contribution is gradient times activation."""
    with torch.no_grad():
        for layer in (subject.network.head[1], subject.network.head[3]):
            layer.bias.zero_()
    found, _ = fitted(subject, images, 0, "active")
    torch.testing.assert_close(found.biases, torch.full((5,), 100.0, dtype=torch.double), atol=1e-4, rtol=0)
    blunt, _ = fitted(subject, images, 0, "mean")
    assert float((blunt.biases - 200).abs().max()) > 1e-2


def test_other_images_are_read_with_the_scales_of_the_fitted_ones(subject, images):
    own, scales = fitted(subject, images, 2, "active")
    again = read(subject, "maps", [images[:2], images[2:]], 2, "active", scales)
    torch.testing.assert_close(again.activations, own.activations)
    torch.testing.assert_close(again.gradients, own.gradients)
    assert again.outputs.tolist() == own.outputs.tolist()


def test_a_filter_that_never_fires_has_its_mean_gradient(subject, images):
    with torch.no_grad():
        subject.network.maps[0].weight[2] = 0
        subject.network.maps[0].bias[2] = -1
    found, scales = fitted(subject, images, 0, "active")
    assert float(scales[2]) == 1
    assert found.activations[:, 2].tolist() == [0] * 5
    assert bool(found.gradients[:, 2].isfinite().all())
    assert bool(found.gradients[:, 2].any())


@pytest.mark.parametrize(
    ("layer", "target", "count", "error", "message"),
    [
        ("maps", 3, 2, SettingError, "a class from 0 to 2 was expected, not 3"),
        ("maps", -1, 2, SettingError, "not -1"),
        ("maps", 0, 0, SettingError, "a tree needs at least one image, none came"),
        ("head.1", 0, 2, SubjectError, "has no maps"),
        ("other", 0, 2, SubjectError, "has no layer 'other'"),
    ],
)
def test_what_cannot_be_read(subject, images, layer, target, count, error, message):
    with pytest.raises(error, match=message):
        read_for_fitting(subject, layer, images[:count], target, "active")


def test_a_logit_that_does_not_depend_on_the_layer_is_refused(subject, images):
    with torch.no_grad():
        subject.network.head[1].weight.zero_()
    with pytest.raises(SubjectError, match="does not depend on layer 'maps' in any of 5 images"):
        fitted(subject, images, 0, "active")


def test_a_layer_of_other_width_is_refused(subject, images):
    with pytest.raises(SubjectError, match="with 7 filters was expected, as when the tree was fitted, not with 4"):
        read(subject, "maps", images, 0, "active", torch.ones(7, dtype=torch.double))


class Rooted(nn.Module):
    """A finite logit whose gradient is infinite where the map is 0."""

    def __init__(self):
        super().__init__()
        self.maps = nn.ReLU()

    def forward(self, images):
        return self.maps(images).sqrt().sum((2, 3))


def test_a_gradient_that_is_not_finite_is_refused(images):
    subject = Subject(Rooted().eval(), class_names=("a", "b", "c"), preprocess=Preprocessing(height=8, width=6))
    assert bool(subject.logits(images).isfinite().all())
    with pytest.raises(
        SubjectError, match="layer 'maps', or the gradient of class 0 there, holds NaN or infinite values"
    ):
        read_for_fitting(subject, "maps", images, 0, "active")


class Aside(nn.Module):
    """Maps to which no logit leads back."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(3, 4, 1)

    def forward(self, images):
        self.maps(images)
        return images.mean((2, 3))


def test_a_layer_that_leads_nowhere_is_refused(images):
    subject = Subject(Aside().eval(), class_names=("a", "b", "c"), preprocess=Preprocessing(height=8, width=6))
    with pytest.raises(SubjectError, match="nothing leads from layer .maps. to what is explained"):
        read_for_fitting(subject, "maps", images, 0, "active")
