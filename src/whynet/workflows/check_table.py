"""The figures of `whynet check` for people: one small table a question, each with how to read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One table.

    Args:
        title: The question.
        reading: Which direction is good, and what a good value is.
        columns: Titles; the first column names methods and floors.
        rows: One a method that has a figure, then the floors.
    """

    title: str
    reading: str
    columns: list[str]
    rows: list[list[str]]


_FEW = 100


def panels(results: Mapping[str, Any]) -> list[Panel]:
    """The tables of what `workflows.check.check` returned; those without a figure are left out."""
    found = [_randomisation(results), _shift(results), _conservation(results), _pointing(results), _curves(results)]
    return [panel for panel in found if panel is not None]


def remarks(results: Mapping[str, Any]) -> list[str]:
    """What is absent and why, and what the methods warned of, a line each; the same reason is told once."""
    whose: dict[str, list[str]] = {}
    for name, figures in results["methods"].items():
        for figure, reason in figures["missing"].items():
            whose.setdefault(f"has no {figure}: {reason}.", []).append(name)
        for note in figures.get("notes", ()):
            whose.setdefault(f"warns: {note}.", []).append(name)
        for way, own in figures.get("randomisation", {}).items():
            if own["blank"]:
                count = f"{own['blank']} of {results['num_images']} pictures"
                line = f"is the same everywhere for {count} with {_DRAWN[way]} drawn anew; they are left out."
                whose.setdefault(line, []).append(name)
        if blank := figures.get("blank"):
            line = f"gives a map of nothing but 0 for {blank} of {results['num_images']} pictures."
            whose.setdefault(line, []).append(name)
    told = [f"{', '.join(names)} {line}" for line, names in whose.items()]
    if results["num_images"] < _FEW:
        error = 50 / results["num_images"] ** 0.5
        told.append(f"A share of {results['num_images']} pictures has a standard error of up to {error:.0f} points.")
    return told


_DRAWN = {"top_layer": "the top layer", "all_layers": "all layers"}


def _rows(results: Mapping[str, Any], figure: str, shown: Callable[[Any], list[str]]) -> list[list[str]]:
    """One row a method that has the figure."""
    methods = results["methods"].items()
    return [[name, *shown(figures[figure])] for name, figures in methods if figure in figures]


def _randomisation(results: Mapping[str, Any]) -> Panel | None:
    ways = ("top_layer", "all_layers")
    rows = _rows(
        results,
        "randomisation",
        lambda own: [_number(own[way][key]) for key in ("rank_correlation", "ssim") for way in ways],
    )
    if not rows:
        return None
    return Panel(
        title="Does the map depend on what the network learned?",
        reading="Likeness (rank correlation, SSIM) of the maps before and after the weights of the top layer, or of "
        "all, are drawn anew: near 0 is good, and 1 is a map to which they do not matter.",
        columns=["", "rank,\ntop", "rank,\nall", "SSIM,\ntop", "SSIM,\nall"],
        rows=rows,
    )


def _shift(results: Mapping[str, Any]) -> Panel | None:
    rows = _rows(
        results,
        "shift",
        lambda own: [_small(own["relative_change"]), _small(own["worst"]), _number(own["rank_correlation"])],
    )
    if not rows:
        return None
    return Panel(
        title="Does the map stay when a constant is added that the network does not see?",
        reading="Change of the map as a share of it: 0 is good, and so is a rank correlation of 1.",
        columns=["", "change", "worst picture", "rank correlation"],
        rows=rows,
    )


def _conservation(results: Mapping[str, Any]) -> Panel | None:
    rows = [
        [own["layer"], _small(own["error"]), _number(own["worst_sum"], 4), _picture(results, own)]
        for figures in results["methods"].values()
        for own in figures.get("conservation", ())
    ]
    if not rows:
        return None
    return Panel(
        title="Does the probability of excitation backprop add up to 1?",
        reading="|sum - 1| of the picture where it is largest: below 0.0001 is good; more means that an operation on "
        "the way loses some.",
        columns=["at layer", "|sum - 1|", "sum", "picture"],
        rows=rows,
    )


def _pointing(results: Mapping[str, Any]) -> Panel | None:
    floors = results["floors"]["pointing"]
    rows = _rows(results, "pointing", lambda own: [_share(own[region]["accuracy"]) for region in floors])
    floor_rows = [
        [title, *(_share(own[key]) for own in floors.values())]
        for key, title in (("chance", "a random point"), ("centre", "the centre point"))
    ]
    if not rows:
        return None
    return Panel(
        title="Is the map strongest on the object?",
        reading="Share of pictures where it is: higher is better, and no more than the two floors says nothing.",
        columns=["", *(_REGIONS[region] for region in floors)],
        rows=[*rows, *floor_rows],
    )


_REGIONS = {"box": "in its box", "part": "on one of its parts"}


def _curves(results: Mapping[str, Any]) -> Panel | None:
    rows = [
        [name, *(_number(figures[curve][key]) for curve in ("deletion", "insertion") for key in ("area", "random"))]
        for name, figures in results["methods"].items()
        if "deletion" in figures and "insertion" in figures
    ]
    centre = [_number(results["floors"][curve]["centre"]) for curve in ("deletion", "insertion")]
    if not rows:
        return None
    return Panel(
        title="Does the class go and come with the pixels that the map names?",
        reading="Mean probability while they go (deletion: lower is better) and come (insertion: higher is better); "
        "beside it that of a random map of the same resolution, which it must beat.",
        columns=["", "deletion", "random", "insertion", "random"],
        rows=[*rows, ["from the centre outwards", centre[0], "", centre[1], ""]],
    )


def _picture(results: Mapping[str, Any], layer: Mapping[str, Any]) -> str:
    return "" if layer["worst_image"] is None else str(results["pictures"][layer["worst_image"]])


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}" if 0 < abs(value) < 0.01 else f"{value:.2f}"


def _share(value: float) -> str:
    return f"{value:.0%}"
