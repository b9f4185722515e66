"""Training pictures: resized once, kept as bytes in memory while they fit, opened again each time where they do not."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from whynet.base.progress import track
from whynet.data.example import ExampleDataset
from whynet.models.preprocessing import Preprocessing

Item = tuple[Tensor, int]


class ResizedPictures(Dataset[Item]):
    """Pairs of a resized picture (height, width, 3), 0 to 255, and its label.

    Args:
        examples: What to train on.
        preprocessing: Says the size; normalising is left to the batch, on the device.
        memory_limit: Most bytes kept in memory.
    """

    def __init__(
        self, examples: ExampleDataset, preprocessing: Preprocessing, *, memory_limit: int = 2 * 1024**3
    ) -> None:
        self.examples = examples
        self.preprocessing = preprocessing
        shape = (len(examples), preprocessing.height, preprocessing.width, 3)
        self.pictures: Tensor | None = None
        if shape[0] * shape[1] * shape[2] * 3 <= memory_limit:
            self.pictures = torch.empty(shape, dtype=torch.uint8)
            for index in track(range(len(examples)), "Opening pictures"):
                self.pictures[index] = self._open(index)

    def _open(self, index: int) -> Tensor:
        return torch.from_numpy(self.preprocessing.resize(self.examples[index].image))

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Item:
        picture = self._open(index) if self.pictures is None else self.pictures[index]
        return picture, self.examples.labels[index]
