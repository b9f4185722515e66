"""ILSVRC 2013 DET Animal-Part: crops of animals with boxes of the head and the frontal legs.

Zhang, Cao, Wu & Zhu, "Growing Interpretable Part Graphs on ConvNets via Multi-Shot Learning", AAAI 2017,
arXiv:1611.04246; used in Zhang, Wu & Zhu, "Interpretable Convolutional Neural Networks", CVPR 2018, arXiv:1710.00935.

    images/<wnid>/<number>.jpg   one crop each: the object's box, without a margin
    annotations.csv              one row a crop; any order, other columns are passed over:
      wnid, category             WordNet id and English name of the class
      file                       the crop, relative to this folder
      width, height              of the crop in pixels
      split                      train or test
      head_x0 ... head_y1        the head's box in pixels (edges), or all four empty
      legs_x0 ... legs_y1        the frontal legs', likewise
      head_n, legs_n             how many boxes of the part the crop has; of several, the columns hold the largest
      source                     the picture that the crop was cut from: crops of one class that agree share a picture

Parts were annotated on a first stretch of each class only, each part on its own: a part without a box is one of which
nothing is known, not one that cannot be seen. Its row of `Example.part_boxes` is NaN, and so is that of a part with
several boxes, since the original evaluation leaves such crops out and one box of them would not say where the part is.
"""

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whynet.base.errors import DataError, SettingError
from whynet.base.image import read_image
from whynet.base.paths import path_inside
from whynet.data.annotation_text import read_annotation_text
from whynet.data.bounding_box import Box, clip_box
from whynet.data.example import Example, ExampleDataset, fingerprint_of_files

