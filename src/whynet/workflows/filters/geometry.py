"""Where the units of a layer look: the centres of their receptive fields, and how large these really are.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 5.2, take round receptive fields at the resolution of the image, after
Zhou et al. 2015: not the theoretical extent, which grows with every layer, but what a unit answers to when parts of an
image are covered. A unit's field is where covering it changes the unit at least half as much as anywhere, its radius
that of a disc of the same area, and all units of a layer share the median over a few of them; it is at least half the
diagonal of the cell that a unit stands for, so that all fields together leave no gaps.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.image_resolution_field import image_resolution_field
from whynet.base.errors import SubjectError
from whynet.base.seeding import generator
from whynet.base.types import Images
from whynet.models.interpretable_conv import InterpretableConv
from whynet.models.subject import Subject

NUM_UNITS, NUM_IMAGES = 8, 3
"""Of how many units the fields are measured, and on how many images each."""
OCCLUDER_SHARE = 0.1
"""Side of the patch that covers the image, as a share of the image's shorter side."""


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitGeometry:
    """The round receptive fields of a layer's units.

    Args:
        centres: Row and column in pixels of the network's input; the centre of the first pixel is 0.5.
        radius: In pixels.
    """

    centres: Float[Tensor, "rows columns 2"]
    radius: float


def unit_geometry(subject: Subject, layer: str, images: Images, fired: Sequence[int], *, seed: int = 0) -> UnitGeometry:
    """Measure the receptive fields of a layer.

    Args:
        subject: The network.
        layer: Of maps; the fields of an interpretable layer are those before its mask, which looks at the whole map.
        images: Preprocessed, of which the strongest are covered.
        fired: Channels that fire in some of them; `NUM_UNITS` of them are drawn.
        seed: Of the draw and of the patches.

    Raises:
        SubjectError: The layer does not exist or has no receptive field, or no channel fires.
    """
    if not len(fired):
        raise SubjectError(
            f"no filter of layer {layer!r} fires in any picture, so none can be measured; train it first"
        )
    source = f"{layer}.relu" if isinstance(subject.layer(layer), InterpretableConv) else layer
    order = torch.randperm(len(fired), generator=generator(seed, "units"))
    units = [fired[int(place)] for place in order[:NUM_UNITS]]
    occluder = max(1, round(OCCLUDER_SHARE * min(images.shape[2:])))
    measured = image_resolution_field(
        subject, images, source=source, units=units, top=NUM_IMAGES, occluder=occluder, stride=max(1, occluder // 2),
        seed=seed,
    )  # fmt: skip
    areas = [int((field >= field.max() / 2).sum()) for field in measured.maps if bool(field.any())]
    radii = [math.sqrt(area / math.pi) for area in areas] or [max(measured.theoretical.extent) / 2]
    centres = measured.theoretical.centres().float()
    return UnitGeometry(centres=centres, radius=max(statistics.median(radii), _half_diagonal(centres)))


def _half_diagonal(centres: Float[Tensor, "rows columns 2"]) -> float:
    """Of the cell between neighbouring centres, 0 along an axis that has one alone."""
    down, across = centres[1:, :, 0] - centres[:-1, :, 0], centres[:, 1:, 1] - centres[:, :-1, 1]
    return math.hypot(*(float(steps.mean()) if steps.numel() else 0.0 for steps in (down, across))) / 2
