"""Contact sheets: many painted birds in one picture."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from whynet.base.errors import SettingError
from whynet.base.types import Picture
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.birds.parts import PART_NAMES
from whynet.data.example import Example

_GAP = 4
"""White pixels between pictures."""


def contact_sheet(dataset: PaintedBirds, rows: int, columns: int) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """The first birds of a data set, one class a column.

    Args:
        dataset: Where the birds come from; it has at least `columns` classes and `rows` pictures a class.
        rows: Individuals a class.
        columns: Classes, spread evenly over all of them.

    Raises:
        SettingError: The data set is smaller than the sheet.
    """
    num_species = len(dataset.class_names)
    if not (1 <= columns <= num_species and 1 <= rows <= len(dataset) // num_species):
        raise SettingError(
            f"a sheet of {rows} rows and {columns} columns needs as many pictures a class and classes, got "
            f"{len(dataset) // num_species} and {num_species}; ask for a smaller sheet"
        )
    classes = [column * num_species // columns for column in range(columns)]
    return _stacked([[dataset[row * num_species + label].image for label in classes] for row in range(rows)])


def annotated_strip(
    dataset: PaintedBirds, index: int, without: Sequence[str], recoloured: tuple[str, str]
) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """One bird, its part map and landmarks, and interventions.

    Args:
        dataset: Where the bird comes from.
        index: Of the picture.
        without: Parts to remove, one a picture.
        recoloured: A part and its new colour.
    """
    example = dataset[index]
    removed = [dataset.without(index, part).image for part in without]
    row = [example.image, _part_colours(example), _with_landmarks(example), *removed]
    return _stacked([[*row, dataset.recoloured(index, *recoloured).image]])


def _stacked(pictures: list[list[Picture]]) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    side = pictures[0][0].shape[0] + _GAP
    sheet = np.full((len(pictures) * side + _GAP, len(pictures[0]) * side + _GAP, 3), 255, np.uint8)
    for row, line in enumerate(pictures):
        for column, picture in enumerate(line):
            y, x = row * side + _GAP, column * side + _GAP
            sheet[y : y + side - _GAP, x : x + side - _GAP] = picture
    return sheet


def _part_colours(example: Example) -> Picture:
    """Each part in a hue of its own over the darkened picture."""
    hues = np.full((len(PART_NAMES) + 1, 1, 3), 225, np.uint8)
    hues[:, 0, 0] = np.arange(len(PART_NAMES) + 1) * 11
    table = cv2.cvtColor(hues, cv2.COLOR_HSV2RGB)[:, 0]
    parts = np.zeros_like(example.image) if example.part_map is None else table[example.part_map]
    seen = example.part_map[:, :, None] > 0 if example.part_map is not None else False
    return np.asarray(np.where(seen, parts, example.image // 3), np.uint8)


def _with_landmarks(example: Example) -> Picture:
    picture = example.image.copy()
    radius = max(2, picture.shape[0] // 48)
    for x, y, visible in example.landmarks if example.landmarks is not None else ():
        if visible:
            cv2.circle(picture, (int(x), int(y)), radius, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
            cv2.circle(picture, (int(x), int(y)), radius, (200, 30, 90), 1, cv2.LINE_AA)
    return picture
