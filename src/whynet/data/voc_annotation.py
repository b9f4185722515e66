"""The animals of one annotation file of PASCAL VOC Part: their boxes, and which part each of their pixels shows.

    anno.imname                                 the picture's name
    anno.objects(i).class, .mask                all objects of the picture, animals or not
    anno.objects(i).parts(j).part_name, .mask   as finely as people drew them

Of the data set's 39 names for parts of animals, seven parts are made. They are those that Zhang, Wu & Zhu (CVPR 2018,
arXiv:1710.00935, section 5.2.1) measure, so beak, eyes, ears, nose, muzzle and horns belong to the head, wings to the
torso, hooves, paws and feet to the legs, of which birds have one pair; but the neck, which they add to the torso there,
is kept apart, since it is one of their landmarks. These (section 5.2.2) are of the masks as they were drawn: the centre
of the torso is not drawn aside by a wing (in the authors' released code, too).

As in the data set's own tool, a pixel in the masks of several parts belongs to the one that the file has last, and an
object hides those before it. Objects that are none of the six animals are passed over.
"""

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from whynet.base.errors import DataError
from whynet.base.types import PartMap
from whynet.data.mat_file import read_mat_variable

CLASSES = ("bird", "cat", "cow", "dog", "horse", "sheep")
_FINE_PARTS = {
    "head": "head leye reye lear rear nose muzzle beak lhorn rhorn",
    "neck": "neck",
    "torso": "torso lwing rwing",
    "legs": "lleg rleg lfoot rfoot",
    "front legs": "lfleg rfleg lfpa rfpa lfuleg rfuleg lflleg rflleg lfho rfho",
    "back legs": "lbleg rbleg lbpa rbpa lbuleg rbuleg lblleg rblleg lbho rbho",
    "tail": "tail",
}
PARTS = tuple(_FINE_PARTS)
_NUMBER_OF = {fine: number for number, names in enumerate(_FINE_PARTS.values(), start=1) for fine in names.split()}

MIN_AREA = 50 * 50
"""The smallest box of an animal, in pixels: that of the authors' released code."""


@dataclass(frozen=True, kw_only=True)
class Animal:
    """One animal of a picture.

    Args:
        name: Of its class.
        number: Its place among the objects of the file, from 1.
        rows: Of the whole picture, in pixels.
        columns: Likewise.
        box: Left, top, right and bottom edge of its mask, in pixels of the picture.
        packed_parts: Its part map, compressed to some hundred bytes; None where no part is annotated.
        drawn: Boxes of what can be seen of the masks that bear the name of one of `PARTS`, in pixels of its own box.
    """

    name: str
    number: int
    rows: int
    columns: int
    box: tuple[int, int, int, int]
    packed_parts: bytes | None
    drawn: Mapping[str, tuple[int, int, int, int]]

    @property
    def part_map(self) -> PartMap | None:
        """What its box shows at each pixel: 0, or 1 + the index in `PARTS`; None where no part is annotated."""
        if self.packed_parts is None:
            return None
        left, top, right, bottom = self.box
        return np.frombuffer(zlib.decompress(self.packed_parts), np.uint8).reshape(bottom - top, right - left).copy()


