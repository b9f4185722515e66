"""Deletion and insertion: does the class go and come with the pixels that a heat map calls important?

Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018,
arXiv:1806.07421, section 4.2. Pixels are changed in the order of the map, the most important first:

    deletion     from the image to an empty one: a good map makes the probability fall at once, so its area is small
    insertion    from a blurred image to the image: a good map makes it rise at once, so its area is large
    area         of the curve of p(class) over the share of changed pixels in [0, 1], by trapezoids

As in the paper, deleted pixels are 0 in the network's input (the mean colour where it is normalised), and the blur is
a Gaussian of 11 x 11 pixels with a standard deviation of 5.

A network answers to holes as well as to what is gone, and fine noise makes more of them than a smooth map does. So no
area means much alone: put beside it that of a random map of the same resolution, and of a map that goes from the
centre outwards (`centre_map`).

Differs from the paper: pixels of equal importance come in a random order, not row by row. The number of steps is given
rather than the number of pixels in each.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.base.seeding import generator
from whynet.base.types import Images, Labels

Classify: TypeAlias = Callable[[Tensor], Tensor]
"""Maps images (batch, channels, height, width) to probabilities (batch, classes)."""

BLUR_PIXELS, BLUR_SIGMA = 11, 5.0
NUM_STEPS = 20
BATCH_SIZE = 64


def deletion(
    probabilities: Classify,
    images: Images,
    maps: Float[Tensor, "batch rows columns"],
    classes: Labels,
    *,
    num_steps: int = NUM_STEPS,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
) -> Float[Tensor, "batch points"]:
    """The probability of each image's class while its pixels are set to 0.

    Args:
        probabilities: The network.
        images: Preprocessed.
        maps: Of any resolution; enlarged bilinearly.
        classes: Whose probability is followed, one an image.
        num_steps: In how many equal steps the pixels are changed, at least 1.
        batch_size: Most images a call of `probabilities`.
        seed: Of the order of pixels that are equally important.

    Returns:
        In [0, 1]; the first of num_steps + 1 points is the image, the last the empty one. `area` sums it up, and lower
        is better.

    Raises:
        SettingError: The number of steps or the batch size is below 1.
        DataError: A map holds NaN or infinite values, a class does not exist, or what `probabilities` returns are none.
    """
    order = pixel_order(maps, images.shape[2], images.shape[3], seed=seed)
    return _curve(probabilities, images, torch.zeros_like(images), order, classes, num_steps, batch_size)


def insertion(
    probabilities: Classify,
    images: Images,
    maps: Float[Tensor, "batch rows columns"],
    classes: Labels,
    *,
    num_steps: int = NUM_STEPS,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
) -> Float[Tensor, "batch points"]:
    """The probability of each image's class while its pixels are put into a blurred copy.

    Arguments and errors are those of `deletion`.

    Returns:
        In [0, 1]; the first of num_steps + 1 points is the blurred image, the last the image. `area` sums it up, and
        higher is better.
    """
    order = pixel_order(maps, images.shape[2], images.shape[3], seed=seed)
    return _curve(probabilities, blurred(images), images, order, classes, num_steps, batch_size)


def area(curve: Float[Tensor, "batch points"]) -> Float[Tensor, " batch"]:
    """The area under each curve over [0, 1], by trapezoids: in [0, 1]."""
    found: Tensor = torch.trapezoid(curve.double(), dim=1) / (curve.shape[1] - 1)
    return found


def pixel_order(
    maps: Float[Tensor, "batch rows columns"], height: int, width: int, *, seed: int = 0
) -> Int[Tensor, "batch pixels"]:
    """The pixels of each image (row * width + column), the most important first; equal ones in a random order.

    Raises:
        DataError: A map holds NaN or infinite values.
    """
    if not maps.isfinite().all():
        raise DataError("maps without NaN or infinity were expected, but one has some; check where it was computed")
    enlarged = F.interpolate(maps[:, None].cpu().double(), (height, width), mode="bilinear", align_corners=False)
    shuffled = torch.randperm(height * width, generator=generator(seed, "equal pixels"))
    ranked = enlarged.flatten(1)[:, shuffled].argsort(dim=1, descending=True, stable=True)  # (B, P)
    return shuffled[ranked].to(maps.device)


def centre_map(images: Images) -> Float[Tensor, "batch height width"]:
    """A map that falls with the distance from the image's centre: what knows nothing but where objects stand."""
    batch, _, height, width = images.shape
    y = torch.arange(height, device=images.device) - (height - 1) / 2
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    distance = (y[:, None].square() + x.square()).sqrt()
    return -distance.expand(batch, -1, -1)


def blurred(images: Images) -> Images:
    """The images under the paper's Gaussian blur."""
    import cv2

    pictures = images.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    soft = [cv2.GaussianBlur(np.ascontiguousarray(own), (BLUR_PIXELS, BLUR_PIXELS), BLUR_SIGMA) for own in pictures]
    stacked = torch.from_numpy(np.stack(soft).reshape(pictures.shape)).permute(0, 3, 1, 2)
    return stacked.to(images.device, images.dtype).contiguous()


def _curve(
    probabilities: Classify,
    start: Images,
    end: Images,
    order: Int[Tensor, "batch pixels"],
    classes: Labels,
    num_steps: int,
    batch_size: int,
) -> Float[Tensor, "batch points"]:
    """p(class) while the pixels of `start` become those of `end`, in order."""
    if num_steps < 1 or batch_size < 1:
        raise SettingError(
            f"at least 1 step and 1 image a batch were expected, not {num_steps} steps and {batch_size} images"
        )
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    rank = rank.view(len(start), 1, *start.shape[2:])  # of each pixel
    counts = [round(step * order.shape[1] / num_steps) for step in range(num_steps + 1)]
    curves = []
    for begin in range(0, len(start), batch_size):
        batch = slice(begin, begin + batch_size)
        points = [
            _of_class(probabilities(torch.where(rank[batch] < count, end[batch], start[batch])), classes[batch])
            for count in counts
        ]
        curves.append(torch.stack(points, 1))
    return torch.cat(curves)  # (B, S + 1)


def _of_class(found: Tensor, classes: Labels) -> Float[Tensor, " batch"]:
    found = found.detach().float().cpu()
    if found.ndim != 2 or len(found) != len(classes) or not bool(((found >= 0) & (found <= 1 + 1e-4)).all()):
        raise DataError(
            f"probabilities (batch, classes) in [0, 1] were expected, but a tensor of shape {tuple(found.shape)} with "
            f"values from {float(found.min()):g} to {float(found.max()):g} came; take the softmax of the logits"
        )
    wrong = (classes < 0) | (classes >= found.shape[1])
    if bool(wrong.any()):
        raise DataError(
            f"classes from 0 to {found.shape[1] - 1} were expected, but {int(classes[wrong][0])} came; name one of them"
        )
    return found.gather(1, classes.cpu()[:, None].long())[:, 0].clamp(max=1)
