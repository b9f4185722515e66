"""Gathers what the report shows, and writes it."""

import logging
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

import whynet
from whynet.base.errors import RunError
from whynet.base.explanation import Grounding, with_article
from whynet.base.files import read_json, write_text_atomically
from whynet.base.image import to_data_uri
from whynet.models.saved_subject import DESCRIPTION, names_code
from whynet.models.variants import VARIANT_NAMES
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.evaluate import METRICS, SENTENCES
from whynet.workflows.filters.tables import summary_lines
from whynet.workflows.gallery import gallery
from whynet.workflows.graph.tables import run_summary
from whynet.workflows.metrics_table import Tile, honesty_lines, metrics_rows, tiles
from whynet.workflows.report.charts import curves
from whynet.workflows.report.concept_figures import Summary, concept_summary
from whynet.workflows.report.confusion import Confusion, confusion
from whynet.workflows.report.grounding import CausalCheck, Layer, causal_check_of, details
from whynet.workflows.report.marking import MarkedWord, marked_words
from whynet.workflows.report.rendering import rendered
from whynet.workflows.run import CLASSIFIER, EXPLAINER, FILTERS, FILTERS_PAGE, GRAPH_PAGE, TREES_PAGE, Run
from whynet.workflows.settings import DATA_TITLES, TrainSettings

REPORT = "report.html"
_log = logging.getLogger("whynet")


@dataclass(frozen=True, kw_only=True)
class Card:
    """One picture of the gallery."""

    picture: str
    name: str
    true_class: str
    predicted_class: str
    probability: float
    words: list[MarkedWord]
    reference: str

    @property
    def is_right(self) -> bool:
        """Whether the network named the true class."""
        return self.true_class == self.predicted_class

    @property
    def claim(self) -> str:
        """The beginning of the sentence."""
        return f"This is an image of {with_article(self.predicted_class)} because"


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the template shows."""

    run: str
    version: str
    data: str
    num_classes: int
    by: str
    explain: str
    tiles: list[Tile]
    cards: list[Card]
    layers: list[Layer]
    honesty: list[str]
    causal_check: CausalCheck | None
    concepts: Summary | None
    filters: list[str]
    has_trees: bool
    graphs: list[str]
    columns: list[str]
    rows: list[list[str]]
    missing: dict[str, str]
    classifier_curves: Markup
    explainer_curves: Markup
    confusion: Confusion
    marked: bool
    seconds: float
    stages: dict[str, float]
    seed: int


def write_report(run: Run | str | Path, *, skip_bad: bool = False) -> Path:
    """Write `report.html` from what training and evaluation left in the run.

    Args:
        run: A run that was evaluated, or its folder.
        skip_bad: Leave out pictures that cannot be used, as in the evaluation.

    Returns:
        The report's path.

    Raises:
        RunError: The run was not evaluated yet, or its data have changed since.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    if not run.is_complete("evaluation"):
        raise RunError(f"{run.folder} was not evaluated yet; run `whynet evaluate {run.folder}` first")
    path = run.folder / REPORT
    write_text_atomically(path, rendered("report.html.jinja", "report.css", page=_page(run, skip_bad=skip_bad)))
    return path


def refresh_report(run: Run, *, skip_bad: bool = False) -> None:
    """Write a run's report again, where it has one, so that it links to pages made since."""
    if (run.folder / REPORT).exists():
        try:
            write_report(run, skip_bad=skip_bad)
        except RunError as error:
            _log.warning("%s stays as it is and does not link to the new pages: %s", run.folder / REPORT, error)


def link_to_report(run: Run, up: str = "") -> str:
    """The address of the report from a page of the run, such as "../" up; "" where it has none."""
    return f"{up}{REPORT}" if (run.folder / REPORT).is_file() else ""


