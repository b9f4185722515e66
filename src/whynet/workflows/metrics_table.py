"""The figures of metrics.json for people: the run beside its two floors, on the terminal and in the report."""

from dataclasses import dataclass
from typing import Any

NAMES = {
    "language.coco.meteor": "METEOR (coco)",
    "language.coco.bleu4": "BLEU-4 (coco)",
    "language.coco.cider_d": "CIDEr-D (coco)",
    "language.coco.rouge_l": "ROUGE-L (coco)",
    "language.interpnet.meteor": "METEOR (interpnet)",
    "language.interpnet.bleu4": "BLEU-4 (interpnet)",
    "language.interpnet.cider": "CIDEr (interpnet)",
    "attributes.true_of_image": "Claims true of the picture",
    "attributes.true_of_class": "Claims true of the class",
    "attributes.recall": "Telling attributes named",
    "class_relevance.similarity": "Class similarity",
    "class_relevance.rank": "Class rank (1 is best)",
    "diversity.distinct": "Distinct sentences",
    "diversity.copied": "Training captions word for word",
}
"""What a reader sees first; metrics.json has all."""

COLUMNS = ["", "this run", "random caption of the class", "most frequent caption"]

FIGURES = {
    "accuracy": "accuracy",
    "meteor_coco": "language.coco.meteor",
    "bleu4_coco": "language.coco.bleu4",
    "cider_d_coco": "language.coco.cider_d",
    "rouge_l": "language.coco.rouge_l",
    "meteor_interpnet": "language.interpnet.meteor",
    "bleu4_interpnet": "language.interpnet.bleu4",
    "cider_interpnet": "language.interpnet.cider",
    "cider_d_interpnet": "language.interpnet.cider_d",
    "class_similarity": "class_relevance.similarity",
    "class_rank": "class_relevance.rank",
    "true_of_image": "attributes.true_of_image",
    "true_of_class": "attributes.true_of_class",
    "recall": "attributes.recall",
    "claims": "attributes.claims",
    "distinct": "diversity.distinct",
    "copied": "diversity.copied",
    "ece_words": "calibration.words.ece",
    "ece_claims": "calibration.claims",
    "grounded_named_part": "grounding.named_part.share",
    "grounded_other_part": "grounding.other_part.share",
    "grounded_difference": "grounding.difference.share",
    "grounded_difference_low": "grounding.difference.low",
    "grounded_difference_high": "grounding.difference.high",
    "grounded_words": "grounding.difference.n",
}
"""The keys of results files, with where `metrics.json` has them."""


def flat_figures(metrics: dict[str, Any]) -> dict[str, float]:
    """The figures of `metrics.json`, or of one of its floors, by the keys of results files, as far as they are there.

    Args:
        metrics: What `metrics.json` holds.
    """
    found = {key: _at(metrics, path) for key, path in FIGURES.items()}
    return {key: figure for key, figure in found.items() if figure is not None}


def metrics_rows(metrics: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column titles, and one row a figure; higher is better in all but the rank and the copies.

    Args:
        metrics: What `metrics.json` holds.

    Returns:
        The titles and the rows; no rows where the run writes no sentences, and an
        empty cell where a floor could not be computed.
    """
    sources = [metrics, *(metrics.get("floors", {}).get(name, {}) for name in ("random_same_class", "most_frequent"))]
    rows = []
    for path, name in NAMES.items():
        figures = [_at(source, path) for source in sources]
        if figures[0] is not None:
            rows.append([name, *("" if figure is None else _shown(figure, path) for figure in figures)])
    return COLUMNS, rows


def grounding_lines(metrics: dict[str, Any]) -> list[str]:
    """The causal check of `metrics.json` in a line; none where it was not made."""
    named, other = (metrics.get("grounding", {}).get(part) for part in ("named_part", "other_part"))
    if not (named and other):
        return []
    return [
        f"Of {named['n']} words that name a part truly, {named['share']:.0%} fall by a tenth when that part is changed "
        f"({named['low']:.0%} to {named['high']:.0%}), {other['share']:.0%} when another is ({other['low']:.0%} to "
        f"{other['high']:.0%})."
    ]


def honesty_lines(metrics: dict[str, Any]) -> list[str]:
    """What `metrics.json` tells of the honesty of the sentences, a line each; what it lacks is left out."""
    lines = []
    words = _at(metrics, "calibration.words.ece")
    if words is not None:
        claims = _at(metrics, "calibration.claims")
        also = (
            ""
            if claims is None
            else f"; taken for the chance that a claim is true they miss by {100 * claims:.1f}, since other true words "
            "compete with each"
        )
        lines.append(f"Word probabilities miss by {100 * words:.1f} points on people's captions{also}.")
    if effect := metrics.get("true_class"):
        lines.append(
            f"On the {effect['num_images']} pictures that the network gets wrong, explaining the true class instead of "
            f"the predicted one changes {effect['changed']:.0%} of the sentences."
        )
    return lines


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One headline figure, and what to compare it with."""

    name: str
    figure: str
    beside: str


def tiles(metrics: dict[str, Any]) -> list[Tile]:
    """The headline figures of `metrics.json`; those that the run lacks are left out."""
    chosen = [
        Tile(name="Test accuracy", figure=f"{metrics['accuracy']:.1%}", beside=f"{metrics['num_images']} pictures")
    ]
    for path, name in {
        "attributes.true_of_image": "Claims true of the picture",
        "attributes.recall": "Telling attributes named",
        "language.coco.meteor": "METEOR",
        "language.coco.cider_d": "CIDEr-D",
    }.items():
        figure = _at(metrics, path)
        if figure is not None:
            floor = _at(metrics, f"floors.random_same_class.{path}")
            beside = (
                "no random caption of the class"
                if floor is None
                else f"{_shown(floor, path)} by a random caption of the class"
            )
            chosen.append(Tile(name=name, figure=_shown(figure, path), beside=beside))
    return chosen


def _shown(figure: float, path: str) -> str:
    return f"{figure:.1%}" if path.startswith(("attributes", "diversity")) else f"{figure:.1f}"


def _at(values: Any, path: str) -> float | None:
    for key in path.split("."):
        if not isinstance(values, dict) or key not in values:
            return None
        values = values[key]
    return None if values is None else float(values)
