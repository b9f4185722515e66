"""The pictures on which filters are measured, a batch at a time, and what the filters were trained to stand for."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from whynet.attribution.passage import output_of
from whynet.base.errors import SubjectError
from whynet.base.progress import track
from whynet.base.types import Images, Labels
from whynet.data.example import Example, ExampleDataset
from whynet.models.interpretable_conv import InterpretableConv
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.reading import BATCH_SIZE


class LayerPictures:
    """Pictures, a batch at a time, with a layer's maps.

    Args:
        subject: The network; its preprocessing is a `Preprocessing`.
        layer: Of maps.
        examples: The pictures.
    """

    def __init__(self, subject: Subject, layer: str, examples: ExampleDataset) -> None:
        self.subject, self.layer, self.examples = subject, layer, examples
        assert isinstance(subject.preprocess, Preprocessing)
        self.preprocess = subject.preprocess

    def some(self, number: int) -> Images:
        """Pictures spread evenly over the data set, as the network sees them."""
        number = min(number, len(self.examples))
        rows = [place * len(self.examples) // number for place in range(number)]
        return self.preprocess([self.examples[row].image for row in rows]).to(self.subject.device)

    def trained_categories(self, count: int) -> Int[Tensor, " filters"] | None:
        """What the filters of an interpretable layer were trained to stand for; None where training told them nothing.

        Args:
            count: How many categories are looked at; the others are nobody's.
        """
        layer = self.subject.layer(self.layer)
        if not isinstance(layer, InterpretableConv) or not bool((layer.mask.categories >= 0).any()):
            return None
        categories = layer.mask.categories.cpu()
        return categories.where(categories < count, -1)

    def batches(self, what: str) -> Iterator[tuple[list[Example], Tensor, Labels]]:
        """Examples, maps and labels; raises `SubjectError` if the layer has no maps."""
        starts = range(0, len(self.examples), BATCH_SIZE)
        for start in track(starts, what):
            examples = [self.examples[row] for row in range(start, min(start + BATCH_SIZE, len(self.examples)))]
            images = self.preprocess([one.image for one in examples]).to(self.subject.device)
            maps = output_of(self.subject.network, images, self.layer).float().cpu()
            if maps.ndim != 4:
                raise SubjectError(
                    f"layer {self.layer!r} has no maps (channels, rows, columns), but a tensor of shape "
                    f"{tuple(maps.shape[1:])}; name a convolution, its ReLU or a block of them"
                )
            yield examples, maps, torch.tensor([one.label for one in examples])