def read_animals(path: Path, image: str, left_out: Counter[str]) -> list[Animal]:
    """The animals of one picture, in the order of the file.

    Args:
        path: The annotation file.
        image: The picture's name, which the file must repeat.
        left_out: Counts the animals that cannot be cropped, by the reason.

    Raises:
        DataError: The file is absent, damaged or of another picture, masks differ in size, or a part has an unknown
            name.
    """
    annotations = _structs(read_mat_variable(path, "anno"), ("imname", "objects"), path)
    if len(annotations) != 1 or _text(annotations[0]["imname"], f"{path}, imname") != image:
        raise DataError(f"{path}: expected the annotation of {image}, but it is of another picture; restore the file")
    objects = _structs(annotations[0]["objects"], ("class", "mask", "parts"), path)
    reader = _MaskReader(path)
    masks = [reader.read(thing["mask"], f"object {number}") for number, thing in enumerate(objects, start=1)]
    hidden = np.zeros(reader.shape, bool)
    animals = []
    for number, thing, mask in reversed(list(zip(range(1, len(masks) + 1), objects, masks, strict=True))):
        name, box = _text(thing["class"], f"{path}, object {number}"), box_of(mask)
        if name in CLASSES:
            part_map, drawn = _read_parts(thing["parts"], reader, f"object {number}")
            if box is None:
                left_out["whose mask is empty"] += 1
            elif (box[2] - box[0]) * (box[3] - box[1]) < MIN_AREA:
                left_out[f"whose box has fewer than {MIN_AREA} pixels"] += 1
            else:
                packed = None if part_map is None else _pack(np.where(hidden, np.uint8(0), part_map), box)
                rows, columns = mask.shape
                boxes = {part: box_of(_cut(own & ~hidden, box)) for part, own in drawn.items()}
                animals.append(
                    Animal(
                        name=name, number=number, rows=rows, columns=columns, box=box, packed_parts=packed,
                        drawn={part: own for part, own in boxes.items() if own is not None},
                    )
                )  # fmt: skip
        hidden |= mask
    return animals[::-1]


def box_of(mask: Bool[np.ndarray, "rows columns"]) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom edge of what is set, in pixels; None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _pack(part_map: PartMap, box: tuple[int, int, int, int]) -> bytes:
    return zlib.compress(_cut(part_map, box).tobytes())


def _cut(values: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    return values[top:bottom, left:right]


class _MaskReader:
    """Reads the masks of one file, which must agree in size."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shape: tuple[int, ...] = (0, 0)

    def read(self, value: np.ndarray, where: str) -> Bool[np.ndarray, "rows columns"]:
        if value.ndim != 2 or value.dtype.kind not in "biuf" or not value.size:
            raise DataError(f"{self.path}, {where}: expected a mask of rows and columns; restore the file")
        if not any(self.shape):
            self.shape = value.shape
        if value.shape != self.shape:
            rows, columns = self.shape
            raise DataError(
                f"{self.path}, {where}: expected a mask of {columns} x {rows} pixels as the first, but it has "
                f"{value.shape[1]} x {value.shape[0]}; correct it"
            )
        return np.asarray(value != 0)


def _read_parts(
    value: np.ndarray, reader: _MaskReader, where: str
) -> tuple[PartMap | None, dict[str, Bool[np.ndarray, "rows columns"]]]:
    """The parts at each pixel of the picture, None where there are none; and the masks that bear a part's name."""
    parts = _structs(value, ("part_name", "mask"), reader.path)
    part_map, drawn = np.zeros(reader.shape, np.uint8), {}
    for part in parts:
        name = _text(part["part_name"], f"{reader.path}, {where}")
        if name not in _NUMBER_OF:
            raise DataError(
                f"{reader.path}, {where}: expected a part of an animal ({', '.join(_NUMBER_OF)}), but it is {name!r}; "
                "correct the name"
            )
        mask = reader.read(part["mask"], f"{where}, {name}")
        part_map[mask] = _NUMBER_OF[name]
        if name in PARTS:
            drawn[name] = mask
    return (part_map if parts else None), drawn


def _structs(value: np.ndarray, fields: tuple[str, ...], path: Path) -> list[Any]:
    """The structs of an array; where there are none, MATLAB writes an empty array of anything."""
    if not value.size:
        return []
    if absent := [field for field in fields if field not in (value.dtype.names or ())]:
        raise DataError(
            f"{path}: expected structs with the fields {', '.join(fields)}, but {absent[0]} is not there; restore it"
        )
    return list(value.ravel())


def _text(value: np.ndarray, where: str) -> str:
    if value.dtype.kind != "U" or value.size != 1:
        raise DataError(f"{where}: expected a name, but there is none; restore the file")
    return str(value.item())
