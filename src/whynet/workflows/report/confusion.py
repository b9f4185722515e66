"""Which classes are taken for which: a matrix of counts, the most frequent mistakes, and a line for each class.

What a cell tells when it is hovered stands below the matrix, too, where fingers, keys and screen readers reach it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int

MAX_CLASSES = 60
"""A larger matrix has cells too small to see; the mistakes and the line for each class remain."""
MAX_COUNTED = 30
"""Of more classes the cells are too small for their counts."""
MAX_UPRIGHT = 6
"""Of so few classes the names stand upright above their columns."""
NUM_MISTAKES = 10
"""How many kinds of mistake are listed."""
_PAGE, _MARGIN = 1120, 42
"""Width of the page's column, and what margins and borders take of it; in pixels, as in the style sheet."""
_CHARACTER, _LABEL_SHARE = 7.4, 0.38
"""Width of a character of a name, and the share of the screen that names may take at most, as in the style sheet."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How often one class was taken for another.

    Args:
        count: Of pictures.
        share: Of the pictures of the true class.
        is_right: Whether both are one class.
        told: In words.
    """

    count: int
    share: float
    is_right: bool
    told: str


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A class that was taken for another, and how often: "3 of 50"."""

    true: str
    said: str
    count: str


@dataclass(frozen=True, kw_only=True)
class ClassLine:
    """A class: how many of its pictures were recognised ("44 of 50"), and for what the others were taken."""

    name: str
    right: str
    taken: str


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """All that the report shows of which classes are taken for which.

    Args:
        names: Of the classes.
        rows: One a true class, with a cell for each class that the network may say; none above 60 classes.
        style: "upright" of few classes, "counted", or "small" of many, whose cells have no room for counts.
        label: Width of the names, in pixels.
        cell: Width of a cell, in pixels.
        narrow: A screen narrower than so many pixels does not show all columns at once.
        mistakes: The most frequent ones, the most frequent first.
        classes: One line a class.
    """

    names: Sequence[str]
    rows: list[list[Cell]]
    style: Literal["upright", "counted", "small"]
    label: int
    cell: int
    narrow: int
    mistakes: list[Mistake]
    classes: list[ClassLine]


def confusion(counts: Int[np.ndarray, "classes classes"], class_names: Sequence[str]) -> Confusion:
    """What the report shows of a confusion matrix.

    Args:
        counts: Of pictures; rows are true classes, columns what the network said.
        class_names: One name a class.
    """
    size = len(class_names)
    totals = counts.sum(1)
    found = [(int(counts[true, said]), int(true), int(said)) for true, said in np.argwhere(counts > 0)]
    wrong = sorted((one for one in found if one[1] != one[2]), key=lambda one: (-one[0], one[1], one[2]))
    style: Literal["upright", "counted", "small"] = (
        "upright" if size <= MAX_UPRIGHT else "counted" if size <= MAX_COUNTED else "small"
    )
    label = max(96, min(220, round(_CHARACTER * max(len(name) for name in class_names)) + 20))
    cell = _cell_width(style, counts, class_names)
    return Confusion(
        names=class_names,
        rows=[_row(counts[row], row, class_names) for row in range(size)] if size <= MAX_CLASSES else [],
        style=style, label=label, cell=cell, narrow=_narrow(label, size * cell),
        mistakes=[
            Mistake(true=class_names[true], said=class_names[said], count=f"{count} of {totals[true]}")
            for count, true, said in wrong[:NUM_MISTAKES]
        ],
        classes=[
            ClassLine(
                name=name, right=f"{counts[row, row]} of {totals[row]}",
                taken=", ".join(f"{class_names[said]} ({count})" for count, true, said in wrong if true == row),
            )
            for row, name in enumerate(class_names)
        ],
    )  # fmt: skip


def _row(counts: Int[np.ndarray, " classes"], row: int, class_names: Sequence[str]) -> list[Cell]:
    total = max(int(counts.sum()), 1)
    return [
        Cell(
            count=count, share=count / total, is_right=row == column,
            told=f"{class_names[row]} taken for {class_names[column]}: {count} of {total}",
        )
        for column, count in enumerate(counts.tolist())
    ]  # fmt: skip


def _cell_width(style: str, counts: Int[np.ndarray, "classes classes"], class_names: Sequence[str]) -> int:
    if style == "small":
        return 14
    longest_word = max(len(word) for name in class_names for word in (name.split() or [""]))
    least = min(120, max(56, round(_CHARACTER * longest_word) + 16)) if style == "upright" else 26
    return max(least, 8 * len(str(int(counts.max()))) + 6)


def _narrow(label: int, cells: int) -> int:
    """The least screen, in pixels, on which names and cells stand side by side; names give way first."""
    if label + cells + _MARGIN > _PAGE:
        return 100_000
    whole = label + cells + _MARGIN
    return whole if label <= _LABEL_SHARE * whole else round((cells + _MARGIN) / (1 - _LABEL_SHARE))
