"""Captum's own methods beside ours, under names such as "captum.integrated_gradients".

Kokhlikyan et al., "Captum: A unified and generic model interpretability library for PyTorch", 2020, arXiv:2009.07896.
They are Captum's, with Captum's defaults but for what stands in `_METHODS`: what covers or takes out pixels does so in
patches of an eighth of the side, and no more than 32 changed pictures go through the network at a time. The baseline is
Captum's 0: after the usual normalisation, the mean colour.

What they explain is a class or a function of the logits, at the input. While one of them runs, its hooks sit on the
network: unlike with our own methods, no other thread may use the network meanwhile.
"""

import importlib
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from whynet.attribution.passage import Passage, check_images, network_of
from whynet.attribution.signal import Model, Target, Units, check_question, signals
from whynet.base.errors import MissingDependencyError, SettingError, SubjectError
from whynet.base.seeding import seeded
from whynet.models.named_network import first_line
from whynet.models.subject import evaluating, logits_of

PREFIX = "captum."
_PATCHES = 8
_AT_A_TIME = 32
_LOCK = threading.Lock()

Options = Callable[[Tensor], dict[str, Any]]


@dataclass(frozen=True)
class _Own:
    """One of Captum's classes, and the arguments that it is given unless told otherwise."""

    name: str
    options: Options = lambda images: {}


def _patch(images: Tensor) -> tuple[int, int]:
    return -(-images.shape[2] // _PATCHES), -(-images.shape[3] // _PATCHES)


def _at_a_time(images: Tensor) -> int:
    return max(1, _AT_A_TIME // len(images))


def _windows(images: Tensor) -> dict[str, Any]:
    high, wide = _patch(images)
    window, strides = (images.shape[1], high, wide), (images.shape[1], -(-high // 2), -(-wide // 2))
    return {"sliding_window_shapes": window, "strides": strides, "perturbations_per_eval": _at_a_time(images)}


def _patches(images: Tensor) -> dict[str, Any]:
    """A number for each patch, the same in all channels."""
    high, wide = _patch(images)
    rows, columns = (torch.arange(side, device=images.device) for side in images.shape[2:])
    mask = rows[:, None] // high * _PATCHES + columns // wide
    return {
        "feature_mask": mask.expand(1, *images.shape[1:]).contiguous(),
        "perturbations_per_eval": _at_a_time(images),
    }


_METHODS: Mapping[str, _Own] = {
    "saliency": _Own("Saliency"),
    "input_x_gradient": _Own("InputXGradient"),
    "deconvolution": _Own("Deconvolution"),
    "guided_backprop": _Own("GuidedBackprop"),
    "integrated_gradients": _Own("IntegratedGradients", lambda x: {"internal_batch_size": max(_AT_A_TIME, len(x))}),
    "deep_lift": _Own("DeepLift"),
    "gradient_shap": _Own("GradientShap", lambda x: {"baselines": torch.zeros_like(x[:1])}),
    "occlusion": _Own("Occlusion", _windows),
    "feature_ablation": _Own("FeatureAblation", _patches),
    "shapley_value_sampling": _Own("ShapleyValueSampling", _patches),
}


class _Scores(nn.Module):
    """The logits of a network, or a function of them, as the plain tensor that Captum takes."""

    def __init__(self, network: nn.Module, function: Callable[[Tensor], Tensor] | None) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, images: Tensor) -> Tensor:
        logits: Any = logits_of(self.network(images.clone()))  # which may change it in place
        return logits if self.function is None else self.function(logits)


def captum_attribution(
    name: str,
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
    seed: int = 0,
    **options: Any,
) -> Tensor:
    """What one of Captum's methods gives at the input; the network is left as it was.

    Args:
        name: Without the prefix: a key of `CAPTUM_METHODS` is "captum." and this.
        model: Any classifier; run in evaluation mode.
        images: Preprocessed, (batch, channels, rows, columns).
        target: A class, one class an image, or a function of the logits that returns one number an image.
        layer: None; Captum's methods are offered at the input alone.
        source: None, likewise.
        units: None, likewise.
        seed: Of the methods that draw at random; the same seed gives the same map.
        options: Any of `attribute` of Captum's class, in place of the default.

    Returns:
        Of the shape of the images; signed, but for Captum's saliency.

    Raises:
        MissingDependencyError: Captum is not installed.
        SettingError: The question is one that Captum is not asked here, or an argument cannot be used.
        SubjectError: Captum cannot explain this network; its own reason follows.
    """
    full = PREFIX + name
    if layer is not None or source is not None or units is not None:
        raise SettingError(
            f"{full} explains a class at the input alone; leave out layer, source and units, or take a method of "
            "whynet's own, such as excitation_backprop"
        )
    check_question(target, source, units)
    network, own = network_of(model), _METHODS[name]
    check_images(images, network)
    if images.ndim != 4:
        raise SettingError(f"{full} takes images (batch, channels, rows, columns), not shape {tuple(images.shape)}")
    made = getattr(_captum(full), own.name)
    with _LOCK, torch.inference_mode(False), torch.enable_grad(), evaluating(network), seeded(seed, full):
        images = images.detach().clone().requires_grad_()
        _check_target(network, images, target)
        scores = _Scores(network, target if callable(target) and not isinstance(target, Tensor) else None)
        classes = target if isinstance(target, (int, Tensor)) else None
        arguments = {**own.options(images), **options}
        try:
            with warnings.catch_warnings():  # "Setting forward, backward hooks ...": they are gone when it returns
                warnings.filterwarnings("ignore", "Setting (forward, )?backward hooks")
                found = made(scores).attribute(images, target=classes, **arguments)
        except (AssertionError, RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            raise SubjectError(
                f"{full} cannot explain this network: {first_line(error)}; take another method"
            ) from error
    if not isinstance(found, Tensor) or found.shape != images.shape:
        raise SettingError(f"{full} was told by {sorted(options)} to return something else than one map an image")
    return found.detach().to(images.dtype)


CAPTUM_METHODS: Mapping[str, Callable[..., Tensor]] = {
    PREFIX + name: partial(captum_attribution, name) for name in _METHODS
}
"""Adding one of Captum's methods is one line in `_METHODS`."""


def _captum(full: str) -> Any:
    try:
        return importlib.import_module("captum.attr")
    except ImportError as error:
        raise MissingDependencyError(
            f'{full} needs Captum, which cannot be imported ({error}); pip install "whynet[captum]"'
        ) from error


def _check_target(network: nn.Module, images: Tensor, target: Target) -> None:
    """Raise as our own methods do where the target does not fit the logits."""
    with torch.no_grad():
        logits = logits_of(network(images.detach().clone()))
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise SubjectError("the network must return logits of shape (batch, classes); wrap it so that it does")
    next(signals(Passage(leaf=images, output=logits), target, None))
    if callable(target) and not isinstance(target, Tensor) and target(logits).ndim != 1:
        raise SettingError("Captum needs a target function that returns one number an image, not one in all")
