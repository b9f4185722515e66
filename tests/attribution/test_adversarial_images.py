"""Adversarial images: against autograd's own gradient, within their bounds, and stronger than noise."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from whynet.attribution.adversarial_images import fgsm, pgd, sign_noise
from whynet.base.errors import SettingError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject

EPSILON = 4 / 255
PREPROCESSING = Preprocessing(height=12, width=10, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))


@pytest.fixture
def subject():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(), nn.Linear(640, 4))
    return Subject(network, class_names=tuple("abcd"), preprocess=PREPROCESSING)


@pytest.fixture
def images():
    pictures = torch.randint(256, (20, 12, 10, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return PREPROCESSING.normalise(pictures)


def levels(images):
    """From 0, black, to 1, white."""
    mean, std = torch.tensor(PREPROCESSING.mean), torch.tensor(PREPROCESSING.std)
    return images.permute(0, 2, 3, 1) * std + mean


def losses(subject, images, classes):
    return F.cross_entropy(subject.logits(images), classes, reduction="none")


def test_fgsm_steps_by_the_sign_of_the_gradient(subject, images):
    classes = subject.logits(images).argmax(1)
    given = images.clone().requires_grad_()
    subject.network.eval()
    F.cross_entropy(subject.network(given), classes, reduction="sum").backward()
    subject.network.train()
    expected = (levels(images) + EPSILON * given.grad.sign().permute(0, 2, 3, 1)).clamp(0, 1)
    torch.testing.assert_close(levels(fgsm(subject, images, classes, epsilon=EPSILON)), expected)
    assert subject.network.training


@pytest.mark.parametrize("attack", ["fgsm", "pgd", "noise"])
def test_no_value_moves_by_more_than_epsilon_or_beyond_black_and_white(subject, images, attack):
    classes = subject.logits(images).argmax(1)
    found = {
        "fgsm": lambda: fgsm(subject, images, classes, epsilon=EPSILON),
        "pgd": lambda: pgd(subject, images, classes, epsilon=EPSILON, steps=7),
        "noise": lambda: sign_noise(subject, images, epsilon=EPSILON),
    }[attack]()
    moved = (levels(found) - levels(images)).abs()
    assert float(moved.max()) <= EPSILON + 1e-6
    assert float(moved.mean()) > EPSILON / 2
    assert float(levels(found).min()) >= -1e-6
    assert float(levels(found).max()) <= 1 + 1e-6


def test_attacks_raise_the_loss_more_than_noise_and_pgd_most(subject, images):
    classes = subject.logits(images).argmax(1)
    before = losses(subject, images, classes)
    noise = losses(subject, sign_noise(subject, images, epsilon=EPSILON), classes) - before
    fast = losses(subject, fgsm(subject, images, classes, epsilon=EPSILON), classes) - before
    slow = losses(subject, pgd(subject, images, classes, epsilon=EPSILON, steps=20), classes) - before
    assert bool((fast > noise).all())
    assert float(slow.mean()) >= 0.99 * float(fast.mean())


def test_the_same_seed_gives_the_same_images(subject, images):
    classes = subject.logits(images).argmax(1)
    one, two, other = (pgd(subject, images, classes, epsilon=EPSILON, steps=2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    noise = [sign_noise(subject, images, epsilon=EPSILON, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], noise[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": 0.0}, "an epsilon above 0 and at most 1, .* not 0.0"),
        ({"epsilon": 1.5}, "not 1.5"),
        ({"steps": 0}, "at least one step was expected, not 0"),
        ({"classes": torch.tensor([0])}, r"one class from 0 to 3 for each of 20 images was expected, not \[0\]"),
        ({"classes": torch.full((20,), 4)}, "one class from 0 to 3"),
    ],
)
def test_what_cannot_be_attacked(subject, images, changes, message):
    given = {"classes": torch.zeros(20, dtype=torch.long), "epsilon": EPSILON, "steps": 2} | changes
    classes = given.pop("classes")
    with pytest.raises(SettingError, match=message):
        pgd(subject, images, classes, **given)


def test_a_preprocessing_of_ones_own_has_no_black_and_white(images):
    subject = Subject(nn.Flatten(), class_names=("a",), preprocess=lambda _: images)
    with pytest.raises(SettingError, match="says what black and white are; give the subject one"):
        sign_noise(subject, images, epsilon=EPSILON)
