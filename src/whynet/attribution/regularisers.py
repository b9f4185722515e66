"""Regularisers of images found by ascent: what keeps them from noise that a network likes and nobody can read.

    name                 each step                                                         from
    l2                   the objective loses lambda ||I||^2                                Simonyan et al., section 2
    total_variation      it loses lambda sum_ij (I_i,j+1 - I_ij)^2 + (I_i+1,j - I_ij)^2    Mahendran & Vedaldi, beta 2
    jitter               the network sees the image shifted, edges wrapped round           Mordvintsev et al.
    decay                I <- (1 - decay) I                                                Yosinski et al., section 3
    blur                 every few steps I <- Gaussian blur of I                           likewise
    small_norm           the pixels of the smallest norm over colours become 0             likewise
    small_contribution   those of the smallest |sum over colours of I dS/dI| become 0      likewise

Simonyan, Vedaldi & Zisserman, ICLR 2014 workshop, arXiv:1312.6034. Mahendran & Vedaldi, "Understanding Deep Image
Representations by Inverting Them", CVPR 2015, arXiv:1412.0035. Mordvintsev, Olah & Tyka, "Inceptionism: Going Deeper
into Neural Networks", Google Research blog, 2015, and its code. Yosinski, Clune, Nguyen, Fuchs & Lipson, "Understanding
Neural Networks Through Deep Visualization", ICML 2015 workshop, arXiv:1506.06579.

0 is the mean colour, as in any normalised input. The last four follow the step in this order, as in the released code.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import SettingError

_TRUNCATE = 4.0
"""Where the Gaussian is cut off, in standard deviations, as in scipy."""


@dataclass(frozen=True, kw_only=True)
class Regularisers:
    """How strong each regulariser is; 0, the default of each, is off.

    Args:
        l2: lambda of the squared norm, in units of the score for a squared unit of the input.
        total_variation: lambda of the total variation, likewise.
        jitter: How far the image is shifted at most, in pixels, in each direction.
        decay: The share of the image that each step takes away, in [0, 1).
        blur: Standard deviation of the Gaussian, in pixels.
        blur_every: Steps from one blur to the next, at least 1.
        small_norm: The share of the pixels that become 0, in [0, 1).
        small_contribution: Likewise.

    Raises:
        SettingError: One is out of its range.
    """

    l2: float = 0.0
    total_variation: float = 0.0
    jitter: int = 0
    decay: float = 0.0
    blur: float = 0.0
    blur_every: int = 4
    small_norm: float = 0.0
    small_contribution: float = 0.0

    def __post_init__(self) -> None:
        for name in ("l2", "total_variation", "jitter", "blur"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SettingError(f"{name} must be 0 (off) or a positive number, not {value}")
        for name in ("decay", "small_norm", "small_contribution"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise SettingError(f"{name} is a share, from 0 (off) to below 1, not {value}")
        for name, least in (("jitter", 0), ("blur_every", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise SettingError(f"{name} must be a whole number of at least {least}, not {value}")

    def slopes(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The gradient of what the objective loses through `l2` and `total_variation`."""
        found = 2 * self.l2 * images
        return found + self.total_variation * _total_variation_slopes(images) if self.total_variation else found

    def after_step(
        self,
        images: Float[Tensor, "batch channels height width"],
        score_slopes: Float[Tensor, "batch channels height width"],
        step: int,
    ) -> Float[Tensor, "batch channels height width"]:
        """The images after `decay`, `blur`, `small_norm` and `small_contribution`.

        Args:
            images: After a step of the ascent.
            score_slopes: dS/dI of that step.
            step: Its number, from 0.
        """
        if self.decay:
            images = (1 - self.decay) * images
        if self.blur and step % self.blur_every == 0:
            images = gaussian_blur(images, self.blur)
        if self.small_norm:
            images = _without_smallest(images, images.square().sum(1), self.small_norm)
        if self.small_contribution:
            images = _without_smallest(images, (images * score_slopes).sum(1).abs(), self.small_contribution)
        return images


def gaussian_blur(
    images: Float[Tensor, "batch channels height width"], sigma: float
) -> Float[Tensor, "batch channels height width"]:
    """Each channel, blurred by a Gaussian of this standard deviation in pixels; the edge is repeated outwards."""
    radius = int(_TRUNCATE * sigma + 0.5)
    places = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    weights = torch.softmax(-0.5 * (places / sigma).square(), 0)
    channels = images.shape[1]
    rows, columns = weights.view(1, 1, -1, 1), weights.view(1, 1, 1, -1)
    padded = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    for kernel in (rows, columns):
        padded = F.conv2d(padded, kernel.expand(channels, -1, -1, -1), groups=channels)
    return padded


def _total_variation_slopes(images: Tensor) -> Tensor:
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")  # no difference across an edge
    above, below = padded[..., :-2, 1:-1], padded[..., 2:, 1:-1]
    left, right = padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]
    return 2 * (4 * images - above - below - left - right)


def _without_smallest(images: Tensor, sizes: Tensor, share: float) -> Tensor:
    """0 at the pixels of the smallest sizes, (batch, height, width)."""
    flat = sizes.flatten(1)
    count = int(share * flat.shape[1])
    if not count:
        return images
    # Not `quantile`, which takes no more than 2**24 values.
    limit = flat.kthvalue(count, dim=1).values.view(-1, 1, 1)
    return images * (sizes > limit).unsqueeze(1)


FROM_NOISE = Regularisers(jitter=4, decay=0.01, blur=0.7)
"""What keeps images that start from noise readable."""

FROM_IMAGES = Regularisers(jitter=4)
"""What images that start from images are treated with, as deep dreams are; the rest would wear the image away."""