def _page(run: Run, *, skip_bad: bool) -> Page:
    settings = TrainSettings.from_json(run.settings)
    metrics, sentences = run.read(METRICS), run.read(SENTENCES)
    splits = open_data(settings.data, skip_bad=skip_bad)
    if not isinstance(sentences, list) or not all(isinstance(row, dict) and "name" in row for row in sentences):
        raise RunError(f"{run.folder / SENTENCES} is damaged; evaluate the run again")
    if [row["name"] for row in sentences] != list(splits.test.names):
        raise RunError(f"the test pictures have changed since {run.folder} was evaluated; evaluate it again")
    class_names = splits.test.class_names
    counts = np.zeros((len(class_names), len(class_names)), dtype=np.int64)
    for row in sentences:
        counts[row["label"], row["predicted"]] += 1
    columns, rows = metrics_rows(metrics)
    cards = _cards(splits, sentences)
    record = run.record()
    return Page(
        run=str(run.folder),
        version=whynet.__version__,
        data=DATA_TITLES[settings.data.name],
        num_classes=len(class_names),
        by=_by(settings, has_sentences=any(row["words"] for row in sentences)),
        explain=_explain_command(run),
        tiles=tiles(metrics),
        cards=cards,
        layers=next((word.details.layers for card in cards for word in card.words if word.details), []),
        honesty=honesty_lines(metrics),
        causal_check=causal_check_of(metrics),
        concepts=concept_summary(run),
        filters=_filters(run),
        has_trees=(run.folder / TREES_PAGE).is_file(),
        graphs=run_summary(run) if (run.folder / GRAPH_PAGE).is_file() else [],
        columns=columns,
        rows=rows,
        missing=metrics["missing"],
        classifier_curves=_history(
            run,
            CLASSIFIER,
            {"val_accuracy": "validation accuracy"},
            "Validation accuracy of the classifier by epoch, in percent",
            in_percent=True,
        ),
        explainer_curves=_history(
            run,
            EXPLAINER,
            {"val_loss": "validation loss", "train_loss": "training loss"},
            "Loss of the explainer by epoch, in nats a word",
        ),
        confusion=confusion(counts, class_names),
        marked=splits.claims is not None,
        seconds=run.seconds(),
        stages={name: float(stage["seconds"]) for name, stage in record["stages"].items()},
        seed=settings.model.seed,
    )


def _filters(run: Run) -> list[str]:
    """What the report says of the filters; nothing where no page shows them."""
    if not (run.folder / FILTERS_PAGE).is_file():
        return []
    figures = run.read(FILTERS).get("figures")
    if not isinstance(figures, dict):
        raise RunError(f"{run.folder / FILTERS} has no figures; measure again with `whynet filters {run.folder}`")
    return list(summary_lines(figures))


def _by(settings: TrainSettings, *, has_sentences: bool) -> str:
    """Who explains the classes, or, where nobody does, who tells them apart."""
    network, subject = settings.model.network, settings.model.subject
    if not has_sentences:
        return f"told apart by {network if subject is None else subject}"
    name = VARIANT_NAMES[settings.model.variant]
    return f"explained by {name}" if subject is None else f"explained by {name} on {subject}"


def _explain_command(run: Run) -> str:
    """How a picture is explained; code of the user's own runs only where it is named again."""
    kind = str(read_json(run.folder / CLASSIFIER / DESCRIPTION, "a saved subject").get("network", ""))
    named_again = f" --subject {shlex.quote(kind)}" if names_code(kind) else ""
    return f"whynet explain {shlex.quote(str(run.folder))} PICTURE{named_again}"


def _history(run: Run, stage: str, names: dict[str, str], title: str, *, in_percent: bool = False) -> Markup:
    path = f"{stage}/training.json"
    if not (run.folder / path).exists():  # the user's own network, or no captions
        return Markup()
    return Markup(curves(run.read(path), names, title=title, in_percent=in_percent))  # noqa: S704 (escaped there)


def _cards(splits: Splits, sentences: list[dict[str, Any]]) -> list[Card]:
    test = splits.test
    cards = []
    for index in gallery(len(test)):
        example, row = test[index], sentences[index]
        parse = None if splits.claims is None else splits.claims.parse
        told = [
            None if value is None else details(Grounding.from_json(value), test.class_names)
            for value in row.get("grounding") or []
        ]
        cards.append(
            Card(
                picture=to_data_uri(
                    example.image, longest_side=256, form="jpeg" if max(example.image.shape) > 128 else "png"
                ),
                name=example.name,
                true_class=test.class_names[row["label"]],
                predicted_class=test.class_names[row["predicted"]],
                probability=row["probability"],
                words=marked_words([(text, p) for text, p in row["words"]], example.attributes, parse, told or None),
                reference=example.captions[0] if example.captions else "",
            )
        )
    return cards
