"""Where the units of a layer look in the image: the centres of their receptive fields, row by row and column by column.

A graph takes the cells of a map to lie evenly over the image. That is near enough to learn what moves with what, but a
network that pads unevenly, such as AlexNet, looks several pixels beside; so a place on that even grid is moved,
linearly, to where the units look. Where their fields cannot be followed the even grid stays.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.receptive_field import receptive_field
from whynet.base.errors import SubjectError
from whynet.models.subject import Subject
from whynet.workflows.filters.geometry import before_mask


@dataclass(frozen=True, kw_only=True)
class UnitCentres:
    """The centres of a layer's units in pixels of the image, the first pixel's centre at 0.5.

    Args:
        start: Row and column of the first unit's.
        step: Rows from one unit to the one below, and columns to the one beside.
        cell: Height and width of a cell of the even grid.
    """

    start: tuple[float, float]
    step: tuple[float, float]
    cell: tuple[float, float]

    def seen(self, positions: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Where positions on the even grid are in truth."""
        start, step, cell = (positions.new_tensor(own) for own in (self.start, self.step, self.cell))
        return start + (positions / cell - 0.5) * step

    def of_units(self, units: Tensor, columns: int) -> Float[Tensor, "*batch 2"]:
        """The centres of units that are counted row by row, of so many columns."""
        places = torch.stack([units // columns, units % columns], -1).float()
        return places * places.new_tensor(self.step) + places.new_tensor(self.start)


def unit_centres(subject: Subject, layer: str, map_size: tuple[int, int], image_size: tuple[int, int]) -> UnitCentres:
    """The centres of a layer's units; of an interpretable one those before its mask, which looks at the whole map."""
    cell = image_size[0] / map_size[0], image_size[1] / map_size[1]
    even = UnitCentres(start=(cell[0] / 2, cell[1] / 2), step=cell, cell=cell)
    try:
        centres = receptive_field(subject, before_mask(subject, layer.partition(":")[0]), image_size).centres()
    except SubjectError:
        return even
    if tuple(centres.shape[:2]) != map_size or not bool(centres.isfinite().all()):
        return even
    row, column = centres[:, 0, 0].tolist(), centres[0, :, 1].tolist()
    step = tuple(
        (line[-1] - line[0]) / (len(line) - 1) if len(line) > 1 else side
        for line, side in zip((row, column), cell, strict=True)
    )
    return UnitCentres(start=(row[0], column[0]), step=(step[0], step[1]), cell=cell)
