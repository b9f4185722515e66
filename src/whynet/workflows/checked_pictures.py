"""The pictures that `whynet check` looks at, and what every method is asked about them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from whynet.attribution.methods import heat_map
from whynet.attribution.passage import network_of
from whynet.base.seeding import generator
from whynet.base.types import Images, Labels
from whynet.metrics.deletion_insertion import area, deletion, insertion
from whynet.models.subject import Subject
from whynet.workflows.seen_regions import Regions

BATCH_SIZE = 16
CURVES = {"deletion": deletion, "insertion": insertion}


@dataclass(frozen=True, kw_only=True, eq=False)
class Checked:
    """What all methods are checked on.

    Args:
        subject: The network.
        images: Preprocessed, on its device.
        classes: Which class of each is explained.
        regions: Where its object is.
        layer: At which the maps are read; None is the input.
        conservation_layers: At which excitation maps are summed.
        num_steps: Of deletion and insertion.
        seed: Of all that is random.
    """

    subject: Subject
    images: Images
    classes: Labels
    regions: dict[str, Regions]
    layer: str | None
    conservation_layers: Sequence[str | None]
    num_steps: int
    seed: int

    @property
    def network(self) -> nn.Module:
        """Without the wrapper of a compilation."""
        return network_of(self.subject.network)

    def maps(self, method: str, network: nn.Module, images: Images, layer: str | None) -> Tensor:
        """The maps of all pictures, a few at a time."""
        starts = range(0, len(images), BATCH_SIZE)
        batches = [slice(start, start + BATCH_SIZE) for start in starts]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `_probe` has told
            return torch.cat([heat_map(method, network, images[b], self.classes[b], layer=layer) for b in batches])

    def curve_area(self, name: str, maps: Tensor) -> float:
        """The mean area of "deletion" or "insertion" in the order of maps."""
        curve = CURVES[name](
            lambda images: self.subject.logits(images).softmax(1), self.images, maps, self.classes,
            num_steps=self.num_steps, batch_size=BATCH_SIZE, seed=self.seed,
        )  # fmt: skip
        return float(area(curve).mean())


class RandomCurves:
    """Areas of random maps: one set for all methods whose maps have one size."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self._areas: dict[tuple[str, tuple[int, ...]], float] = {}

    def __call__(self, name: str, size: tuple[int, ...]) -> float:
        """The mean area of "deletion" or "insertion" in the order of random maps of a size."""
        if (name, size) not in self._areas:
            maps = torch.rand(size, generator=generator(self.checked.seed, "random maps")).to(
                self.checked.images.device
            )
            self._areas[name, size] = self.checked.curve_area(name, maps)
        return self._areas[name, size]
