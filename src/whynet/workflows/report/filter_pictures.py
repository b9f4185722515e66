"""The pictures of a filter page: where a filter fires strongest, its maps on the way there, and where all filters look.

Zhang, Wu & Zhu 2018, arXiv:1710.00935: figure 5 shows the pictures in which a filter is strongest with the receptive
field of its strongest unit, figure 6 how all filters of a layer spread over a picture. Receptive fields are those at
the resolution of the image that the metrics take (`UnitGeometry`).

For figure 6 the paper does not say how filters are weighed. Here each has the same weight: its map x is taken relative
to the highest value that the filter has in any test picture, and the heat at a point of the picture is

    mean over the units ij whose field holds the point of the sum over filters f of max(x_fij, 0) / max x_f

A sum in place of the mean would be larger in the middle, where more fields lie one upon another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.overlay import overlay, resized
from whynet.attribution.passage import output_of
from whynet.attribution.strongest_images import StrongestImages
from whynet.base.image import to_data_uri
from whynet.base.progress import track
from whynet.base.types import Picture
from whynet.metrics.part_interpretability import discs
from whynet.models.interpretable_conv import InterpretableConv
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.filters.geometry import before_mask
from whynet.workflows.filters.measuring import MeasuredFilters
from whynet.workflows.gallery import gallery
from whynet.workflows.reading import BATCH_SIZE

NUM_STRONGEST, NUM_SPREAD = 5, 12
"""Pictures that a filter is shown on, and pictures over which the spread of all filters is shown."""
SIDE = 160
"""Pixels of a tile's longer side."""
_OPAQUE, _DIMMED, _CELLS, _KEPT = 0.8, 0.25, 64, 64
"""Of heat maps; how bright a picture is beside the field; cells a side on which fields are added up; pictures kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """A picture of the page, with what is read out for it and what stands beneath it."""

    picture: Picture
    alt: str
    caption: str = ""

    @cached_property
    def uri(self) -> str:
        """The picture within an address."""
        return to_data_uri(self.picture, form="jpeg")


@dataclass(frozen=True, kw_only=True)
class StrongestPlace:
    """Where a filter fires: which picture, which unit, and how strongly."""

    row: int
    unit: int
    value: float


class FilterPictures:
    """The test pictures, drawn with the filters of a layer.

    Args:
        subject: The network; it has a `Preprocessing`.
        measured: Its filters; they are shown on the pictures on which they were measured.
    """

    def __init__(self, subject: Subject, measured: MeasuredFilters) -> None:
        assert isinstance(subject.preprocess, Preprocessing)
        self.subject, self.layer, self.geometry = subject, measured.layer, measured.geometry
        self.examples, self.num_filters = measured.examples, len(measured.filters)
        self.preprocess: Preprocessing = subject.preprocess
        self._opened: dict[int, Picture] = {}

    def strongest(self, number: int) -> list[StrongestPlace]:
        """Where a filter fires, in the pictures where it does so most strongly, the strongest first."""
        found = self._found
        rows = zip(
            found.numbers[number].tolist(), found.places[number].tolist(), found.values[number].tolist(), strict=True
        )
        return [StrongestPlace(row=row, unit=unit, value=value) for row, unit, value in rows if value > 0]

    def field(self, place: StrongestPlace, *, side: int = SIDE) -> Tile:
        """A picture, dark but for the receptive field of a unit."""
        name = self.examples.names[place.row]
        return Tile(
            picture=self.lit(place, side=side),
            alt=f"{name}, dark but for the field where the filter is strongest",
        )

    def lit(self, place: StrongestPlace, *, side: int) -> Picture:
        """The picture itself, its longer side of so many pixels."""
        picture, (left, top, right, bottom) = self._shown(place.row, side)
        high, wide = picture.shape[:2]
        pixel = self.preprocess.width / (right - left)  # of what is shown, in pixels of the input
        x = (np.arange(wide) + 0.5 - left) * pixel
        y = (np.arange(high) + 0.5 - top) * (self.preprocess.height / (bottom - top))
        centre_y, centre_x = self.geometry.centres.flatten(0, 1)[place.unit].tolist()
        away = np.hypot(y[:, None] - centre_y, x - centre_x)
        bright = np.clip((self.geometry.radius - away) / pixel + 0.5, 0, 1)[..., None]
        return np.asarray(np.rint(picture * (_DIMMED + (1 - _DIMMED) * bright)), dtype=np.uint8)

    def stages(self, number: int, place: StrongestPlace) -> list[Tile]:
        """The filter's map in a picture: before the rectifier, after it, and after the mask, as far as there are."""
        layers = {"its map": self.layer}
        if self.is_interpretable:
            layers = {
                "before ReLU": f"{self.layer}.convolution", "after ReLU": f"{self.layer}.relu",
                "after the mask": self.layer,
            }  # fmt: skip
        return [
            self._heat(place.row, self._maps(layer, [place.row])[0][number], caption)
            for caption, layer in layers.items()
        ]

    def spread(self) -> list[Tile]:
        """How all filters spread over some pictures drawn at random, whatever the network makes of these."""
        rows = gallery(len(self.examples))[:NUM_SPREAD]
        return [self._heat(row, heat, "") for row, heat in zip(rows, self.spread_over(rows, cells=_CELLS), strict=True)]

    def spread_over(self, rows: Sequence[int], *, cells: int) -> Float[Tensor, "rows {cells} {cells}"]:
        """The heat of all filters in some pictures, on a grid over what the network sees."""
        peaks = self._found.values[:, 0]
        weights = torch.where(peaks > 0, 1 / peaks.clamp_min(1e-12), 0)
        size = (self.preprocess.height, self.preprocess.width)
        fields = discs(self.geometry.centres, self.geometry.radius, size, (cells, cells)).float()
        weighed = torch.stack(
            [torch.einsum("fij,f->ij", maps.relu(), weights) for maps in self._maps(self.layer, rows)]
        )
        heat = weighed.flatten(1) @ fields.flatten(1) / fields.sum(0).flatten().clamp_min(1)
        return heat.view(-1, cells, cells)

    @cached_property
    def _found(self) -> StrongestImages:
        source, units = before_mask(self.subject, self.layer), range(self.num_filters)
        found = StrongestImages(self.subject.network, source, units, NUM_STRONGEST, keep=False)
        for start in track(range(0, len(self.examples), BATCH_SIZE), "Finding the strongest pictures"):
            rows = range(start, min(start + BATCH_SIZE, len(self.examples)))
            images = self.preprocess([self.examples[row].image for row in rows]).to(self.subject.device)
            found.look(images)
        return found

    @property
    def is_interpretable(self) -> bool:
        """Whether the layer has masks."""
        return isinstance(self.subject.layer(self.layer), InterpretableConv)

    def _maps(self, layer: str, rows: Sequence[int]) -> list[Float[Tensor, "filters rows columns"]]:
        maps: list[Tensor] = []
        for start in range(0, len(rows), BATCH_SIZE):
            images = self.preprocess([self._picture(row) for row in rows[start : start + BATCH_SIZE]])
            maps += output_of(self.subject.network, images.to(self.subject.device), layer).detach().float().cpu()
        return maps

    def _heat(self, row: int, heat: Float[Tensor, "rows columns"], caption: str) -> Tile:
        picture, name = self._picture(row), self.examples.names[row]
        box = self.preprocess.box(*picture.shape[:2])
        drawn = np.asarray(overlay(picture, heat, box=box, opaque=_OPAQUE, longest_side=SIDE))
        return Tile(picture=drawn, alt=f"{name}, heat map", caption=caption)

    def _picture(self, row: int) -> Picture:
        if row not in self._opened:
            if len(self._opened) >= _KEPT:
                self._opened.pop(next(iter(self._opened)))
            self._opened[row] = self.examples[row].image
        return self._opened[row]

    def _shown(self, row: int, side: int) -> tuple[Picture, tuple[float, float, float, float]]:
        """A picture of so many pixels, and in these the rectangle that the network sees."""
        picture = self._picture(row)
        shown = resized(picture, side)
        y, x = (new / old for new, old in zip(shown.shape[:2], picture.shape[:2], strict=True))
        left, top, right, bottom = self.preprocess.box(*picture.shape[:2])
        return shown, (left * x, top * y, right * x, bottom * y)
