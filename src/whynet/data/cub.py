"""CUB-200-2011: birds with bounding boxes, 15 landmarks and ten captions a picture, read from its standard layout.

Wah, Branson, Welinder, Perona & Belongie, "The Caltech-UCSD Birds-200-2011 Dataset", Caltech CNS-TR-2011-001, 2011.
Captions: Reed, Akata, Schiele & Lee, "Learning Deep Representations of Fine-grained Visual Descriptions", CVPR 2016,
arXiv:1605.05395.

    CUB_200_2011/
      images/<class>/<file>.jpg
      images.txt                 <image> <class>/<file>
      image_class_labels.txt     <image> <class>
      classes.txt                <class> <name>
      train_test_split.txt       <image> <1: train, 0: test>
      bounding_boxes.txt         <image> <x> <y> <width> <height>      may be absent
      parts/parts.txt            <part> <name>                         may be absent
      parts/part_locs.txt        <image> <part> <x> <y> <visible>      may be absent
    text_c10/<class>/<file>.txt  one caption a line                    may be absent; beside CUB_200_2011 or in it

A file that is there must be complete: every picture has its line (and each part its line). Any number of classes will
do.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from whynet.base.errors import DataError, SettingError
from whynet.base.image import read_image
from whynet.base.paths import path_inside
from whynet.base.types import Landmarks
from whynet.data.annotation_text import read_annotation_text
from whynet.data.bird_parts import LARGE_PARTS
from whynet.data.bounding_box import Box, clip_box
from whynet.data.example import Example, ExampleDataset, fingerprint_of_files
from whynet.data.vocabulary import tokenise

_FILE = "the CUB-200-2011 file"
Key = TypeVar("Key")
Value = TypeVar("Value")


class CUB(ExampleDataset):
    """One split of CUB-200-2011, or of a part of it in the same layout.

    Args:
        root: The folder that holds `CUB_200_2011/` (and `text_c10/`), or `CUB_200_2011` itself.
        split: "train" or "test", as train_test_split.txt says.

    Raises:
        SettingError: There is no such split.
        DataError: A file is absent, malformed or incomplete, or a picture is missing; names the file and line.
    """

    counted_with = LARGE_PARTS

    def __init__(self, root: Path, split: str = "train") -> None:
        if split not in ("train", "test"):
            raise SettingError(f'CUB has the splits "train" and "test", not {split!r}; choose one of them')
        self.root = root / "CUB_200_2011" if (root / "CUB_200_2011").is_dir() else root
        self.split = split
        files = _read_table(self.root / "images.txt", "<image> <class>/<file>", _text)
        classes = _read_table(self.root / "classes.txt", "<class> <name>", _text)
        class_of = self._table_of_images("image_class_labels.txt", "<image> <class>", _integer, files)
        is_training = self._table_of_images("train_test_split.txt", "<image> <1 or 0>", _flag, files)

        self.class_names = tuple(_human(name) for name in classes.values())
        self._refuse_twice("classes.txt", self.class_names)
        self._refuse_twice("images.txt", tuple(files.values()))
        self._ids = [image for image in files if is_training[image] == (split == "train")]
        if not self._ids:
            raise DataError(
                f"{self.root / 'train_test_split.txt'} puts no picture in the split {split!r}; use the other split"
            )
        self.names = [files[image] for image in self._ids]
        self._paths = [self._picture(image, files[image]) for image in self._ids]
        self.labels = self._labels(class_of, list(classes))
        self._boxes = self._read_boxes(files)
        self._landmarks = self._read_landmarks(files)
        self.captions = self._read_captions()

    def __getitem__(self, index: int) -> Example:
        """Open picture `index`; raises `DataError` if it, its box or its landmarks cannot be used."""
        image_id, name, image = self._ids[index], self.names[index], read_image(self._paths[index])
        box = self._boxes.get(image_id)
        return Example(
            name=name,
            image=image,
            label=self.labels[index],
            captions=self.captions[index],
            landmarks=self._landmarks.get(image_id),
            box=None if box is None else clip_box(box, image, name),
        )

    def fingerprint(self) -> str:
        """What the pictures and their order depend on, as a hex digest; see `fingerprint_of_files`."""
        return fingerprint_of_files(self, self._paths)

    def _table_of_images(
        self, file: str, form: str, parse: Callable[[str], tuple[int, Value]], files: dict[int, str]
    ) -> dict[int, Value]:
        """A table with exactly one line for each picture of images.txt."""
        path = self.root / file
        table = _read_table(path, form, parse)
        for image, name in files.items():
            if image not in table:
                raise DataError(f"{path} has no line for image {image}, {name}, which images.txt lists; add it")
        for image in table:
            if image not in files:
                raise DataError(f"{path} has a line for image {image}, which images.txt does not list; remove it")
        return table

    def _refuse_twice(self, file: str, names: tuple[str, ...]) -> None:
        if len(set(names)) < len(names):
            twice = next(name for index, name in enumerate(names) if name in names[:index])
            raise DataError(f"{self.root / file} gives the name {twice!r} twice; make the names unique")

    def _picture(self, image: int, name: str) -> Path:
        try:
            path = path_inside(self.root / "images", name)
        except DataError as error:
            raise DataError(f"{self.root / 'images.txt'}, image {image}: {error}") from error
        if not path.is_file():
            raise DataError(
                f"{self.root / 'images.txt'} lists image {image} as {name}, but there is no such file in images; "
                "restore the picture or remove its lines"
            )
        return path

    def _labels(self, class_of: dict[int, int], classes: list[int]) -> list[int]:
        for image in self._ids:
            if class_of[image] not in classes:
                raise DataError(
                    f"{self.root / 'image_class_labels.txt'} gives image {image} the class {class_of[image]}, "
                    "which classes.txt does not list; add the class or correct the label"
                )
        return [classes.index(class_of[image]) for image in self._ids]

    def _read_boxes(self, files: dict[int, str]) -> dict[int, Box]:
        if not (self.root / "bounding_boxes.txt").exists():
            return {}
        return self._table_of_images("bounding_boxes.txt", "<image> <x> <y> <width> <height>", _box, files)

    def _read_landmarks(self, files: dict[int, str]) -> dict[int, Landmarks]:
        names, path = self.root / "parts" / "parts.txt", self.root / "parts" / "part_locs.txt"
        if not names.exists() or not path.exists():
            return {}
        parts = _read_table(names, "<part> <name>", _text)
        points = _read_table(path, "<image> <part> <x> <y> <visible: 1 or 0>", _point)
        for image, part in points:
            if image not in files or part not in parts:
                raise DataError(f"{path} has a line for image {image}, part {part}, which is not listed; remove it")
        for image in self._ids:
            for part in parts:
                if (image, part) not in points:
                    raise DataError(f"{path} has no line for part {part} of image {image}, {files[image]}; add it")
        self.part_names = tuple(parts.values())
        return {image: np.array([points[image, part] for part in parts], dtype=np.float64) for image in self._ids}

    def _read_captions(self) -> list[tuple[str, ...]]:
        folders = [folder / "text_c10" for folder in (self.root.absolute().parent, self.root)]
        folder = next((folder for folder in folders if folder.is_dir()), None)
        if folder is None:
            return [()] * len(self.names)
        files = [str(Path(name).with_suffix(".txt")) for name in self.names]
        captions = [_read_sentences(path) if (path := path_inside(folder, file)).exists() else () for file in files]
        if not any(captions):
            raise DataError(
                f"{folder} holds no caption of the {len(files)} pictures; expected {files[0]} and so on there"
            )
        return captions


def _human(name: str) -> str:
    """The name of a class as people write it: "001.Black_footed_Albatross" is "Black footed Albatross"."""
    return re.sub(r"^\d+\.", "", name).replace("_", " ").strip() or name


def _read_table(path: Path, form: str, parse: Callable[[str], tuple[Key, Value]]) -> dict[Key, Value]:
    """The lines of a file as {key: value}, in the order of the keys."""
    table: dict[Key, Value] = {}
    for number, line in enumerate(read_annotation_text(path, _FILE).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            key, value = parse(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: expected {form}, but it is {line!r}; correct the line") from error
        if key in table:
            raise DataError(f"{path}, line {number}: {key} has a line already; remove one of the two")
        table[key] = value
    if not table:
        raise DataError(f"{path}: expected lines of the form {form}, but the file is empty; restore it")
    return {key: table[key] for key in sorted(table)}  # type: ignore[type-var]  # keys are numbers or pairs of them


def _read_sentences(path: Path) -> tuple[str, ...]:
    """The lines of a file, less those without a word."""
    return tuple(line.strip() for line in read_annotation_text(path, _FILE).split("\n") if tokenise(line))


# One line of a table as (key, value); each raises ValueError for a malformed line.


def _text(line: str) -> tuple[int, str]:
    key, value = line.strip().split(maxsplit=1)
    return int(key), value


def _integer(line: str) -> tuple[int, int]:
    key, value = line.split()
    return int(key), int(value)


def _flag(line: str) -> tuple[int, bool]:
    key, value = line.split()
    return int(key), _truth(value)


def _box(line: str) -> tuple[int, Box]:
    key, *numbers = line.split()
    x, y, width, height = (_finite(number) for number in numbers)
    if width <= 0 or height <= 0:
        raise ValueError(line)
    return int(key), (x, y, x + width, y + height)


def _point(line: str) -> tuple[tuple[int, int], tuple[float, float, float]]:
    image, part, x, y, visible = line.split()
    return (int(image), int(part)), (_finite(x), _finite(y), float(_truth(visible)))


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _truth(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(text)
    return text == "1"
