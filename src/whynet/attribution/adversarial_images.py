"""Adversarial images: changed by less than one sees, so that the network decides otherwise.

Goodfellow, Shlens & Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, arXiv:1412.6572 (FGSM), and
Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, arXiv:1706.06083 (PGD). With
the cross-entropy L of the class y that the network shall leave,

    FGSM:  x' = clip(x + epsilon sign(dL / dx))
    PGD:   x_0 drawn evenly from the cube |x' - x| <= epsilon,  x_(t+1) = clip(project(x_t + step sign(dL / dx_t)))

Their control is noise of the same size, x' = clip(x + epsilon s) with signs s drawn at random. Sizes are shares of the
range from black to white, in every channel; `clip` keeps to that range, `project` to the cube.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from whynet.attribution.passage import network_of, run
from whynet.attribution.rectifiers import RectifierMode
from whynet.base.errors import SettingError
from whynet.base.seeding import generator
from whynet.base.types import Images
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject


def fgsm(subject: Subject, images: Images, classes: Int[Tensor, " targets"], *, epsilon: float) -> Images:
    """Images one step away from their classes.

    Args:
        subject: Its preprocessing tells what black and white are; it is left as it was.
        images: Preprocessed.
        classes: One an image, which the network shall leave.
        epsilon: How far each value may move, as a share of the range from black to white.

    Raises:
        SettingError: Epsilon is not above 0 and at most 1, there is not one class an image, or the preprocessing is the
            user's own.
        SubjectError: The network does not take the images.
    """
    box = _Box(subject, images, epsilon)
    _check_classes(subject, images, classes)
    return box.clipped(images + epsilon * box.unit * _gradient(subject, images, classes).sign())


def pgd(
    subject: Subject,
    images: Images,
    classes: Int[Tensor, " targets"],
    *,
    epsilon: float,
    steps: int = 10,
    seed: int = 0,
) -> Images:
    """Images many small steps away from their classes, from a random beginning; each step is 2.5 epsilon / steps.

    Args:
        subject: As of `fgsm`.
        images: Preprocessed.
        classes: One an image.
        epsilon: As of `fgsm`.
        steps: How many.
        seed: Of the beginning.

    Raises:
        SettingError: As of `fgsm`, or there is no step.
        SubjectError: The network does not take the images.
    """
    if steps < 1:
        raise SettingError(f"at least one step was expected, not {steps}")
    box = _Box(subject, images, epsilon)
    _check_classes(subject, images, classes)
    start = torch.rand(images.shape, generator=generator(seed, "pgd")).to(images) * 2 - 1
    found = box.clipped(images + epsilon * box.unit * start)
    for _ in range(steps):
        moved = found + 2.5 * epsilon / steps * box.unit * _gradient(subject, found, classes).sign()
        found = box.clipped(images + (moved - images).clamp(-epsilon * box.unit, epsilon * box.unit))
    return found


def sign_noise(subject: Subject, images: Images, *, epsilon: float, seed: int = 0) -> Images:
    """Images changed by as much as `fgsm` does, in a direction drawn at random; arguments and errors as there."""
    box = _Box(subject, images, epsilon)
    signs = torch.randint(2, images.shape, generator=generator(seed, "noise")).to(images) * 2 - 1
    return box.clipped(images + epsilon * box.unit * signs)


class _Box:
    """Black and white in the network's input, and what separates them: (channels, 1, 1) each."""

    def __init__(self, subject: Subject, images: Images, epsilon: float) -> None:
        if not 0 < epsilon <= 1:
            raise SettingError(
                f"an epsilon above 0 and at most 1, the range from black to white, was expected, not {epsilon}"
            )
        preprocess = subject.preprocess
        if not isinstance(preprocess, Preprocessing):
            raise SettingError(
                "a whynet Preprocessing was expected, which says what black and white are; give the subject one"
            )
        mean, std = (torch.tensor(own)[:, None, None].to(images) for own in (preprocess.mean, preprocess.std))
        self.unit = 1 / std
        self.black, self.white = -mean / std, (1 - mean) / std

    def clipped(self, images: Tensor) -> Tensor:
        """Between black and white."""
        return torch.minimum(torch.maximum(images, self.black), self.white)


def _check_classes(subject: Subject, images: Images, classes: Int[Tensor, " targets"]) -> None:
    count = len(subject.class_names)
    if len(classes) != len(images) or (len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < count):
        raise SettingError(
            f"one class from 0 to {count - 1} for each of {len(images)} images was expected, not {classes.tolist()}"
        )


def _gradient(subject: Subject, images: Images, classes: Int[Tensor, " targets"]) -> Images:
    """Of each image's cross-entropy."""
    network = network_of(subject)
    passage = run(network, images, RectifierMode({}, network))
    logits = subject.check_logits(passage.output)
    # The derivative of the cross-entropy by the logits.
    signal = logits.detach().softmax(1) - F.one_hot(classes.to(logits.device), logits.shape[1])
    return passage.back(signal.to(logits.dtype))
