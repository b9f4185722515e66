"""The pages of a run's concepts: an overview of the classes, and for each class its x-features with their heat maps.

concepts/index.html, and page.html in the folder of each class; each is whole in itself. They are the two views of Qi &
Li 2017, arXiv:1709.05360, section 2.4: "the heatmap for different neurons and their prediction weights in a single
image", and "a single neuron across many images for human to name this particular neuron".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import whynet
from whynet.base.errors import RunError
from whynet.base.files import read_json, write_text_atomically
from whynet.base.progress import track
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.concepts.saved import DESCRIPTION, ClassConcepts, load_concepts, saved_classes
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.metrics_table import Tile
from whynet.workflows.report.concept_figures import (
    CARD_FIGURES,
    HEADLINES,
    INDEX,
    MEANINGS,
    PAGE,
    FigureRow,
    Meaning,
    figure_rows,
    means,
    most_overlap,
    over_floor,
    settings_groups,
    shown,
)
from whynet.workflows.report.concept_pictures import ClassPictures, FeatureRow, PictureRow
from whynet.workflows.report.grounding import signed
from whynet.workflows.report.page import link_to_report, refresh_report
from whynet.workflows.report.rendering import rendered
from whynet.workflows.run import CLASSIFIER, CONCEPTS, Run
from whynet.workflows.settings import DATA_TITLES, TrainSettings

_STYLES = ("report.css", "concepts.css")
_LISTED = 8
"""X-features that the overview names of each class."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The page of another class, from that of this one."""

    link: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ClassPage:
    """All that the page of a class shows."""

    run: str
    version: str
    report: str
    class_name: str
    previous: Neighbour | None
    following: Neighbour | None
    sentence: str | None
    layer: str
    map_layer: str
    bias: str
    pictures: list[PictureRow]
    features: list[FeatureRow]
    figures: list[FigureRow]
    settings: list[tuple[str, list[tuple[str, str]]]]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """An x-feature of the overview: what it adds on average to the logit, as a bar in percent of the longest."""

    name: str
    is_named: bool
    contribution: str
    length: float
    is_against: bool


@dataclass(frozen=True, kw_only=True)
class Card:
    """One class of the overview; `more` counts x-features that are not listed."""

    link: str
    class_name: str
    picture: str
    figures: list[tuple[str, str]]
    bars: list[Bar]
    more: int


@dataclass(frozen=True, kw_only=True)
class Index:
    """All that the overview shows."""

    run: str
    version: str
    report: str
    data: str
    tiles: list[Tile]
    cards: list[Card]
    meanings: list[Meaning]


