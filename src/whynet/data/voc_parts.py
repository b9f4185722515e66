"""PASCAL VOC Part: crops of six kinds of animals with masks of their parts, read as published.

Chen, Mottaghi, Liu, Fidler, Urtasun & Yuille, "Detect What You Can: Detecting and Representing Objects using Holistic
Models and Body Parts", CVPR 2014, arXiv:1406.2031: parts of the pictures of PASCAL VOC 2010. Cropped as in Zhang, Wu &
Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935, section 5.

    Annotations_Part/<image>.mat       of VOC Part; or in trainval/, as its archive has it
    JPEGImages/<image>.jpg             of VOC 2010; or in VOCdevkit/VOC2010/, with ImageSets
    ImageSets/Main/train.txt, val.txt  one <image> a line; val is the test split

Every bird, cat, cow, dog, horse and sheep is cropped to the box of its mask, without a margin; see `voc_annotation` for
its parts. Landmarks are the centres of the boxes of masks: of the one that bears the part's name, else of all that make
the part. Where filters are measured, the neck counts with the torso. Of an animal without any part annotated nothing is
known; of any other, a part that is not annotated cannot be seen.

Differs from the paper: which pictures it trains on it does not say; here VOC's own train list is the training split and
val the test split. As in its authors' released code, animals whose box has fewer than 2,500 pixels are left out. The
tails of cows, horses and sheep, which the paper does not measure, are measured like those of the others.
"""

import logging
import re
from collections import Counter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from whynet.base.errors import DataError, SettingError
from whynet.base.image import read_image
from whynet.base.types import PartMap
from whynet.data.annotation_text import read_annotation_text
from whynet.data.bad_examples import Progress
from whynet.data.example import Example, ExampleDataset, digest_of, fingerprint_of_files
from whynet.data.voc_annotation import CLASSES, PARTS, Animal, box_of, read_animals

_LISTS = {"train": "train.txt", "test": "val.txt"}
_log = logging.getLogger("whynet")


class VOCParts(ExampleDataset):
    """One split of the animals of PASCAL VOC Part, one example an animal.

    All annotations are read at once, which takes minutes for the whole data set. Crops of one picture share a source.

    Args:
        root: The folder that holds `Annotations_Part`, `JPEGImages` and `ImageSets`, or both archives unpacked.
        split: "train" or "test", which is VOC's val.
        on_progress: Called after each annotation file with the number of those that were read and of all.

    Raises:
        SettingError: There is no such split.
        DataError: A file is absent, damaged or malformed, a part of an animal has an unknown name, masks of one picture
            differ in size, or the split has no animal of a class; names the file.
    """

    class_names = CLASSES
    part_names = PARTS
    counted_with = MappingProxyType({"neck": "torso"})

    def __init__(self, root: Path, split: str = "train", on_progress: Progress | None = None) -> None:
        if split not in _LISTS:
            raise SettingError(f'VOC Part has the splits "train" and "test", not {split!r}; choose one of them')
        self.root = root
        self.split = split
        pictures = _folder(root, "JPEGImages", "VOCdevkit/VOC2010")
        annotations = _folder(root, "Annotations_Part", "trainval")
        images = _read_list(pictures.parent / "ImageSets" / "Main" / _LISTS[split])
        self._animals: list[Animal] = []
        self.sources: list[str] = []
        left_out: Counter[str] = Counter()
        for done, image in enumerate(images, start=1):
            animals = read_animals(annotations / f"{image}.mat", image, left_out)
            self._animals += animals
            self.sources += [image] * len(animals)
            if on_progress is not None:
                on_progress(done, len(images))
        for reason, count in left_out.items():
            _log.info("VOC Part, %s: leaving out %d animals %s", split, count, reason)
        self.labels = [CLASSES.index(animal.name) for animal in self._animals]
        if absent := [name for label, name in enumerate(CLASSES) if label not in self.labels]:
            raise DataError(
                f"the pictures of {_LISTS[split]} show no {' and no '.join(absent)} of enough pixels; restore the list"
            )
        self.names = [
            f"{image}/{animal.number} {animal.name}" for image, animal in zip(self.sources, self._animals, strict=True)
        ]
        self.captions = [()] * len(self._animals)
        self._paths = [_picture(pictures, image) for image in self.sources]

    def __getitem__(self, index: int) -> Example:
        """Open crop `index`; raises `DataError` if its picture cannot be used or has another size than the masks."""
        animal, path = self._animals[index], self._paths[index]
        image = read_image(path)
        height, width = image.shape[:2]
        if (height, width) != (animal.rows, animal.columns):
            raise DataError(
                f"{path.name}: expected the {animal.columns} x {animal.rows} pixels of its masks, but the picture has "
                f"{width} x {height}; restore it"
            )
        left, top, right, bottom = animal.box
        part_map = animal.part_map
        return Example(
            name=self.names[index],
            image=np.ascontiguousarray(image[top:bottom, left:right]),
            label=self.labels[index],
            box=(0.0, 0.0, float(right - left), float(bottom - top)),
            **({} if part_map is None else _parts(part_map, animal)),
        )

    def fingerprint(self) -> str:
        """What the pictures and their order depend on, as a hex digest: the files, and where they are cropped."""
        boxes = [animal.box for animal in self._animals]
        return digest_of("crops", fingerprint_of_files(self, self._paths), boxes)


def _parts(part_map: PartMap, animal: Animal) -> dict[str, Any]:
    """What an example knows of its parts."""
    boxes = np.full((len(PARTS), 4), np.nan)
    for part in range(len(PARTS)):
        if (box := box_of(part_map == part + 1)) is not None:
            boxes[part] = box
    is_seen = np.isfinite(boxes[:, 0])
    named = boxes.copy()
    for name, own in animal.drawn.items():
        named[PARTS.index(name)] = own
    centres = np.where(is_seen[:, None], (named[:, :2] + named[:, 2:]) / 2, 0)
    return {"part_map": part_map, "part_boxes": boxes, "landmarks": np.column_stack([centres, is_seen])}


def _folder(root: Path, name: str, elsewhere: str) -> Path:
    for folder in (root / name, root / elsewhere / name):
        if folder.is_dir():
            return folder
    raise DataError(f"expected a folder {name} in {root} or in its {elsewhere}, but there is none; check the path")


def _read_list(path: Path) -> list[str]:
    """The names of a split's pictures: of letters, digits, _ and - alone, so that none leads out of a folder."""
    lines = [line.strip() for line in read_annotation_text(path, "the VOC list").split("\n")]
    for number, name in enumerate(lines, start=1):
        if name and not re.fullmatch("[A-Za-z0-9_-]{1,100}", name):
            raise DataError(f"{path}, line {number}: expected the name of a picture, but it is {name!r}; correct it")
    images = [name for name in lines if name]
    if not images:
        raise DataError(f"{path}: expected one picture a line, but there is none; restore the list")
    if twice := [name for name, count in Counter(images).items() if count > 1]:
        raise DataError(f"{path} lists {twice[0]} twice; remove one of the lines")
    return images


def _picture(folder: Path, image: str) -> Path:
    path = folder / f"{image}.jpg"
    if not path.is_file():
        raise DataError(f"there is no picture {path}, though Annotations_Part has its masks; restore it")
    return path
