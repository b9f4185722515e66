"""The home page's figures in words for everyone, each beside what chance or a floor would give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whynet.web.typesetting import number, percent


@dataclass(frozen=True, kw_only=True)
class PlainFigure:
    """One figure.

    Args:
        figure: As people read it.
        says: What it counts, going on from the figure: "91 %", "of the test pictures are named right".
        beside: What to read it beside.
    """

    figure: str
    says: str
    beside: str


def of_network(metrics: Mapping[str, Any], num_classes: int) -> list[PlainFigure]:
    """How often the network and its sentences are right.

    Args:
        metrics: What `metrics.json` holds; what it lacks is left out.
        num_classes: Among which the network chooses.
    """
    found = []
    accuracy, num_images = metrics.get("accuracy"), metrics.get("num_images")
    if accuracy is not None:
        guessed = f"by guessing among {num_classes} classes: {percent(1 / max(1, num_classes))}"
        found.append(
            PlainFigure(figure=percent(accuracy), says=f"of {num_images} test pictures are named right", beside=guessed)
        )
    true = _true_claims(metrics)
    if true is not None:
        floor = _true_claims(metrics.get("floors", {}).get("random_same_class", {}))
        found.append(
            PlainFigure(
                figure=percent(true), says="of what its sentences say can be seen in the picture",
                beside="" if floor is None else f"of what is said of other pictures of the class: {percent(floor)}",
            )
        )  # fmt: skip
    return found


def of_concepts(figures: Mapping[str, float]) -> list[PlainFigure]:
    """How far the x-features can be trusted as reasons; `figures` are means over the classes, as far as measured."""
    found = []
    if "f_cls" in figures:
        found.append(
            PlainFigure(
                figure=percent(figures["f_cls"]), says="of the pictures stay with their class when its reasons decide",
                beside="the others would be named otherwise, so their reasons do not tell all",
            )
        )  # fmt: skip
    if "stability" in figures:
        floor = figures.get("stability_floor")
        found.append(
            PlainFigure(
                figure=number(figures["stability"]), says="is how alike the reasons are when they are sought anew",
                beside="1 is the same" + ("" if floor is None else f"; any two reasons of a class: {number(floor)}"),
            )
        )  # fmt: skip
    return found


def _true_claims(metrics: Mapping[str, Any]) -> float | None:
    found = metrics.get("attributes", {}).get("true_of_image")
    return None if found is None else float(found)
