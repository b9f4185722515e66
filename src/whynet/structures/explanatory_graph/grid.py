"""Where the cells of a map lie in the image."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of a map that covers the image evenly, in pixels; the first pixel has its centre at 0.5.

    Args:
        rows: The middle of each row of cells.
        columns: Likewise.
        image_size: Rows and columns of the image.
    """

    rows: Float[Tensor, " rows"]
    columns: Float[Tensor, " columns"]
    image_size: tuple[int, int]

    @classmethod
    def over(cls, image_size: tuple[int, int], maps: Float[Tensor, "*batch rows columns"]) -> "Grid":
        """The grid of some maps, on their device and in their precision."""
        sides = [
            (torch.arange(count, device=maps.device, dtype=maps.dtype) + 0.5) * (side / count)
            for count, side in zip(maps.shape[-2:], image_size, strict=True)
        ]
        return cls(sides[0], sides[1], image_size)

    @property
    def map_size(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return len(self.rows), len(self.columns)

    @property
    def cell(self) -> tuple[float, float]:
        """Height and width of a cell, in pixels."""
        return self.image_size[0] / len(self.rows), self.image_size[1] / len(self.columns)

    @property
    def area(self) -> int:
        """Of the image, in pixels."""
        return self.image_size[0] * self.image_size[1]

    @property
    def least_sigma(self) -> float:
        """Half the longer side of a cell: of a narrower Gaussian, the middles of the cells no longer give the sum."""
        return max(self.cell) / 2
