"""The page of a run's filters: how sure they are of one part, where all look, and each on its strongest pictures.

filters.html in the folder of the run, whole in itself.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import whynet
from whynet.base.files import write_text_atomically
from whynet.base.progress import track
from whynet.base.seeding import generator
from whynet.workflows.filters.run_filters import FiltersOfRun
from whynet.workflows.filters.tables import by_sureness, filter_lines, summary_lines
from whynet.workflows.metrics_table import Tile as Figure
from whynet.workflows.report.filter_pictures import FilterPictures, Tile
from whynet.workflows.report.page import link_to_report, refresh_report
from whynet.workflows.report.rendering import rendered, spaced
from whynet.workflows.run import FILTERS_PAGE
from whynet.workflows.settings import DATA_TITLES, TrainSettings

NUM_SUREST, NUM_DRAWN = 12, 12
"""Filters that are shown on pictures: the surest, and some of the others drawn at random."""
_STYLES = ("report.css", "concepts.css", "filters.css")
_DRAW_SEED = 0


@dataclass(frozen=True, kw_only=True)
class FilterRow:
    """One filter on its strongest pictures; `told` says what was measured of it."""

    number: int
    title: str
    told: str
    stages: list[Tile]
    strongest: list[Tile]


@dataclass(frozen=True, kw_only=True)
class PartBar:
    """How many filters go with a part, as a bar in percent of the longest."""

    name: str
    count: int
    length: float


@dataclass(frozen=True, kw_only=True)
class FilterPage:
    """All that the page shows; the lines of the table begin with the picture of the filter's strongest unit."""

    run: str
    version: str
    report: str
    layer: str
    is_interpretable: bool
    data: str
    figures: list[Figure]
    notes: list[str]
    spread: list[Tile]
    parts: list[PartBar]
    surest: list[FilterRow]
    drawn: list[FilterRow]
    columns: list[str]
    table: list[tuple[Tile | None, list[str]]]


def report_filters(found: FiltersOfRun, *, skip_bad: bool = False) -> Path:
    """Write `filters.html` and, where the run has a report, the report again, which then links to it.

    Args:
        found: What `filters_of_run` returned.
        skip_bad: Leave out pictures that cannot be used, as where the filters were measured.

    Returns:
        The page's path.
    """
    path = found.run.folder / FILTERS_PAGE
    write_text_atomically(path, rendered("filters.html.jinja", *_STYLES, page=_page(found)))
    refresh_report(found.run, skip_bad=skip_bad)
    return path


def _page(found: FiltersOfRun) -> FilterPage:
    measured, run = found.measured, found.run
    pictures = FilterPictures(found.subject, measured)
    ordered = by_sureness(measured.filters)
    firing = [own for own in ordered if pictures.strongest(own["filter"])]
    surest = [own for own in firing if own["part_interpretability"]][:NUM_SUREST]
    others = drawn([own for own in firing if own not in surest])
    columns, lines = filter_lines(measured.filters, found.class_names)
    settings = TrainSettings.from_json(run.settings)
    return FilterPage(
        run=str(run.folder), version=whynet.__version__, layer=measured.layer,
        report=link_to_report(run),
        is_interpretable=pictures.is_interpretable, data=DATA_TITLES[settings.data.name],
        figures=figures(measured.figures), notes=list(summary_lines(measured.figures)), spread=pictures.spread(),
        parts=part_bars(measured.filters),
        surest=[_row(own, pictures, found.class_names) for own in track(surest, "Drawing filters")],
        drawn=[_row(own, pictures, found.class_names) for own in track(others, "Drawing filters")],
        columns=columns,
        table=[(_thumbnail(own["filter"], pictures), line) for own, line in zip(ordered, lines, strict=True)],
    )  # fmt: skip


def figures(measured: Mapping[str, float]) -> list[Figure]:
    """What stands at the head of the page, as far as it was measured."""
    told = {
        "part_interpretability": (
            "Part interpretability", ".2f", "how surely a filter goes with one part; 1 is best",
        ),
        "location_instability": (
            "Location instability", ".3f", "lower is better; the picture's centre has {constant_centre:.3f}",
        ),
        "unique_detectors": ("Parts detected", ".0f", "by {detectors:.0f} of {num_filters:.0f} filters"),
        "classes_with_filters": ("Classes with filters", ".0%", "own a filter that fires most for them"),
    }  # fmt: skip
    return [
        Figure(name=name, figure=format(measured[key], form), beside=beside.format(**measured))
        for key, (name, form, beside) in told.items()
        if key in measured
    ]


def part_bars(filters: Sequence[Mapping[str, Any]]) -> list[PartBar]:
    """The parts by how many filters go with each of them, those with most first."""
    counts = Counter(own["part"] for own in filters if own["part"]).most_common()
    return [PartBar(name=name, count=count, length=100 * count / counts[0][1]) for name, count in counts]


def drawn(rest: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Some of the filters that are not among the surest, always the same, in their order."""
    chosen = torch.randperm(len(rest), generator=generator(_DRAW_SEED, "filters"))[:NUM_DRAWN]
    return [rest[place] for place in sorted(chosen.tolist())]


def _row(own: Mapping[str, Any], pictures: FilterPictures, class_names: Sequence[str]) -> FilterRow:
    number, places = own["filter"], pictures.strongest(own["filter"])
    told = []
    if own["category"] >= 0:
        told.append(f"fires most for {class_names[own['category']]}")
    if own["part"]:
        share = spaced(f"{own['part_interpretability']:.0%}")
        told.append(f"lies on the {own['part']} in {share} of its pictures that show one")
    if own["location_instability"] is not None:
        told.append(f"wanders there by {100 * own['location_instability']:.1f}\N{NO-BREAK SPACE}% of the diagonal")
    return FilterRow(
        number=number, title=f"Filter {number}", told=", ".join(told),
        stages=pictures.stages(number, places[0]), strongest=[pictures.field(place) for place in places],
    )  # fmt: skip


def _thumbnail(number: int, pictures: FilterPictures) -> Tile | None:
    places = pictures.strongest(number)
    return pictures.field(places[0], side=64) if places else None
