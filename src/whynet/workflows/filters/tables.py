"""What was measured of filters, in rows and sentences for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def filter_lines(filters: Sequence[Mapping[str, Any]], class_names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Columns, and a row for each filter, those that go most surely with a part first; "" where there is no figure."""
    columns = ["Filter", "category", "part", "goes with it, %", "wanders by, %", "detects"]

    rows = [
        [
            str(own["filter"]),
            "" if own["category"] < 0 else class_names[own["category"]],
            own["part"] or "",
            _percent(own["part_interpretability"]),
            _percent(own["location_instability"]),
            own["detects"] or "",
        ]
        for own in by_sureness(filters)
    ]
    return columns, rows


def by_sureness(filters: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The filters, those that go most surely with a part first and those without a figure last."""

    def order(own: Mapping[str, Any]) -> tuple[float, int]:
        score = own["part_interpretability"]
        return (1.0 if score is None else -score), own["filter"]

    return sorted(filters, key=order)


def summary_lines(figures: Mapping[str, float]) -> Iterator[str]:
    """The layer as a whole, each figure with what it is to be compared with."""
    number = figures["num_filters"]
    if "part_interpretability" in figures:
        yield f"Part interpretability {figures['part_interpretability']:.2f}: how surely a filter goes with one part."
    if "location_instability" in figures:
        yield (
            f"Location instability {figures['location_instability']:.3f} of the picture's diagonal; the centre of the "
            f"picture, which never moves, has {figures['constant_centre']:.3f}."
        )
    if "assigned_instability" in figures and "assigned_constant_centre" in figures:
        yield (
            "That is in each filter's steadiest class; in the one it fires for most it wanders by "
            f"{figures['assigned_instability']:.3f}, the centre by {figures['assigned_constant_centre']:.3f}."
        )
    for key, what in (("without_part", "part interpretability"), ("without_instability", "location instability")):
        if figures.get(key):  # figures of earlier versions lack it
            yield f"{figures[key]:.0f} of {number:.0f} filters have no {what}: too few pictures, or dead."
    detectors, parts = figures["detectors"], figures["unique_detectors"]
    dead = figures["dead"]
    yield f"{detectors:.0f} of {number:.0f} filters detect a part, {parts:.0f} different ones; {dead:.0f} are dead."
    if "silent" in figures:
        yield f"A filter is silent in {figures['silent']:.0%} of the pictures, which say nothing of where it looks."
    yield f"{figures['classes_with_filters']:.0%} of the classes own a filter."
    if "trained_category" in figures:
        yield f"{figures['trained_category']:.0%} of the filters fire most for the class that training gave them."


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
