"""Completeness: does the network still know the picture from what the heat maps show?

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", submitted to ICLR 2018, arXiv:1709.05360, section
4.2 (table 2b) and appendix (table 3): pixels below the share gamma of the highest response in the heat map are painted
black, an inpainting algorithm fills them, and the network classifies what comes out.

    kept_ij  = any over maps k of [C_ij^k >= gamma * max_ij C_ij^k]
    accuracy = share of pictures that are classified rightly after that

gamma is 1, 5, 10 and 30 % in the paper. A lower gamma keeps more, and so does a method with more maps or wider ones:
read the accuracy with the kept area beside it, or compare at the same area with `kept_by_area`.

Differs from the paper: it does not say how the maps of several features make one mask; here a pixel stays if any of
them reaches gamma of its own maximum. Nor which inpainting it takes; here OpenCV's, either of

    telea          Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004
    navier-stokes  Bertalmio, Bertozzi & Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", 2001

OpenCV's Telea drifts by a grey level or so a pixel, in a picture of one colour by 18 levels at 90 pixels from what was
kept; its Navier-Stokes does not.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.metrics.record_metric import RecordMetric

Inpainting: TypeAlias = Literal["telea", "navier-stokes"]

RADIUS_PIXELS = 3.0


@dataclass(frozen=True, kw_only=True)
class CompletenessFigures:
    """What is left of the network's decisions.

    Args:
        accuracy: Share of pictures that are classified rightly, in [0, 1]; higher is better.
        kept_area: Mean share of the picture that was kept, in [0, 1]; at equal accuracy, lower is better.
        n: How many pictures.
    """

    accuracy: float
    kept_area: float
    n: int


class Completeness(RecordMetric):
    """Accuracy on pictures of which only a part was kept, and how large a part.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is three sums, added over devices.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    right: Tensor
    area: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("right", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("area", torch.tensor(0.0, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, is_right: Bool[Tensor, " batch"], kept: Bool[Tensor, "batch height width"]) -> None:
        """Count some pictures.

        Args:
            is_right: Whether the network named the class of what was left of each picture.
            kept: Which pixels were left.

        Raises:
            DataError: There are more answers than masks, or fewer.
        """
        if len(is_right) != len(kept):
            raise DataError(
                f"an answer for each mask was expected, but {len(is_right)} answers and {len(kept)} masks came; give "
                "both of the same pictures"
            )
        self.right += is_right.sum()
        self.area += kept.flatten(1).double().mean(1).sum()
        self.total += len(is_right)

    def compute(self) -> CompletenessFigures:
        """The figures of all pictures so far.

        Raises:
            DataError: There was no picture.
        """
        total = int(self.total)
        if not total:
            raise DataError("completeness needs at least 1 picture, but there are 0; call update first")
        return CompletenessFigures(accuracy=int(self.right) / total, kept_area=float(self.area) / total, n=total)


def kept_by_threshold(
    maps: Float[Tensor, "batch features height width"], gamma: float
) -> Bool[Tensor, "batch height width"]:
    """The pixels where any of a picture's maps reaches a share of its own maximum.

    Args:
        maps: Not negative, at the size of the picture. One that is 0 everywhere keeps nothing.
        gamma: The share, above 0 and at most 1.

    Raises:
        SettingError: gamma is out of its range.
        DataError: A map is negative, NaN or infinite.
    """
    if not 0 < gamma <= 1:
        raise SettingError(f"a gamma above 0 and at most 1 was expected, not {gamma}")
    if not bool(((maps >= 0) & maps.isfinite()).all()):
        raise DataError(
            "finite maps of at least 0 were expected, but one has a value that is negative, NaN or infinite; check "
            "where it was computed"
        )
    highest = maps.amax((2, 3), keepdim=True)
    return ((maps >= gamma * highest) & (highest > 0)).any(1)


def kept_by_area(
    maps: Float[Tensor, "batch height width"], num_pixels: Int[Tensor, " batch"]
) -> Bool[Tensor, "batch height width"]:
    """The strongest pixels of each map, as many as asked for.

    Args:
        maps: At the size of the picture. Of equal pixels the upper ones come first, and in a row those on the left.
        num_pixels: How many pixels of each picture are kept, such as another method kept.

    Raises:
        DataError: A map has NaN or infinity, or as many pixels do not exist.
    """
    if not bool(maps.isfinite().all()):
        raise DataError("maps without NaN or infinity were expected, but one has some; check where it was computed")
    most = maps.shape[1] * maps.shape[2]
    if wrong := [number for number in num_pixels.tolist() if not 0 <= number <= most]:
        raise DataError(f"a number of pixels from 0 to {most} was expected, but {wrong[0]} came; ask for one of these")
    order = maps.flatten(1).argsort(dim=1, descending=True, stable=True)
    ranks = torch.arange(most, device=maps.device).expand_as(order)
    kept = torch.empty_like(order, dtype=torch.bool)
    kept.scatter_(1, order, ranks < num_pixels.to(maps.device)[:, None])
    return kept.view_as(maps)


def masked_and_inpainted(
    pictures: UInt8[np.ndarray, "batch height width 3"],
    kept: Bool[Tensor, "batch height width"],
    *,
    method: Inpainting = "telea",
    radius_pixels: float = RADIUS_PIXELS,
) -> UInt8[np.ndarray, "batch height width 3"]:
    """The pictures with all but the kept pixels painted black and filled in from around.

    Args:
        pictures: RGB, 0 to 255.
        kept: Which pixels stay; where none does, the picture is black, and where all do, it is as it was.
        method: How the others are filled.
        radius_pixels: How far around a pixel its filling looks, above 0.

    Returns:
        New pictures of the same size.

    Raises:
        SettingError: The radius is not above 0, or the method is unknown.
    """
    if not radius_pixels > 0:
        raise SettingError(f"a radius above 0 pixels was expected, not {radius_pixels}")
    if method not in get_args(Inpainting):
        raise SettingError(f"a method of {' or '.join(get_args(Inpainting))} was expected, not {method!r}")
    import cv2

    algorithm = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}[method]
    masks = kept.cpu().numpy()
    found = np.where(masks[..., None], pictures, np.uint8(0))
    for index, mask in enumerate(masks):
        if mask.any() and not mask.all():
            found[index] = cv2.inpaint(found[index], (~mask).astype(np.uint8), radius_pixels, algorithm)
    return found
