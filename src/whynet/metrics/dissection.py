"""Network dissection: which part does each filter detect over the whole data set, and how many parts are detected?

Bau, Zhou, Khosla, Oliva & Torralba, "Network Dissection: Quantifying Interpretability of Deep Visual Representations",
CVPR 2017, arXiv:1704.05796, section 2:

    S_f    = [map of filter f, enlarged bilinearly to the size of the mask, > T_f]
    IoU_fk = sum over images |S_f and M_k| / sum over images |S_f or M_k|

over the images that show part k, with mask M_k. T_f leaves a share of 0.005 of the positions above: `QuantileSketch`. A
filter detects the part with its highest IoU if that is above 0.04, and the number of different parts that are detected
so, the unique detectors, says how much of the object the filters tell apart.

Differs from the paper: the concepts are parts of objects, and part k's images are those where it is present; there
they are those that were annotated for the kind of concept. A part whose mask is empty on an image where it is said to
be present counts as absent there.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from whynet.metrics.filter_maps import MOST_ENTRIES, FilterMaps, PartMasks, best, check_maps, parts_to_see
from whynet.metrics.part_overlap import PartOverlapMetric

PAPER_IOU = 0.04


@dataclass(frozen=True, kw_only=True, eq=False)
class DissectionFigures:
    """What the filters detect.

    Args:
        unique_detectors: How many different parts are detected by some filter; higher is better.
        detectors: How many filters detect a part.
        is_detector: Which filters do.
        part: The part with the filter's highest IoU, the first of equals; -1 where no part was ever seen.
        iou: In [0, 1]; NaN in the column of a part that was never seen.
        images: How many images show each part.
        empty_masks: On how many images each part is said to be present, but has an empty mask.
    """

    unique_detectors: int
    detectors: int
    is_detector: Bool[Tensor, " filters"]
    part: Int[Tensor, " filters"]
    iou: Float[Tensor, "filters parts"]
    images: Int[Tensor, " parts"]
    empty_masks: Int[Tensor, " parts"]


class Dissection(PartOverlapMetric):
    """IoU of filters and parts over a data set.

    A torchmetrics `Metric`: feed it batch by batch with `update`; its state is sums, added over devices. Beside its
    arguments an update holds a few arrays of `MOST_ENTRIES` entries, or of as many as a mask has.

    Args:
        num_filters: How many maps each image has.
        num_parts: How many parts there are.
        thresholds: T_f, at least 0.
        iou: Above which a filter detects a part, in [0, 1).

    Raises:
        SettingError: There is no filter or part, or a threshold or the IoU is out of its range.
    """

    overlap: Tensor
    union: Tensor
    images: Tensor

    def __init__(
        self, num_filters: int, num_parts: int, thresholds: Float[Tensor, " thresholds"], *, iou: float = PAPER_IOU
    ) -> None:
        super().__init__(num_filters, num_parts, thresholds, iou=iou)
        for name in ("overlap", "union"):
            self.add_state(name, torch.zeros(num_filters, num_parts, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros(num_parts, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, maps: FilterMaps, masks: PartMasks, present: Bool[Tensor, "present_images present_parts"]) -> None:
        """Count some images.

        Args:
            maps: After rectifier or mask.
            masks: Of the parts, of any resolution; of a cell that a part covers by a share, that share counts.
            present: Whether the part is there and annotated.

        Raises:
            DataError: The numbers of images, filters or parts do not fit each other, a map has NaN or infinity, or a
                mask has a value outside [0, 1].
        """
        check_maps(maps, self.num_filters)
        seen, empty = parts_to_see(masks, present, len(maps), self.num_parts)
        at_once = max(1, MOST_ENTRIES // (masks.shape[2] * masks.shape[3]))
        strong = maps.detach().amax((2, 3)) > self.thresholds  # enlarging makes nothing larger
        for image, parts in enumerate(seen):
            mask = masks[image, parts].flatten(1).double()  # (k, P)
            self.union[:, parts] += mask.sum(1)
            firing = strong[image].nonzero()[:, 0]
            for first in range(0, len(firing), at_once):
                filters = firing[first : first + at_once]
                region = self._region(maps[image], filters, masks.shape[2], masks.shape[3])  # (f, P)
                overlap = torch.zeros(len(filters), self.num_parts, dtype=torch.double, device=mask.device)
                overlap[:, parts] = region @ mask.T
                self.overlap[filters] += overlap
                self.union[filters] += region.sum(1, keepdim=True) * parts - overlap
        self.images += seen.sum(0)
        self.empty_masks += empty
        self.total += len(maps)

    def compute(self) -> DissectionFigures:
        """The figures of all images so far.

        Raises:
            DataError: There was no image.
        """
        self._check_some("dissection")
        iou = self.overlap / self.union  # 0 / 0 is NaN
        part = best(iou)[1]
        is_detector = (self.overlap > self.iou * self.union).any(1)
        return DissectionFigures(
            unique_detectors=len(set(part[is_detector].tolist())),
            detectors=int(is_detector.sum()),
            is_detector=is_detector,
            part=part,
            iou=iou,
            images=self.images.clone(),
            empty_masks=self.empty_masks.clone(),
        )

    def _region(
        self, maps: Float[Tensor, "all_filters rows columns"], filters: Int[Tensor, " filters"], height: int, width: int
    ) -> Float[Tensor, "filters cells"]:
        """1 where the enlarged map is above the threshold of its filter, else 0."""
        chosen = maps[filters].detach().double()[None]
        enlarged = F.interpolate(chosen, (height, width), mode="bilinear", align_corners=False)[0]
        return (enlarged > self.thresholds[filters, None, None]).flatten(1).double()