_PARTS = ("head", "legs")
_EDGES = ("x0", "y0", "x1", "y1")
_SPLITS = ("train", "test")
_COLUMNS = (
    "wnid", "category", "file", "width", "height", "split", "source",
    *(f"{part}_{column}" for part in _PARTS for column in (*_EDGES, "n")),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Crop:
    """One row of annotations.csv; `where` is its place for messages, and a part without one sure box has None."""

    where: str
    wnid: str
    category: str
    file: str
    width: int
    height: int
    split: str
    source: str
    boxes: tuple[Box | None, ...]


class AnimalParts(ExampleDataset):
    """One split of the Animal-Part crops, or of some of their classes in the same layout.

    Classes are in the order of their WordNet ids; the object's box is the whole crop; captions there are none.

    Args:
        root: The folder that holds annotations.csv.
        split: "train" or "test", as annotations.csv says.

    Raises:
        SettingError: There is no such split.
        DataError: annotations.csv is absent or malformed, or a crop is missing; names the file and line.
    """

    part_names = _PARTS

    def __init__(self, root: Path, split: str = "train") -> None:
        if split not in _SPLITS:
            raise SettingError(f'Animal-Part has the splits "train" and "test", not {split!r}; choose one of them')
        self.root = root
        self.split = split
        every = _read_crops(root / "annotations.csv")
        categories = _categories(every)
        self._crops = [crop for crop in every if crop.split == split]
        if not self._crops:
            raise DataError(f"{root / 'annotations.csv'} puts no crop in the split {split!r}; use the other split")
        self.class_names = tuple(categories.values())
        classes = {wnid: label for label, wnid in enumerate(categories)}
        self.labels = [classes[crop.wnid] for crop in self._crops]
        self.names = [crop.file for crop in self._crops]
        self.captions = [()] * len(self._crops)
        self.sources = [f"{crop.wnid}/{crop.source}" for crop in self._crops]
        self._paths = [_path(root, crop) for crop in self._crops]

    def __getitem__(self, index: int) -> Example:
        """Open crop `index`; raises `DataError` if it has another size than its row says, or a box outside it."""
        crop, image = self._crops[index], read_image(self._paths[index])
        height, width = image.shape[:2]
        if (width, height) != (crop.width, crop.height):
            raise DataError(
                f"{crop.file}: expected the {crop.width} x {crop.height} pixels of annotations.csv, in which its boxes "
                f"are given, but the picture has {width} x {height}; restore it"
            )
        boxes = np.full((len(_PARTS), 4), np.nan)
        for row, (part, box) in enumerate(zip(_PARTS, crop.boxes, strict=True)):
            if box is not None:
                boxes[row] = clip_box(box, image, f"{crop.file}, {part}")
        return Example(
            name=crop.file,
            image=image,
            label=self.labels[index],
            part_boxes=boxes,
            box=(0.0, 0.0, float(width), float(height)),
        )

    def fingerprint(self) -> str:
        """What the pictures and their order depend on, as a hex digest; see `fingerprint_of_files`."""
        return fingerprint_of_files(self, self._paths)


def _categories(crops: list[_Crop]) -> dict[str, str]:
    """The name of each class by its WordNet id, in their order."""
    names: dict[str, str] = {}
    for crop in crops:
        if names.setdefault(crop.wnid, crop.category) != crop.category:
            raise DataError(
                f"{crop.where}: {crop.wnid} is called {names[crop.wnid]!r} before and {crop.category!r} here; "
                "give it one name"
            )
    ids = {name: wnid for wnid, name in names.items()}
    for wnid, name in names.items():
        if ids[name] != wnid:
            raise DataError(f"{wnid} and {ids[name]} are both called {name!r} in annotations.csv; rename one")
    return {wnid: names[wnid] for wnid in sorted(names)}


def _path(root: Path, crop: _Crop) -> Path:
    try:
        path = path_inside(root, crop.file)
    except DataError as error:
        raise DataError(f"{crop.where}: {error}") from error
    if not path.is_file():
        raise DataError(f"{crop.where}: there is no picture {crop.file}; restore it or remove the row")
    return path


def _read_crops(path: Path) -> list[_Crop]:
    """The rows of annotations.csv, each checked on its own and for naming a crop that no other row names."""
    crops: dict[str, _Crop] = {}
    text = read_annotation_text(path, "the Animal-Part file")
    rows = csv.reader(io.StringIO(text), strict=True)  # strict: a quote that is never closed would swallow all rows
    try:
        header = next(rows, [])
        if absent := [column for column in _COLUMNS if column not in header]:
            raise DataError(f"{path}: the first line lacks the columns {', '.join(absent)}; restore the file")
        for cells in rows:
            where = f"{path}, line {rows.line_num}"
            if not cells:
                continue
            if len(cells) != len(header):
                raise DataError(f"{where}: expected {len(header)} cells, but there are {len(cells)}; correct the line")
            crop = _RowReader(where, dict(zip(header, cells, strict=True))).crop()
            if crop.file in crops:
                raise DataError(f"{where}: {crop.file} has a row already; remove one of the two")
            crops[crop.file] = crop
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: not comma-separated cells ({error}); correct it") from error
    if not crops:
        raise DataError(f"{path}: expected one row a crop, but there is none; restore the file")
    return list(crops.values())


class _RowReader:
    """Checks the cells of one row; its messages start with where the row stands."""

    def __init__(self, where: str, cells: dict[str, str]) -> None:
        self.where = where
        self.cells = cells

    def crop(self) -> _Crop:
        split = self.cells["split"]
        if split not in _SPLITS:
            raise DataError(f"{self.where}: expected the split train or test, but it is {split!r}; correct it")
        return _Crop(
            where=self.where,
            wnid=self._text("wnid"),
            category=self._text("category"),
            file=self._text("file"),
            width=self._whole("width", least=1),
            height=self._whole("height", least=1),
            split=split,
            source=self._text("source"),
            boxes=tuple(self._box(part) for part in _PARTS),
        )

    def _text(self, column: str) -> str:
        if not self.cells[column]:
            raise DataError(f"{self.where}: expected a text as {column}, but the cell is empty; fill it in")
        return self.cells[column]

    def _whole(self, column: str, *, least: int) -> int:
        text = self.cells[column]
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
            raise DataError(
                f"{self.where}: expected a whole number from {least} as {column}, but it is {text!r}; correct it"
            )
        return int(text)

    def _box(self, part: str) -> Box | None:
        """The one box of a part; None where it has none or several."""
        count = self._whole(f"{part}_n", least=0)
        texts = [self.cells[f"{part}_{edge}"] for edge in _EDGES]
        if not count and not any(texts):
            return None
        try:
            x0, y0, x1, y1 = (float(text) for text in texts)
            is_box = count > 0 and x0 < x1 and y0 < y1 and all(map(math.isfinite, (x0, y0, x1, y1)))
        except ValueError:
            is_box = False
        if not is_box:
            raise DataError(
                f"{self.where}: with {part}_n = {count} the {part} should have "
                f"{'x0 < x1 and y0 < y1' if count else 'four empty cells'}, but its cells are "
                f"{', '.join(map(repr, texts))}; correct them or {part}_n"
            )
        return (x0, y0, x1, y1) if count == 1 else None
