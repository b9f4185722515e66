"""Figures of concepts as tiles, each beside its floor where it has one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whynet.web.typesetting import number, typeset
from whynet.workflows.report.concept_figures import MEANINGS, shown

FLOORS = {"stability": "stability_floor"}
"""Which figure is the floor of which; a floor has no tile of its own."""


@dataclass(frozen=True, kw_only=True)
class FigureTile:
    """One figure.

    Args:
        figure: As people read it.
        name: What it is called.
        floor: What to read it beside, as in "floor 0.61: the same with other x-features"; "" where there is none.
        reading: What it says, in a line.
        better: Which way is better.
    """

    figure: str
    name: str
    floor: str
    reading: str
    better: str


def figure_tiles(figures: Mapping[str, float], keys: Sequence[str] = tuple(MEANINGS)) -> list[FigureTile]:
    """The tiles of some figures of a class, or of their means over classes; those that were not measured are left out.

    Args:
        figures: By the keys of `MEANINGS`.
        keys: Which, in their order.
    """
    return [
        FigureTile(
            figure=typeset(shown(figures, key)), name=MEANINGS[key].name, reading=MEANINGS[key].reading,
            better=MEANINGS[key].better, floor=floor_line(figures.get(FLOORS.get(key, ""))),
        )
        for key in keys
        if key in figures and key not in FLOORS.values()
    ]  # fmt: skip


def floor_line(floor: float | None) -> str:
    """What stands beside a stability: its floor, if it was measured."""
    return "" if floor is None else f"floor {number(floor)}: the same with other x-features"
