"""Where an ascent starts: what is asked of it, an image for each question, and the limits of its pixels."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from whynet.attribution.signal import Model, Target, Units, check_question
from whynet.base.errors import SettingError
from whynet.base.seeding import generator
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject

Classes: TypeAlias = int | Sequence[int] | Tensor | Callable[[Tensor], Tensor] | None
"""A class, several of them, or a function of the logits that returns one number an image."""
Shape: TypeAlias = tuple[int, int, int]

STREAM = "activation maximisation"
_NOISE = 0.1
"""Standard deviation of the noise, in units of the input: about a tenth of that of pictures."""


def question_of(target: Classes, source: str | None, units: Units) -> tuple[Target, list[Hashable]]:
    """The target as `signal` takes it, and what is asked, one entry an image.

    Raises:
        SettingError: There is not just one of a target and units, or the target is no class and no list of classes.
    """
    if target is None or callable(target):
        check_question(target, source, units)
        return target, [None] if units is None else [
            tuple(unit) if isinstance(unit, Sequence) else unit for unit in units
        ]
    try:
        classes = torch.as_tensor(target)
    except (TypeError, ValueError, RuntimeError):
        classes = torch.empty(0)
    classes = classes[None] if classes.ndim == 0 else classes
    if classes.ndim != 1 or not len(classes) or classes.is_floating_point() or classes.dtype == torch.bool:
        raise SettingError(
            f"a class by its number, or a list of at least one, was expected as the target, not {target!r}"
        )
    check_question(classes, source, units)
    return classes, list(classes.tolist())


def start_images(
    model: Model, network: nn.Module, asked: Sequence[Hashable], images: Tensor | None, shape: Shape | None, seed: int
) -> Tensor:
    """One image for each question, from noise or from images; several images for one question are all taken.

    Raises:
        SettingError: Images and a shape came, or neither though the shape is unknown, or their numbers do not match.
    """
    if images is None:
        return _noise(_shape_of(model, shape), network, asked, seed)
    if shape is not None:
        raise SettingError(
            "images have a shape of their own; give either images or the shape of what starts from noise"
        )
    if not isinstance(images, Tensor) or images.ndim != 4:
        came = f"shape {tuple(images.shape)}" if isinstance(images, Tensor) else f"a {type(images).__name__}"
        raise SettingError(
            f"a batch of images (batch, channels, height, width) to start from was expected, not {came}; add an axis "
            "for the batch: images[None]"
        )
    if not len(images):
        raise SettingError("at least one image to start from was expected, and the batch is empty")
    if len(images) != len(asked) and 1 not in (len(images), len(asked)):
        raise SettingError(
            f"{len(asked)} classes or units and {len(images)} images to start from do not match; give one image for "
            "all, or one for each"
        )
    return images.detach().expand(max(len(asked), len(images)), -1, -1, -1)


def bounds(model: Model, images: Tensor) -> tuple[Tensor, Tensor]:
    """Black and white in the network's input, (1, channels, 1, 1); infinite where the preprocessing does not tell."""
    if isinstance(model, Subject) and isinstance(model.preprocess, Preprocessing) and images.shape[1] == 3:
        levels = torch.tensor([0, 255], dtype=torch.uint8, device=images.device).view(2, 1, 1, 1)
        ends = model.preprocess.normalise(levels.expand(-1, -1, -1, 3))
        return ends[:1], ends[1:]
    infinite = torch.full((1, images.shape[1], 1, 1), torch.inf, device=images.device)
    return -infinite, infinite


def _shape_of(model: Model, shape: Shape | None) -> Shape:
    if shape is not None:
        if len(shape) != 3 or min(shape) < 1:
            raise SettingError(f"a shape (channels, height, width) was expected, as (3, 224, 224), not {shape}")
        return shape
    preprocess = model.preprocess if isinstance(model, Subject) else None
    if not isinstance(preprocess, Preprocessing):
        raise SettingError(
            "the size of the network's input is unknown; give shape=(3, height, width), images to start from, or a "
            "Subject whose preprocess is a whynet.Preprocessing"
        )
    return 3, preprocess.height, preprocess.width


def _noise(shape: Shape, network: nn.Module, asked: Sequence[Hashable], seed: int) -> Tensor:
    weight = next((parameter for parameter in network.parameters() if parameter.is_floating_point()), torch.empty(0))
    times: dict[Hashable, int] = {}
    drawn = []
    for question in asked:  # the same for every class, so that images differ by their class alone
        times[question] = times.get(question, -1) + 1
        drawn.append(_NOISE * torch.randn(shape, generator=generator(seed, STREAM, "noise", times[question])))
    return torch.stack(drawn).to(device=weight.device, dtype=weight.dtype)
