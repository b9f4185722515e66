"""Part interpretability: does a filter fire where one part of the object is?

Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935, section 5.2.1. For filter
f, image I and part k

    valid     = the units ij with x_ij > T_f, where p(x_ij > T_f) = 0.005 over all positions of all images
    S_f^I     = union of the round receptive fields of the valid units
    IoU_fk^I  = |S_f^I and S_k^I| / |S_f^I or S_k^I|
    P_fk      = mean over the images with part k of [IoU_fk^I > 0.2],   P_f = max_k P_fk

T_f comes from `QuantileSketch`, and the reported figure is the mean of P_f over the filters. A filter is judged on the
images of the category that activates it most (`FilterActivity`): say which with `counted`. Areas are measured on a grid
of cells that spans the network's input; of a cell that a part covers by a share, that share counts.

Differs from the paper: a filter that no image counts for, or none with any part, has no P_f; it is left out of the mean
and counted. A part whose mask is empty on an image where it is annotated counts as absent there.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from whynet.base.errors import DataError, SettingError
from whynet.metrics.filter_maps import MOST_ENTRIES, FilterMaps, PartMasks, best, check_maps, parts_to_see
from whynet.metrics.part_overlap import PartOverlapMetric

PAPER_IOU = 0.2


@dataclass(frozen=True, kw_only=True, eq=False)
class PartInterpretabilityFigures:
    """How surely each filter goes with a part.

    Args:
        part_interpretability: Mean of the scores, in [0, 1]; higher is better. NaN where no filter has one.
        score: P_f of each filter; NaN where it has none.
        part: The part with that score, the first of equals; -1 where there is none.
        per_part: P_fk; NaN where no image that counts for the filter shows the part.
        left_out: How many filters have no score.
        images: How many images count for each filter.
        images_with_part: How many of them show the part.
        without_region: On how many of them no unit of the filter is valid.
        empty_masks: On how many images each part is said to be present, but has an empty mask.
    """

    part_interpretability: float
    score: Float[Tensor, " filters"]
    part: Int[Tensor, " filters"]
    per_part: Float[Tensor, "filters parts"]
    left_out: int
    images: Int[Tensor, " filters"]
    images_with_part: Int[Tensor, "filters parts"]
    without_region: Int[Tensor, " filters"]
    empty_masks: Int[Tensor, " parts"]


class PartInterpretability(PartOverlapMetric):
    """Share of images on which a filter's valid region overlaps with its best part.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is counts, added over devices. Beside
    arrays of the size of its maps, an update holds at most four of `MOST_ENTRIES` entries, whatever the grid.

    Args:
        num_filters: How many maps each image has.
        num_parts: How many parts there are.
        thresholds: T_f, at least 0.
        iou: Above which a filter goes with a part, in [0, 1).

    Raises:
        SettingError: There is no filter or part, or a threshold or the IoU is out of its range.
    """

    hits: Tensor
    shown: Tensor
    images: Tensor
    without_region: Tensor

    def __init__(
        self, num_filters: int, num_parts: int, thresholds: Float[Tensor, " thresholds"], *, iou: float = PAPER_IOU
    ) -> None:
        super().__init__(num_filters, num_parts, thresholds, iou=iou)
        for name in ("hits", "shown"):
            self.add_state(name, torch.zeros(num_filters, num_parts, dtype=torch.long), dist_reduce_fx="sum")
        for name in ("images", "without_region"):
            self.add_state(name, torch.zeros(num_filters, dtype=torch.long), dist_reduce_fx="sum")

    def update(
        self,
        maps: FilterMaps,
        masks: PartMasks,
        present: Bool[Tensor, "present_images present_parts"],
        fields: Bool[Tensor, "units field_height field_width"],
        counted: Bool[Tensor, "counted_images counted_filters"] | None = None,
    ) -> None:
        """Count some images.

        Args:
            maps: After rectifier or mask.
            masks: Of the parts.
            present: Whether the part is there and annotated.
            fields: The receptive field of each unit, row by row of the map, on the grid of the masks: `discs`.
            counted: Which images count for which filter; None for all.

        Raises:
            DataError: The numbers of images, filters, parts, units or cells do not fit each other, a map has NaN or
                infinity, or a mask has a value outside [0, 1].
        """
        check_maps(maps, self.num_filters)
        seen, empty = parts_to_see(masks, present, len(maps), self.num_parts)
        units = maps.shape[2] * maps.shape[3]
        if fields.shape != (units, *masks.shape[2:]):
            raise DataError(
                f"fields of {units} units on a grid of {masks.shape[2]} x {masks.shape[3]} cells, as maps and masks "
                f"have them, were expected, but {tuple(fields.shape)} came; make them with discs"
            )
        if counted is None:
            counted = torch.ones(maps.shape[:2], dtype=torch.bool, device=maps.device)
        elif counted.shape != maps.shape[:2]:
            raise DataError(
                f"for {len(maps)} images x {self.num_filters} filters whether they count was expected, but "
                f"{tuple(counted.shape)} came; give one entry for each"
            )
        valid = (maps.detach() > self.thresholds[:, None, None]).flatten(2) & counted[:, :, None]  # (B, F, N)
        judged = counted[:, :, None] & seen[:, None]  # (B, F, K)
        overlap, union = _overlaps(valid, masks, fields)
        self.hits += ((overlap > self.iou * union) & judged).sum(0)
        self.shown += judged.sum(0)
        self.images += counted.sum(0)
        self.without_region += (counted & ~valid.any(2)).sum(0)
        self.empty_masks += empty
        self.total += len(maps)

    def compute(self) -> PartInterpretabilityFigures:
        """The figures of all images so far.

        Raises:
            DataError: There was no image.
        """
        self._check_some("part interpretability")
        per_part = self.hits.double() / self.shown  # 0 / 0 is NaN
        score, part = best(per_part)
        return PartInterpretabilityFigures(
            part_interpretability=float(score.nanmean()),
            score=score,
            part=part,
            per_part=per_part,
            left_out=int(score.isnan().sum()),
            images=self.images.clone(),
            images_with_part=self.shown.clone(),
            without_region=self.without_region.clone(),
            empty_masks=self.empty_masks.clone(),
        )


def discs(
    centres: Float[Tensor, "rows columns 2"], radius: float, size: tuple[int, int], grid: tuple[int, int]
) -> Bool[Tensor, "units height width"]:
    """The round receptive field of each unit on a grid of cells that spans the image.

    Args:
        centres: Row and column of the centre of each unit's field, in pixels of the image, whose first pixel has its
            centre at 0.5; may lie outside.
        radius: In pixels.
        size: Height and width of the image, in pixels.
        grid: Rows and columns of cells.

    Returns:
        Units row by row; a cell is covered if its centre is no farther away than the radius. A field that is small
        beside the cells, or outside the image, can cover none.

    Raises:
        SettingError: The radius is not above 0, or the image or the grid is empty.
        DataError: A centre is NaN or infinite.
    """
    if not (radius > 0 and min(*size, *grid) >= 1):
        raise SettingError(
            f"a radius above 0, an image and a grid were expected, not a radius of {radius}, an image of "
            f"{size[0]} x {size[1]} and a grid of {grid[0]} x {grid[1]}"
        )
    if not bool(centres.isfinite().all()):
        raise DataError("finite centres were expected, but one is not; leave out units that see nothing")
    points = centres.detach().double().flatten(0, 1)
    y, x = (
        (torch.arange(cells, device=points.device) + 0.5) * (pixels / cells)
        for cells, pixels in zip(grid, size, strict=True)
    )
    down, across = (y - points[:, :1]).square(), (x - points[:, 1:]).square()  # (N, H), (N, W)
    at_once = max(1, MOST_ENTRIES // (grid[0] * grid[1]))
    rows = zip(torch.split(down, at_once), torch.split(across, at_once), strict=True)
    return torch.cat([own[:, :, None] + other[:, None] <= radius**2 for own, other in rows])


def _overlaps(
    valid: Bool[Tensor, "batch filters units"], masks: PartMasks, fields: Bool[Tensor, "units height width"]
) -> tuple[Float[Tensor, "batch filters parts"], Float[Tensor, "batch filters parts"]]:
    """Cells in both region and part, and in either; pixel by pixel they add up, so a piece of the grid at a time."""
    overlap = torch.zeros(*valid.shape[:2], masks.shape[1], dtype=torch.double, device=valid.device)
    region_area = torch.zeros(*valid.shape[:2], 1, dtype=torch.double, device=valid.device)
    at_once = max(1, MOST_ENTRIES // max(valid.shape[1:]))
    pieces = zip(torch.split(fields.flatten(1), at_once, 1), torch.split(masks.flatten(2), at_once, 2), strict=True)
    for covered, parts in ((field.float(), part) for field, part in pieces):
        for image, units in enumerate(valid):
            filters = units.any(1).nonzero()[:, 0]
            region = (units[filters].float() @ covered > 0).double()  # (f, P)
            overlap[image, filters] += region @ parts[image].double().T
            region_area[image, filters] += region.sum(1, keepdim=True)
    part_area = masks.flatten(2).sum(2, dtype=torch.double)[:, None]
    return overlap, region_area + part_area - overlap
