"""What a tree sees of an image: how strongly each filter fires, and what the logit owes to it.

Zhang, Yang, Ma & Wu, "Interpreting CNNs via Decision Trees", CVPR 2019, arXiv:1802.00121 (recalled, not re-read). With
the maps x_ijd of a layer and the logit y of a class,

    x_d = sum_ij x_ijd / s_d,        g_d = s_d / L^2 sum_ij dy / dx_ijd,        y = g . x + b

s_d is the mean of the positive activations of filter d over the fitted images, and L^2 the number of positions; b makes
it exact at the image.

Differs from the paper: its g_d ("mean") is what a filter would count for if it fired alike everywhere, which loses what
fully connected layers know of places: on painted birds b then holds nine tenths of the logit. By default ("active") the
gradient is weighted by where the filter fires,

    g_d = s_d sum_ij x_ijd dy / dx_ijd / sum_ij x_ijd

so that, behind a rectifier, g_d x_d is exactly what the filter adds to first order; where it does not fire the mean is
taken.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.passage import network_of, run
from whynet.attribution.rectifiers import RectifierMode
from whynet.base.errors import SettingError, SubjectError, UnrecognisedError
from whynet.base.progress import track
from whynet.base.types import ImageBatches, Images, Logits
from whynet.models.subject import Subject
from whynet.structures.tree_settings import Pooling

BATCH_SIZE = 32

Vectors = Float[Tensor, "images filters"]
Scales = Float[Tensor, " filters"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """Of some images: all on the CPU, in double precision.

    Args:
        activations: x; at least 0 behind a rectifier.
        gradients: g, in units of the logit.
        outputs: y, the logit of the class.
        logits: Of all classes.
    """

    activations: Vectors
    gradients: Vectors
    outputs: Float[Tensor, " images"]
    logits: Logits

    @property
    def biases(self) -> Float[Tensor, " images"]:
        """b, which makes y = g . x + b exact."""
        return self.outputs - (self.gradients * self.activations).sum(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recognised:
    """Images that the network puts into a class.

    Args:
        readings: Of them.
        scales: s of each filter over them, with which all other images are read.
        rows: Which of the images they are.
        num_images: Of all that were given.
    """

    readings: Readings
    scales: Scales
    rows: tuple[int, ...]
    num_images: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pooled:
    """Of a batch, before the scales are known."""

    sums: Vectors
    gradients: Vectors
    positive: Vectors
    num_positive: Vectors
    logits: Logits


def read_for_fitting(subject: Subject, layer: str, images: ImageBatches, target: int, pooling: Pooling) -> Recognised:
    """The readings of those images that the network puts into a class.

    Args:
        subject: The network, left as it was.
        layer: Of maps, which runs once.
        images: Preprocessed; batches of them, where they are many.
        target: The class whose logit is explained.
        pooling: Of the gradient.

    Raises:
        SettingError: There is no image, or no such class.
        UnrecognisedError: The network puts none of the images into the class.
        SubjectError: The layer has no maps, the logit does not depend on it, or a value is not finite.
    """
    every = _pooled(subject, layer, images, target, pooling)
    rows = (every.logits.argmax(1) == target).nonzero()[:, 0].tolist()
    if not rows:
        raise UnrecognisedError(
            f"the network puts none of {len(every.sums)} images into {subject.class_names[target]}, so there is no "
            "decision to explain; give images that it recognises, or train it longer"
        )
    found = _Pooled(**{key: own[rows] for key, own in vars(every).items()})
    count = found.num_positive.sum(0)
    scales = torch.where(count > 0, found.positive.sum(0) / count.clamp_min(1), 1.0)
    if not bool(found.gradients.any()):
        raise SubjectError(
            f"the logit of class {target} does not depend on layer {layer!r} in any of {len(rows)} images, so there is "
            "nothing to grow a tree from; name a layer that leads to it"
        )
    return Recognised(
        readings=_scaled(found, scales, target), scales=scales, rows=tuple(rows), num_images=len(every.sums)
    )


def read(
    subject: Subject,
    layer: str,
    images: ImageBatches,
    target: int,
    pooling: Pooling,
    scales: Scales,
) -> Readings:
    """The readings of further images; arguments and errors as of `read_for_fitting`."""
    found = _pooled(subject, layer, images, target, pooling)
    if found.sums.shape[1] != len(scales):
        raise SubjectError(
            f"layer {layer!r} with {len(scales)} filters was expected, as when the tree was fitted, not with "
            f"{found.sums.shape[1]}; fit the tree again"
        )
    return _scaled(found, scales, target)


def _scaled(found: _Pooled, scales: Scales, target: int) -> Readings:
    return Readings(
        activations=found.sums / scales, gradients=found.gradients * scales,
        outputs=found.logits[:, target].double(), logits=found.logits,
    )  # fmt: skip


def _pooled(subject: Subject, layer: str, images: ImageBatches, target: int, pooling: Pooling) -> _Pooled:
    if not 0 <= target < len(subject.class_names):
        raise SettingError(f"a class from 0 to {len(subject.class_names) - 1} was expected, not {target}")
    batches = list(torch.split(images, BATCH_SIZE)) if isinstance(images, Tensor) else images
    parts = [
        _of_batch(subject, layer, batch, target, pooling) for batch in track(batches, "Reading filters") if len(batch)
    ]
    if not parts:
        raise SettingError("a tree needs at least one image, none came; give images that the network puts in the class")
    return _Pooled(**{key: torch.cat([vars(part)[key] for part in parts]) for key in vars(parts[0])})


def _of_batch(subject: Subject, layer: str, images: Images, target: int, pooling: Pooling) -> _Pooled:
    network = network_of(subject)
    passage = run(network, images.to(subject.device), RectifierMode({}, network), layer=layer)
    maps = passage.leaf.detach()
    if maps.ndim != 4:
        raise SubjectError(
            f"layer {layer!r} has no maps (channels, rows, columns), but a tensor of shape {tuple(maps.shape[1:])}; "
            "name a convolution, its ReLU or a block of them"
        )
    logits = subject.check_logits(passage.output).detach()
    signal = torch.zeros_like(logits)
    signal[:, target] = 1
    slopes = passage.back(signal).double().flatten(2)  # (B, D, P)
    if not bool(slopes.isfinite().all()) or not bool(maps.isfinite().all()):
        raise SubjectError(
            f"layer {layer!r}, or the gradient of class {target} there, holds NaN or infinite values; look for a root "
            "or a division at 0 behind the layer, or name another layer"
        )
    maps = maps.double().flatten(2)
    firing = maps.clamp_min(0)
    positive, gradients = firing.sum(2), slopes.mean(2)
    if pooling == "active":
        # Of a layer before its rectifier, too: what does not fire tells no place.
        weighted = (firing * slopes).sum(2) / positive.clamp_min(torch.finfo(torch.double).tiny)
        gradients = torch.where(positive > 0, weighted, gradients)
    return _Pooled(
        sums=maps.sum(2).cpu(), gradients=gradients.cpu(), positive=positive.cpu(),
        num_positive=(maps > 0).sum(2).double().cpu(), logits=logits.cpu(),
    )  # fmt: skip
