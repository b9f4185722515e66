"""The one record that every data set yields, and what a data set promises.

What a data set lacks is absent (None or empty), never faked.
"""

import json
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import SupportsIndex

import numpy as np
import PIL
from torch.utils.data import Dataset

from whynet.base import image as image_reader
from whynet.base.errors import DataError
from whynet.base.types import Landmarks, PartBoxes, PartMap, Picture

Claim = tuple[str, str]
"""One attribute: what it is an attribute of, and its value, as in ("crown colour", "red")."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One labelled picture with whatever is known about it.

    Args:
        name: Unique within its data set; what messages and reports call the picture.
        image: RGB, 0 to 255, any size and shape.
        label: Index into the data set's `class_names`.
        captions: Sentences that describe the picture; empty where there are none.
        landmarks: One row a part of the data set's `part_names`: x, y in pixels, visible (0 or 1).
        part_map: For each pixel 0, or 1 + the index of the part that is seen there.
        part_boxes: One row a part of the data set's `part_names`: x0, y0, x1, y1 in pixels (edges, so x1 may equal the
            width); a row of NaN says that none is annotated, not that the part cannot be seen.
        box: x0, y0, x1, y1 in pixels of the object's bounding box (edges, so x1 may equal the width).
        attributes: Every claim that is true of what can be seen.

    Raises:
        DataError: A visible landmark lies outside the picture, or the box of a part covers none of it.
    """

    name: str
    image: Picture
    label: int
    captions: tuple[str, ...] = ()
    landmarks: Landmarks | None = None
    part_map: PartMap | None = None
    part_boxes: PartBoxes | None = None
    box: tuple[float, float, float, float] | None = None
    attributes: frozenset[Claim] | None = None

    def __post_init__(self) -> None:
        if self.landmarks is not None:
            self._check_landmarks(self.landmarks)
        if self.part_boxes is not None:
            self._check_part_boxes(self.part_boxes)

    def _check_landmarks(self, landmarks: Landmarks) -> None:
        height, width = self.image.shape[:2]
        x, y, visible = landmarks.T
        outside = (visible > 0) & ((x < 0) | (x > width) | (y < 0) | (y > height))
        if outside.any():
            part = int(np.flatnonzero(outside)[0])
            raise DataError(
                f"{self.name}: landmark {part} lies at ({x[part]:g}, {y[part]:g}), outside the picture of "
                f"{width} x {height} pixels; correct the point or mark it as not visible"
            )

    def _check_part_boxes(self, boxes: PartBoxes) -> None:
        height, width = self.image.shape[:2]
        x0, y0, x1, y1 = boxes.T
        covers = (x0 < x1) & (y0 < y1) & (x0 < width) & (x1 > 0) & (y0 < height) & (y1 > 0)
        wrong = ~covers & ~np.isnan(boxes).all(1)  # a row that is NaN in part is wrong, too
        if wrong.any():
            part = int(np.flatnonzero(wrong)[0])
            given = ", ".join(f"{edge:g}" for edge in boxes[part])
            raise DataError(
                f"{self.name}: the box of part {part} ({given}) covers nothing of the picture of {width} x {height} "
                "pixels; correct it, or make all four edges NaN where none is annotated"
            )


class ExampleDataset(Dataset[Example], ABC):
    """A data set of examples. What is known without opening a picture is there at once, for every example.

    Attributes:
        class_names: Names of the classes, in the order of the labels.
        part_names: Names of the landmarks and part masks, in order; empty where there are none.
        counted_with: Parts whose masks count as another's where filters are measured, each with that other.
        names: Each example's unique name.
        labels: Each example's class index.
        captions: Each example's sentences, possibly none.
        sources: The picture that each example was cut from, where several may share one; empty where each is its own.
    """

    class_names: tuple[str, ...]
    part_names: tuple[str, ...] = ()
    counted_with: Mapping[str, str] = MappingProxyType({})
    names: Sequence[str]
    labels: Sequence[int]
    captions: Sequence[tuple[str, ...]]
    sources: Sequence[str] = ()

    @abstractmethod
    def __getitem__(self, index: int) -> Example:
        """Open picture `index`; raises `ImageError` or `DataError` if it cannot be used."""

    def __len__(self) -> int:
        return len(self.labels)

    def fingerprint(self) -> str:
        """A hex digest of the classes and of every picture with its name and label, in order.

        Two data sets of one fingerprint show the same pictures in the same order. Captions, landmarks and the like are
        left out, and a picture that cannot be used counts as such. This way opens every picture; override it where
        they can be told apart without that.
        """
        pictures = blake2b(digest_size=16)
        for index in range(len(self)):
            try:
                pixels = self[index].image
            except DataError:
                pictures.update(b"unusable")
            else:
                pictures.update(f"{pixels.shape}".encode() + pixels.tobytes())
        return digest_of("pictures", self.class_names, list(self.names), _integers(self.labels), pictures.hexdigest())

    def subset(self, indices: Sequence[int]) -> "ExampleSubset":
        """The examples at `indices`, in that order."""
        return ExampleSubset(self, indices)


class ExampleSubset(ExampleDataset):
    """Some examples of another data set, in a given order."""

    def __init__(self, whole: ExampleDataset, indices: Sequence[int]) -> None:
        self.whole = whole
        self.indices = list(indices)
        self.class_names = whole.class_names
        self.part_names = whole.part_names
        self.counted_with = whole.counted_with
        self.names = [whole.names[i] for i in self.indices]
        self.labels = [whole.labels[i] for i in self.indices]
        self.captions = [whole.captions[i] for i in self.indices]
        self.sources = [whole.sources[i] for i in self.indices] if whole.sources else ()

    def __getitem__(self, index: int) -> Example:
        return self.whole[self.indices[index]]

    def fingerprint(self) -> str:
        """A hex digest of the whole data set's fingerprint and the indices."""
        return digest_of("subset", self.whole.fingerprint(), _integers(self.indices))


def digest_of(*parts: object) -> str:
    """A hex digest of lists, texts and numbers, none of which can be mistaken for another."""
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def fingerprint_of_files(examples: ExampleDataset, paths: Sequence[Path]) -> str:
    """The fingerprint of a data set whose pictures are files; no picture is opened.

    It holds the names of the classes, each picture's name and label, its file's size in bytes and its times of change
    in nanoseconds (of the content and, since that one can be set, of the file's entry), and what decodes the files.
    Where the files lie does not matter; a file that is gone counts as such. It cannot see that a file was written over
    with as many bytes within one tick of the file system's clock, some milliseconds.

    Args:
        examples: The data set.
        paths: The picture file of each example.
    """
    decoder = [PIL.__version__, blake2b(Path(image_reader.__file__).read_bytes()).hexdigest()]
    files = [_state(path) for path in paths]
    return digest_of("files", decoder, examples.class_names, list(examples.names), _integers(examples.labels), files)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None  # opening the picture will say why
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _integers(numbers: Iterable[SupportsIndex]) -> list[int]:
    return [operator.index(number) for number in numbers]  # JSON would refuse those of numpy
