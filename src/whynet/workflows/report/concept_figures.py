"""How good the x-features of a class are, in figures with one line each on how to read them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whynet.base.errors import RunError
from whynet.base.files import read_json
from whynet.workflows.concepts.saved import DESCRIPTION, ClassConcepts, saved_classes
from whynet.workflows.run import CONCEPTS, Run

INDEX, PAGE = "index.html", "page.html"
"""The overview of all classes in the folder of the concepts, and the page in the folder of each class."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """How one figure is shown and read.

    Args:
        name: What people call it.
        form: Of the number.
        better: Which way is better.
        reading: What it says, in a line.
    """

    name: str
    form: str
    better: str
    reading: str


MEANINGS: dict[str, Meaning] = {
    "f_cls": Meaning(
        name="F_cls", form=".1%", better="higher",
        reading="Share of pictures whose class stays when this logit is read off the x-features, over all classes.",
    ),
    "f_reg": Meaning(
        name="F_reg", form=".2f", better="lower",
        reading="Mean error of the logit that is read off, on pictures of all classes.",
    ),
    "o1": Meaning(
        name="O1", form=".2f", better="lower",
        reading="Overlap of the heat maps: the Frobenius norm of their correlation matrix less \N{SQUARE ROOT}n, with "
        "n live x-features. From 0, where no two maps rise and fall together, to n \N{MINUS SIGN} \N{SQUARE ROOT}n, "
        "where all do.",
    ),
    "o2": Meaning(
        name="O2", form=".2f", better="lower",
        reading="The same as a log-determinant, which weighs maps that nearly repeat each other more.",
    ),
    "live": Meaning(
        name="Live", form=".0f", better="higher", reading="X-features whose maps are not blank; best are all of them.",
    ),
    "locality": Meaning(
        name="Locality", form=".2f", better="lower",
        reading="Over how many parts a map spreads, the context being one: entropy in nats, 0 for a single part.",
    ),
    "locality_parts": Meaning(
        name="Locality in parts", form=".2f", better="lower", reading="The same over the parts alone.",
    ),
    "context": Meaning(
        name="Context", form=".1%", better="lower", reading="Share of the maps that lies beside the parts.",
    ),
    "stability": Meaning(
        name="Stability", form=".2f", better="higher",
        reading="Correlation with the x-features that other seeds find in their place (training pictures); at most 1.",
    ),
    "stability_floor": Meaning(
        name="Its floor", form=".2f", better="lower",
        reading="Correlation with the other x-features of other seeds. By chance alone the best pairs lie above it.",
    ),
}  # fmt: skip
"""By the keys of results files, in the order of the table."""

CARD_FIGURES = ("f_cls", "f_reg", "o1", "locality", "stability")
"""What the overview shows of each class."""
HEADLINES = {"f_cls": "The class stays", "o1": "Heat maps overlap", "stability": "Seeds agree"}
"""What stands at the head of the overview, as means over the classes, and in what words."""

_SETTINGS = {"where": "What is explained", "module": "Explanation module", "fit": "Training"}
_TRAIN = "_train"
_OF_TRAINING = ("stability", "stability_floor")


@dataclass(frozen=True, kw_only=True)
class FigureRow:
    """A figure of a class, on test pictures and, where it was measured, on training pictures."""

    name: str
    test: str
    train: str
    better: str
    reading: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The concepts of a run in a line: how many classes have them, and their mean F_cls, if it was measured."""

    num_classes: int
    f_cls: str


def most_overlap(figures: Mapping[str, float]) -> float | None:
    """The most that O1 can be, n - sqrt(n) of n live x-features; None where their number is not known."""
    return figures["live"] - math.sqrt(figures["live"]) if "live" in figures else None


def over_floor(shown: str, figures: Mapping[str, float]) -> str:
    """A stability beside its floor, where that was measured: "0.93 (floor 0.41)"."""
    return f"{shown} (floor {figures['stability_floor']:.2f})" if shown and "stability_floor" in figures else shown


def shown(figures: Mapping[str, float], key: str) -> str:
    """A figure as people read it; "" where it was not measured."""
    plain = key.removesuffix(_TRAIN)
    return format(figures[key], MEANINGS[plain].form).replace("%", "\N{NO-BREAK SPACE}%") if key in figures else ""


def figure_rows(figures: Mapping[str, float]) -> list[FigureRow]:
    """The figures of a class, as far as they were measured; stability is of training pictures."""
    return [
        FigureRow(
            name=meaning.name, test="" if key in _OF_TRAINING else shown(figures, key),
            train=shown(figures, key if key in _OF_TRAINING else f"{key}{_TRAIN}"),
            better=meaning.better, reading=_reading(key, figures),
        )
        for key, meaning in MEANINGS.items()
        if key in figures
    ]  # fmt: skip


def _reading(key: str, figures: Mapping[str, float]) -> str:
    most = most_overlap(figures) if key == "o1" else None
    return MEANINGS[key].reading + (f" Here: at most {most:.2f}." if most is not None else "")


def means(of_classes: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over the classes that have it."""
    keys = dict.fromkeys(key for figures in of_classes for key in figures)
    found = {key: [figures[key] for figures in of_classes if key in figures] for key in keys}
    return {key: sum(values) / len(values) for key, values in found.items()}


def settings_groups(own: ClassConcepts) -> list[tuple[str, list[tuple[str, str]]]]:
    """How the concepts were made: groups of settings with their values."""
    groups = []
    for key, title in _SETTINGS.items():
        values: dict[str, Any] = dict(own.settings.get(key, {}))
        if key == "where":
            values |= {"layer": own.layer, "map_layer": own.map_layer}
        groups.append((title, [(name.replace("_", " "), str(value)) for name, value in values.items()]))
    return groups


def concept_summary(run: Run) -> Summary | None:
    """What the report says of the concepts; None where no page shows any.

    Raises:
        RunError, StorageError: The description of a class is damaged.
    """
    folders = saved_classes(run)
    if not folders or not (run.folder / CONCEPTS / INDEX).is_file():
        return None
    figures = []
    for folder in folders:
        own = read_json(folder / DESCRIPTION, "the concepts of a class").get("figures")
        if not isinstance(own, dict):
            raise RunError(f"{folder / DESCRIPTION} has no figures; make the concepts again with `whynet concepts`")
        figures.append(own)
    return Summary(num_classes=len(folders), f_cls=shown(means(figures), "f_cls"))
