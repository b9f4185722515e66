"""Where the units of a layer look: the centres of their receptive fields, and how large these really are.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 5.2, take round receptive fields at the resolution of the image, after
Zhou et al. 2015: not the theoretical extent, which grows with every layer, but what a unit answers to when parts of an
image are covered. A unit's field is where covering it changes the unit at least half as much as anywhere, its radius
that of a disc of the same area, and all units of a layer share the median over a few of them; it is at least half the
diagonal of the cell that a unit stands for, so that all fields together leave no gaps.
"""

import math
import statistics
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.image_resolution_field import image_resolution_field
from whynet.attribution.passage import output_of
from whynet.base.errors import SubjectError
from whynet.base.seeding import generator
from whynet.base.types import Images
from whynet.models.interpretable_conv import InterpretableConv
from whynet.models.subject import Subject

NUM_UNITS, NUM_IMAGES = 32, 3
"""Of how many units the fields are measured, and on how many images each."""
OCCLUDER_SHARE = 0.1
"""Side of the patch that covers the image, as a share of the image's shorter side; patches lie side by side."""


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitGeometry:
    """The round receptive fields of a layer's units.

    Args:
        centres: Row and column in pixels of the network's input; the centre of the first pixel is 0.5.
        radius: In pixels.
        is_least: Whether that is the least radius that leaves no gaps, because what was measured is no larger.
        own_radius: What was measured of the layer itself, where `radius` is another's.
    """

    centres: Float[Tensor, "rows columns 2"]
    radius: float
    is_least: bool
    own_radius: float

    def as_large_as(self, other: "UnitGeometry") -> "UnitGeometry":
        """The same centres with fields as large as those of another network, with which this one is compared."""
        return replace(self, radius=other.radius, is_least=other.is_least)


def before_mask(subject: Subject, layer: str) -> str:
    """The layer itself, or the rectifier of an interpretable one, since a mask makes the whole picture a unit's field.

    A mask moves no peak and keeps its value, so that a filter's strongest position is the same before it.
    """
    return f"{layer}.relu" if isinstance(subject.layer(layer), InterpretableConv) else layer


def unit_geometry(subject: Subject, layer: str, images: Images, *, seed: int = 0) -> UnitGeometry:
    """Measure the receptive fields of a layer.

    Args:
        subject: The network.
        layer: Of maps; the fields of an interpretable layer are those before its mask, which looks at the whole map.
        images: Preprocessed, of which the strongest are covered; of the channels that fire in some of them `NUM_UNITS`
            are drawn.
        seed: Of the draw and of the patches.

    Raises:
        SubjectError: The layer does not exist or has no receptive field, or no channel fires in any of the images.
    """
    source = before_mask(subject, layer)
    peaks = output_of(subject.network, images, source).flatten(2).amax((0, 2))
    fired = (peaks > 0).nonzero()[:, 0].tolist()
    if not fired:
        raise SubjectError(
            f"no filter of layer {layer!r} fires in any of {len(images)} pictures, so how large their fields are "
            "cannot be measured; train it longer"
        )
    order = torch.randperm(len(fired), generator=generator(seed, "units"))
    units = [fired[int(place)] for place in order[:NUM_UNITS]]
    occluder = max(1, round(OCCLUDER_SHARE * min(images.shape[2:])))
    measured = image_resolution_field(
        subject, images, source=source, units=units, top=NUM_IMAGES, occluder=occluder, stride=occluder, seed=seed,
    )  # fmt: skip
    areas = [int((field >= field.max() / 2).sum()) for field in measured.maps if bool(field.any())]
    radii = [math.sqrt(area / math.pi) for area in areas] or [max(measured.theoretical.extent) / 2]
    centres = measured.theoretical.centres().float()
    radius, least = statistics.median(radii), _half_diagonal(centres)
    own = max(radius, least)
    return UnitGeometry(centres=centres, radius=own, is_least=radius <= least, own_radius=own)


def _half_diagonal(centres: Float[Tensor, "rows columns 2"]) -> float:
    """Of the cell between neighbouring centres, 0 along an axis that has one alone."""
    down, across = centres[1:, :, 0] - centres[:-1, :, 0], centres[:, 1:, 1] - centres[:, :-1, 1]
    return math.hypot(*(float(steps.mean()) if steps.numel() else 0.0 for steps in (down, across))) / 2
