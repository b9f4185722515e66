"""Maps at the size of the picture: they are computed at the resolution of a layer and scaled only to be shown."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import SettingError


def upsample(maps: Float[Tensor, "batch ..."], size: int | tuple[int, int]) -> Float[Tensor, "batch ..."]:
    """Maps scaled bilinearly to the picture as the network saw it.

    Each entry stands in the middle of its own cell of the picture, and what lies nearer the border than the middle of
    the outermost cell takes its value. No value leaves the range of the map's own; a sum does not stay what it was.

    Args:
        maps: (batch, rows, columns), or with units (batch, units, rows, columns).
        size: Rows and columns, or one number for both, such as the shape of the network's input.

    Returns:
        The same axes, the last two of the given size, where it is smaller averaged over the cells that fall together.

    Raises:
        SettingError: These are no maps of rows and columns, or the size is below 1.
    """
    rows, columns = (size, size) if isinstance(size, int) else size
    if rows < 1 or columns < 1:
        raise SettingError(f"a size of at least 1 x 1 pixel was expected, not {rows} x {columns}")
    if maps.ndim not in (3, 4) or not maps.numel():
        raise SettingError(
            f"maps (batch, rows, columns) or (batch, units, rows, columns) were expected, not shape "
            f"{tuple(maps.shape)}; a layer of tokens or vectors has no place in the picture"
        )
    stacked = maps if maps.ndim == 4 else maps[:, None]
    scaled = F.interpolate(stacked, (rows, columns), mode="bilinear", align_corners=False, antialias=True)
    return scaled if maps.ndim == 4 else scaled[:, 0]