def report_concepts(
    run: Run | str | Path, *, device: str = "auto", skip_bad: bool = False, allow: str | None = None
) -> Path:
    """Write the pages of a run's concepts and, where the run has a report, the report again, which then links to them.

    Args:
        run: With concepts, or its folder.
        device: Where to compute.
        skip_bad: Leave out pictures that cannot be used, as where the concepts were found.
        allow: "package.module:function" that may run, where the run explains the user's own network.

    Returns:
        The path of the overview.

    Raises:
        RunError: The run has no concepts, or those of another network.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    subject = load_subject(run.folder / CLASSIFIER, function=allow).to(Hardware(device=device).torch_device())
    splits = open_data(TrainSettings.from_json(run.settings).data, skip_bad=skip_bad)
    path = write_concept_pages(run, subject, splits)
    refresh_report(run, skip_bad=skip_bad)
    return path


def write_concept_pages(run: Run, subject: Subject, splits: Splits, *, cache: FeatureCache | None = None) -> Path:
    """Write `concepts/index.html`, and `page.html` in the folder of each class that has concepts.

    Args:
        run: With concepts.
        subject: Its network.
        splits: Its data; the test pictures are shown.
        cache: Where readings are kept; by default the user's own.

    Returns:
        The path of the overview.

    Raises:
        RunError: The run has no concepts, or those of another network.
    """
    folders = saved_classes(run)
    if not folders:
        raise RunError(f"{run.folder} has no concepts yet; find some with `whynet concepts --subject {run.folder}`")
    fingerprint, cache = weights_fingerprint(subject.network), cache or FeatureCache()
    neighbours = [Neighbour(link=f"../{folder.name}/{PAGE}", name=_class_name(folder)) for folder in folders]
    read: dict[str, Readings] = {}
    cards, figures = [], []
    for place, folder in enumerate(track(folders, "Drawing concepts")):
        own = load_concepts(folder, subject, fingerprint=fingerprint)
        explained = ExplainedLayer(subject=subject, layer=own.layer, map_layer=own.map_layer)
        if own.layer not in read:
            read[own.layer] = explained.read(splits.test, cache)
        pictures = ClassPictures(own=own, explained=explained, test=read[own.layer])
        page = _class_page(run, own, pictures, neighbours, place)
        write_text_atomically(folder / PAGE, rendered("concepts_of_class.html.jinja", *_STYLES, page=page))
        cards.append(_card(own, f"{folder.name}/{PAGE}", page.pictures))
        figures.append(own.figures)
    path = run.folder / CONCEPTS / INDEX
    write_text_atomically(path, rendered("concepts.html.jinja", *_STYLES, page=_index(run, cards, figures)))
    return path


def _class_name(folder: Path) -> str:
    description = read_json(folder / DESCRIPTION, "the concepts of a class")
    return str(description.get("class", folder.name))


def _class_page(
    run: Run, own: ClassConcepts, pictures: ClassPictures, neighbours: Sequence[Neighbour], place: int
) -> ClassPage:
    rows = pictures.picture_rows()
    return ClassPage(
        run=str(run.folder), version=whynet.__version__, report=link_to_report(run, "../../"),
        class_name=own.class_name,
        previous=neighbours[place - 1] if place else None,
        following=neighbours[place + 1] if place + 1 < len(neighbours) else None,
        sentence=rows[0].sentence if rows else None, layer=own.layer, map_layer=own.map_layer,
        bias=signed(own.module.bias), pictures=rows, features=pictures.feature_rows(),
        figures=figure_rows(own.figures), settings=settings_groups(own),
    )  # fmt: skip


def _card(own: ClassConcepts, link: str, rows: Sequence[PictureRow]) -> Card:
    concepts = sorted(own.concepts, key=lambda concept: -concept.contribution)
    longest = max(abs(concept.contribution) for concept in concepts) or 1.0
    bars = [
        Bar(
            name=concept.title, is_named=concept.is_named, contribution=signed(concept.contribution),
            length=100 * abs(concept.contribution) / longest, is_against=concept.contribution < 0,
        )
        for concept in concepts[:_LISTED]
    ]  # fmt: skip
    return Card(
        link=link, class_name=own.class_name, picture=rows[0].picture if rows else "", bars=bars,
        figures=[(MEANINGS[key].name, _on_card(own.figures, key)) for key in CARD_FIGURES if key in own.figures],
        more=len(concepts) - len(bars),
    )  # fmt: skip


def _on_card(figures: dict[str, float], key: str) -> str:
    return over_floor(shown(figures, key), figures) if key == "stability" else shown(figures, key)


def _index(run: Run, cards: list[Card], figures: list[dict[str, float]]) -> Index:
    settings, mean = TrainSettings.from_json(run.settings), means(figures)
    return Index(
        run=str(run.folder), version=whynet.__version__, report=link_to_report(run, "../"),
        data=DATA_TITLES[settings.data.name], cards=cards,
        tiles=[
            Tile(
                name=HEADLINES[key], figure=shown(mean, key),
                beside=f"mean {meaning.name}, {meaning.better} is better{_beyond(key, figures)}",
            )
            for key, meaning in MEANINGS.items()
            if key in mean and key in HEADLINES
        ],
        meanings=[MEANINGS[key] for key in (*CARD_FIGURES, "stability_floor") if key in mean],
    )  # fmt: skip


def _beyond(key: str, figures: list[dict[str, float]]) -> str:
    """What a headline is to be compared with, as a mean over the classes."""
    if key == "stability":
        floor = shown(means(figures), "stability_floor")
        return f"; its floor is {floor}" if floor else ""
    most = means([{key: most} for own in figures if (most := most_overlap(own)) is not None])
    return f", at most {most[key]:.2f}" if key == "o1" and most else ""
