"""Activation maximisation: the image that a class or a unit likes most, found by gradient ascent on the pixels.

Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency
Maps", ICLR 2014 workshop, arXiv:1312.6034, section 2, equation (1):

    I* = argmax over I of S_c(I) - lambda ||I||^2

S_c is the logit of the class, not its probability, which would also rise when other classes fall. For units S is the
activation: for a channel its mean over all positions, as in Olah, Mordvintsev & Schubert, "Feature Visualization",
Distill 2017; for (channel, row, column) that of one position, as in Yosinski et al. 2015, arXiv:1506.06579. From an
image instead of noise this is a deep dream (Mordvintsev et al. 2015). Each step is

    I <- r(I + eta * g / max(rms(dS/dI), rms(g))),   g = dS/dI - slope of the penalties

with rms over the entries of one image, so that eta is the longest step in root mean square over its pixels, whatever
the scale of the network. Images do not influence one another. Penalties, jitter and r are those of `regularisers`.

Differs from the papers: the division, for which Mordvintsev et al. take the mean of |g|; dividing by the rms of g alone
would keep the step as long at the optimum as elsewhere. Where a Subject tells what black and white are, pixels stay
between them, as in the released code of Yosinski et al.; give the bare network for the equation as it stands.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.ascent_start import STREAM, Classes, bounds, question_of, start_images
from whynet.attribution.backward_rules import BackwardRules
from whynet.attribution.passage import Passage, channel_axis, network_of, run
from whynet.attribution.regularisers import FROM_IMAGES, FROM_NOISE, Regularisers
from whynet.attribution.signal import Model, Units, signals, unit_positions
from whynet.base.errors import SettingError
from whynet.base.progress import track
from whynet.base.seeding import generator

_TINY = 1e-30


def activation_maximisation(
    model: Model,
    target: Classes = None,
    *,
    source: str | None = None,
    units: Units = None,
    images: Tensor | None = None,
    shape: tuple[int, int, int] | None = None,
    regularisers: Regularisers | None = None,
    steps: int = 256,
    learning_rate: float = 0.1,
    seed: int = 0,
    progress: bool = True,
) -> Float[Tensor, "found channels height width"]:
    """One image for each class or unit, all in one ascent, in the network's own (preprocessed) input.

    Args:
        model: Any classifier; it is run in evaluation mode and left as it was.
        target: A class, several of them, or a function of the logits; None where units are given.
        source: The module whose units are maximised; None takes the logits.
        units: Of the source: a channel, which stands for its mean over all positions, or (channel, row, column); in a
            layer of tokens (channel, token).
        images: Preprocessed images to start from, instead of noise: one for all, or one for each class or unit, or
            several for one.
        shape: Channels, height and width of what starts from noise; a Subject with a `Preprocessing` knows them.
        regularisers: None takes `FROM_NOISE`, or `FROM_IMAGES` where images are given.
        steps: Of the ascent, at least 1.
        learning_rate: eta, the longest step, in units of the input; positive.
        seed: Of noise and jitter. A class finds the same image alone and among others, to rounding; a class that is
            asked for twice starts from other noise the second time.
        progress: Whether a progress bar is shown in a terminal.

    Returns:
        The images, (classes or units, channels, height, width), or as many as came where several came for one.

    Raises:
        SettingError: The classes, the units, the start or a setting cannot be used.
        SubjectError: The source does not exist or did not run, or the network returned NaN.

    Warns:
        UserWarning: Nothing raises what is to be maximised, at any step.
    """
    classes, asked = question_of(target, source, units)
    if steps < 1:
        raise SettingError(f"at least 1 step was expected, not {steps}")
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise SettingError(f"a positive learning rate was expected, not {learning_rate}")
    own = regularisers or (FROM_NOISE if images is None else FROM_IMAGES)
    network = network_of(model)
    start = start_images(model, network, asked, images, shape, seed)
    if len(asked) == 1:
        asked = asked * len(start)
        classes = classes.expand(len(start)) if isinstance(classes, Tensor) else classes

    def slopes_at(seen: Tensor) -> Tensor:
        passage = run(network, seen.to(start.dtype), BackwardRules({}, network), source=source)
        signal = _unit_signals(passage, asked) if units is not None else next(signals(passage, classes, None))
        return passage.back(signal).to(seen.dtype)

    shifts = torch.randint(
        -own.jitter, own.jitter + 1, (steps, 2), generator=generator(seed, STREAM, "jitter")
    ).tolist()
    with torch.inference_mode(False), torch.no_grad():
        found, climbed = _ascend(
            slopes_at,
            start.to(torch.promote_types(start.dtype, torch.float32)),
            own,
            bounds(model, start),
            learning_rate,
            track(shifts, "Ascending") if progress else shifts,
        )
    if not climbed.all():
        warnings.warn(
            f"{int((~climbed).sum())} of {len(found)} images met no slope to climb, as where a rectifier is shut "
            "everywhere; name the layer before the rectifier, or start from images in which the unit fires",
            stacklevel=2,
        )
    return found


def _ascend(
    slopes_at: Callable[[Tensor], Tensor],
    images: Tensor,
    own: Regularisers,
    limits: tuple[Tensor, Tensor],
    learning_rate: float,
    shifts: Iterable[Sequence[int]],
) -> tuple[Tensor, Tensor]:
    """The images after one step a shift, and which of them ever met a slope."""
    climbed = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    for step, (rows, columns) in enumerate(shifts):
        slopes = slopes_at(images.roll((rows, columns), (2, 3))).roll((-rows, -columns), (2, 3))
        ascent = slopes - own.slopes(images)
        longest = torch.maximum(_rms(slopes), _rms(ascent)).clamp(min=_TINY)
        images = own.after_step(images + learning_rate * ascent / longest, slopes, step).clamp(*limits)
        climbed |= slopes.flatten(1).any(1)
    return images, climbed


def _rms(images: Tensor) -> Tensor:
    return images.square().mean((1, 2, 3), keepdim=True).sqrt()


def _unit_signals(passage: Passage, units: Sequence[Any]) -> Tensor:
    """One unit an image: its position, or the mean over all positions of a channel."""
    outputs = passage.output.detach()
    found = torch.cat([unit_positions(outputs[number : number + 1], unit) for number, unit in enumerate(units)])
    maps = found.movedim(channel_axis(found.ndim), 1)  # (B, channels, ...)
    for number, unit in enumerate(units):
        if isinstance(unit, int):
            maps[number, unit] = 1 / maps[number, unit].numel()
    return found
