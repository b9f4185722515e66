"""`metadata.jsonl`: what a folder of pictures knows beyond their classes.

One JSON object a line, one line a picture:

    {"file_name": "jay/1.jpg",                         required: within the folder of metadata.jsonl, with "/"
     "caption": "a blue bird" | "captions": [...],     one of the two, or neither
     "landmarks": {"beak": [31.5, 12], "tail": null},  x, y in pixels; null, or a part that is not named: not visible
     "box": [x0, y0, x1, y1]}                          edges in pixels, x0 < x1 and y0 < y1

A key that is absent or null says nothing about the picture. Other keys are passed over and named in the log.
"""

import json
import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from whynet.base.errors import DataError
from whynet.base.paths import path_inside
from whynet.data.bounding_box import Box
from whynet.data.vocabulary import tokenise

FILE_NAME = "metadata.jsonl"
_KEYS = {"file_name", "caption", "captions", "landmarks", "box"}
_log = logging.getLogger("whynet")


@dataclass(frozen=True, kw_only=True)
class ImageMetadata:
    """One row.

    Args:
        captions: NFC-normalised, without those that hold no word.
        landmarks: x, y of each visible part by name; None: nothing is known of this picture's parts.
        box: x0, y0, x1, y1 in pixels.
        where: The file and line, for messages.
    """

    captions: tuple[str, ...] = ()
    landmarks: Mapping[str, tuple[float, float] | None] | None = None
    box: Box | None = None
    where: str = ""


def read_image_metadata(folder: Path) -> dict[str, ImageMetadata]:
    """Read `folder/metadata.jsonl`.

    Args:
        folder: The folder that `file_name` is relative to.

    Returns:
        Each row by its NFC-normalised file name; empty where there is no metadata.jsonl.

    Raises:
        DataError: The file or a row is malformed, a row names no file of the folder, or two rows name the same one.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}); correct or remove it") from error
    rows: dict[str, ImageMetadata] = {}
    unknown: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        reader = _RowReader(f"{path}, line {number}")
        row = reader.parse(line)
        unknown |= row.keys() - _KEYS
        name = reader.file_name(row, folder)
        if name in rows:
            reader.refuse(f"{name} has a row already", "remove one of the two")
        rows[name] = ImageMetadata(
            captions=reader.captions(row), landmarks=reader.landmarks(row), box=reader.box(row), where=reader.where
        )
    if unknown:
        _log.warning("%s: passing over the keys %s", path, ", ".join(sorted(map(repr, unknown))))
    return rows


class _RowReader:
    """Checks the parts of one row; its messages start with where the row stands."""

    def __init__(self, where: str) -> None:
        self.where = where

    def refuse(self, problem: str, remedy: str) -> NoReturn:
        raise DataError(f"{self.where}: {problem}; {remedy}")

    def parse(self, line: str) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.where}: expected one JSON object a line ({error}); correct the line") from error
        if not isinstance(row, dict):
            self.refuse(f"expected a JSON object, but it is {_show(row)}", 'write {"file_name": ...}')
        return row

    def file_name(self, row: dict[str, Any], folder: Path) -> str:
        name = row.get("file_name")
        if not isinstance(name, str):
            self.refuse(f"expected a text as file_name, but it is {_show(name)}", "name a picture")
        try:
            path_inside(folder, name)
        except DataError as error:
            raise DataError(f"{self.where}: {error}") from error
        return unicodedata.normalize("NFC", Path(name).as_posix())

    def captions(self, row: dict[str, Any]) -> tuple[str, ...]:
        one, many = row.get("caption"), row.get("captions")
        if one is not None and many is not None:
            self.refuse("the row has both caption and captions", "keep one of the two")
        captions = [one] if one is not None else many if many is not None else []
        if not isinstance(captions, list):
            self.refuse(f"expected a list of texts as captions, but it is {_show(captions)}", "write a list")
        for caption in captions:
            if not isinstance(caption, str):
                self.refuse(f"expected a text as caption, but it is {_show(caption)}", "write it in quotes")
            if any("\ud800" <= character <= "\udfff" for character in caption):
                self.refuse("a caption holds half a surrogate pair, which is no character", "write the caption anew")
        cleaned = (unicodedata.normalize("NFC", caption).strip() for caption in captions)
        return tuple(caption for caption in cleaned if tokenise(caption))

    def landmarks(self, row: dict[str, Any]) -> dict[str, tuple[float, float] | None] | None:
        given = row.get("landmarks")
        if given is None:
            return None
        if not isinstance(given, dict):
            self.refuse(f"expected an object as landmarks, but it is {_show(given)}", 'write {"beak": [x, y]}')
        points: dict[str, tuple[float, float] | None] = {}
        for part, point in given.items():
            numbers = None if point is None else self._numbers(point, 2, f"[x, y] or null as landmark {part!r}")
            points[part] = None if numbers is None else (numbers[0], numbers[1])
        return points

    def box(self, row: dict[str, Any]) -> Box | None:
        given = row.get("box")
        if given is None:
            return None
        x0, y0, x1, y1 = self._numbers(given, 4, "[x0, y0, x1, y1] as box")
        if x0 >= x1 or y0 >= y1:
            self.refuse(f"expected a box with x0 < x1 and y0 < y1, but it is {_show(given)}", "put the edges in order")
        return x0, y0, x1, y1

    def _numbers(self, given: Any, count: int, what: str) -> list[float]:
        if (
            not isinstance(given, list)
            or len(given) != count
            or not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in given)
            or not all(abs(number) < 1e9 for number in given)  # refuses NaN and infinity too
        ):
            self.refuse(f"expected {what} in pixels, but it is {_show(given)}", "correct the numbers")
        return [float(number) for number in given]


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else text[:57] + "..."
