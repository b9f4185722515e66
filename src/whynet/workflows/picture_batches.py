"""The pictures of a data set as the network sees them, a batch at a time, opened when they are asked for."""

from collections.abc import Sequence
from typing import overload

from whynet.base.types import Images
from whynet.data.example import ExampleDataset
from whynet.models.subject import Subject
from whynet.workflows.reading import BATCH_SIZE


class PictureBatches(Sequence[Images]):
    """Batches of preprocessed pictures.

    Args:
        subject: Whose preprocessing and device they are for.
        examples: The pictures.
    """

    def __init__(self, subject: Subject, examples: ExampleDataset) -> None:
        self.subject, self.examples = subject, examples

    def __len__(self) -> int:
        return -(-len(self.examples) // BATCH_SIZE)

    @overload
    def __getitem__(self, index: int) -> Images: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Images]: ...

    def __getitem__(self, index: int | slice) -> Images | Sequence[Images]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        start = range(len(self))[index] * BATCH_SIZE
        rows = range(start, min(start + BATCH_SIZE, len(self.examples)))
        return self.subject.preprocess([self.examples[row].image for row in rows]).to(self.subject.device)
