"""Are the parts that the heat maps show enough for the network? Tables 2(b) and 3.

Qi & Li 2017, arXiv:1709.05360, section 4.2: a pixel stays if any of the maps reaches gamma of its own maximum; the rest
is painted black and inpainted (OpenCV, Telea, 3 pixels), and the network classifies again.

Differs from the paper: five maps keep more of a picture than one does. So the share that is kept is told, and plain
excitation backprop is also given just as many pixels of each picture.
"""

from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whynet.attribution.upsampling import upsample
from whynet.base.errors import SettingError
from whynet.metrics.completeness import Completeness, kept_by_area, kept_by_threshold, masked_and_inpainted
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.concepts.figures import Figures
from whynet.workflows.concepts.readings import ExplainedLayer, Readings

GAMMAS = {"01": 0.01, "05": 0.05, "10": 0.1, "30": 0.3}
"""Shares of a map's maximum, by the ending of the figures' keys."""


class MaskedPictures:
    """The pictures of some rows, ready to be masked.

    Args:
        explained: The network.
        readings: Of the pictures.
        rows: Which.

    Raises:
        SettingError: The preprocessing is of the user's own, so nothing can be painted into what the network sees.
    """

    def __init__(self, explained: ExplainedLayer, readings: Readings, rows: list[int]) -> None:
        self.subject: Subject = explained.subject
        if not isinstance(self.subject.preprocess, Preprocessing):
            raise SettingError(
                "pictures are masked at the size that the network sees, which a preprocessing of one's own does not "
                "tell; give the subject a whynet Preprocessing"
            )
        self.preprocess = self.subject.preprocess
        self.images = explained.preprocessed(readings.examples, rows).cpu()
        self.pictures = self.preprocess.denormalise(self.images)
        self.labels = readings.labels[rows]

    @cached_property
    def accuracy(self) -> float:
        """Of the network on the pictures as they are."""
        return float((self.subject.logits(self.images).argmax(1).cpu() == self.labels).float().mean())

    def enlarged(self, maps: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Maps at the size of what the network sees."""
        return upsample(maps, (self.images.shape[2], self.images.shape[3]))

    def classified(self, kept: Bool[Tensor, "batch height width"]) -> tuple[float, float]:
        """The accuracy where only these pixels are kept, and the mean share that they are."""
        shown = torch.from_numpy(masked_and_inpainted(self.pictures.numpy(), kept))
        logits = self.subject.logits(self.preprocess.normalise(shown)).cpu()
        metric = Completeness()
        metric.update(logits.argmax(1) == self.labels, kept)
        found = metric.compute()
        return found.accuracy, found.kept_area


def completeness_figures(
    masked: MaskedPictures,
    maps: Float[Tensor, "batch features rows columns"],
    rival: Float[Tensor, "batch rows columns"] | None = None,
) -> Figures:
    """`completeness_NN` and `kept_area_NN` at each gamma; with a rival, its `rival_at_area_NN` for as many pixels.

    Args:
        masked: The pictures.
        maps: Of the x-features, at the resolution of their layer.
        rival: One map a picture of another method.
    """
    large = masked.enlarged(maps)
    other = None if rival is None else masked.enlarged(rival)
    figures: Figures = {"unmasked": masked.accuracy}
    for ending, gamma in GAMMAS.items():
        kept = kept_by_threshold(large, gamma)
        figures[f"completeness_{ending}"], figures[f"kept_area_{ending}"] = masked.classified(kept)
        if other is not None:
            same_area = kept_by_area(other, kept.flatten(1).sum(1))
            figures[f"rival_at_area_{ending}"], _ = masked.classified(same_area)
    return figures
