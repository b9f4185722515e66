"""The pointing game: does the strongest point of a heat map lie on the object?

Zhang, Lin, Brandt, Shen & Sclaroff, "Top-down Neural Attention by Excitation Backprop", ECCV 2016, arXiv:1608.00507,
section 4.1:

    accuracy = hits / (hits + misses)

A map is enlarged to the size of its image; it hits if its maximum lies on the region (an object's box, a part's mask),
or within a tolerance of it. Two floors stand beside it, since large objects in the middle are hit by anyone:

    chance   share of the image within the tolerance of the region: a point drawn at random
    centre   the middle pixel of the image

Differs from the paper: one accuracy over all images (the paper averages those of the classes; keep one metric a class
for that). Where several pixels share the maximum it counts by the share of them that hit, so that a map that is the
same everywhere scores as chance does. The paper's tolerance, 15 pixels on pictures of about 500, is an option.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics import Metric

from whynet.base.errors import DataError, SettingError

PAPER_TOLERANCE_PIXELS = 15


class PointingGame(Metric):
    """Share of maps whose maximum lies on the region, beside two floors.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is four sums, added over devices.

    Args:
        tolerance_pixels: How far from the region a point still hits, at least 0; the paper has 15.

    Raises:
        SettingError: The tolerance is negative.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    hits: Tensor
    chance: Tensor
    centre: Tensor
    total: Tensor

    def __init__(self, *, tolerance_pixels: float = 0.0) -> None:
        super().__init__()
        if not tolerance_pixels >= 0:
            raise SettingError(f"a tolerance of at least 0 pixels was expected, not {tolerance_pixels}")
        self.tolerance_pixels = float(tolerance_pixels)
        for name in ("hits", "chance", "centre"):
            self.add_state(name, torch.tensor(0.0, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, maps: Float[Tensor, "batch rows columns"], regions: Bool[Tensor, "batch height width"]) -> None:
        """Play some images.

        Args:
            maps: Of any resolution; enlarged bilinearly.
            regions: Where the object or the part is, at the size of the images.

        Raises:
            DataError: A map holds NaN or infinite values, or a region has no pixel.
        """
        if not maps.isfinite().all():
            raise DataError("maps without NaN or infinity were expected, but one has some; check where it was computed")
        empty = ~regions.flatten(1).any(1)
        if empty.any():
            raise DataError(
                "each image needs a region of at least 1 pixel to point at, but that of image "
                f"{int(empty.int().argmax())} has none; leave it out"
            )
        height, width = regions.shape[1:]
        hit = within(regions, self.tolerance_pixels)
        top = maximum_points(maps, height, width)
        self.hits += ((top & hit).flatten(1).sum(1).double() / top.flatten(1).sum(1)).sum()
        self.chance += hit.flatten(1).double().mean(1).sum()
        self.centre += hit[:, height // 2, width // 2].sum()
        self.total += len(maps)

    def compute(self) -> dict[str, float]:
        """The figures of all images so far.

        Returns:
            `accuracy` in [0, 1], higher is better; `chance` and `centre`, the same for a random point and for the
            middle pixel; `n`, the number of images.

        Raises:
            DataError: There was no image.
        """
        total = int(self.total)
        if not total:
            raise DataError("the pointing game needs at least 1 image, but there are 0; call update first")
        return {
            "accuracy": float(self.hits) / total,
            "chance": float(self.chance) / total,
            "centre": float(self.centre) / total,
            "n": total,
        }


def maximum_points(
    maps: Float[Tensor, "batch rows columns"], height: int, width: int
) -> Bool[Tensor, "batch height width"]:
    """Where each map, enlarged to height x width, has its maximum."""
    enlarged = F.interpolate(maps[:, None].double(), (height, width), mode="bilinear", align_corners=False)[:, 0]
    low, high = enlarged.amin((1, 2), keepdim=True), enlarged.amax((1, 2), keepdim=True)
    return enlarged >= high - 1e-9 * (high - low)  # pixels that interpolation rounds differently share a maximum


def within(regions: Bool[Tensor, "batch height width"], distance_pixels: float) -> Bool[Tensor, "batch height width"]:
    """The pixels that lie at most this far from a region's nearest pixel."""
    if not distance_pixels:
        return regions
    from scipy.ndimage import distance_transform_edt

    away = np.stack([distance_transform_edt(~region) for region in regions.cpu().numpy()])
    return torch.from_numpy(away <= distance_pixels).to(regions.device)


def box_regions(boxes: Float[Tensor, "batch 4"], height: int, width: int) -> Bool[Tensor, "batch height width"]:
    """The pixels whose centre lies in each box.

    Args:
        boxes: x0, y0, x1, y1 in pixels; edges, so x1 may equal the width.
        height: Of the images.
        width: Of the images.
    """
    x = torch.arange(width, device=boxes.device) + 0.5
    y = torch.arange(height, device=boxes.device) + 0.5
    x0, y0, x1, y1 = (edge[:, None] for edge in boxes.unbind(1))
    return ((y >= y0) & (y < y1))[:, :, None] & ((x >= x0) & (x < x1))[:, None, :]
