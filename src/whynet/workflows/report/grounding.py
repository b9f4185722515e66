"""What the report tells of where the words came from: a bar under each word, and the causal check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from whynet.base.explanation import Grounding, UnitContribution
from whynet.workflows.report.charts import Bar, Group, intervals

NUM_COLOURS = 8
"""Colours of layers in the style sheet, .layer0 to .layer7; more layers begin anew."""
_KINDS = {"colour": "Colours", "part": "Parts and marks", "shape": "Shapes and patterns"}
_NAMES = {"probabilities": "class probabilities"}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer's part in a word, or in all words.

    Args:
        name: What people call it.
        colour: Number of its colour.
        share: In percent.
        contribution: In nats, with its sign; "" where it is not asked.
    """

    name: str
    colour: int
    share: str
    contribution: str = ""


@dataclass(frozen=True, kw_only=True)
class Details:
    """What is told of a word by hovering or tapping it.

    Args:
        bar: The word's underline, as a CSS gradient of the layers' shares.
        layers: In the order of r(x).
        units: Names and contributions of the strongest units.
    """

    bar: str
    layers: list[Layer]
    units: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class CausalCheck:
    """The causal check as the report shows it.

    Args:
        named, other: Share of the words that fell, in percent.
        low, high: Interval of the difference, in percent points.
        is_clear: Whether that interval leaves out 0.
        num_words, num_images: How much was tested.
        changed_named, changed_other: Mean share of the picture that was changed, in percent.
        chart: Bars with whiskers.
        layers: Mean share of each layer.
    """

    named: str
    other: str
    low: str
    high: str
    is_clear: bool
    num_words: str
    num_images: int
    changed_named: str
    changed_other: str
    chart: Markup
    layers: list[Layer]


def details(grounding: Grounding, class_names: Sequence[str]) -> Details:
    """A word's grounding in the words of the report.

    Args:
        grounding: Of the word.
        class_names: What the units of the class probabilities are called.
    """
    stops, end = [], 0.0
    for number, layer in enumerate(grounding.layers):
        begin, end = end, end + 100 * layer.share
        stops.append(f"var(--layer{number % NUM_COLOURS}) {begin:.1f}% {end:.1f}%")
    return Details(
        bar=f"linear-gradient(90deg, {', '.join(stops)})",
        layers=[
            Layer(
                name=_NAMES.get(layer.name, layer.name),
                colour=number % NUM_COLOURS,
                share=f"{100 * layer.share:.0f}",
                contribution=signed(layer.contribution),
            )
            for number, layer in enumerate(grounding.layers)
        ],
        units=[(_unit_name(unit, class_names), signed(unit.contribution, digits=3)) for unit in grounding.units],
    )


def layers_of(names_and_shares: Mapping[str, float]) -> list[Layer]:
    """Layers with their mean shares, in the order of r(x)."""
    return [
        Layer(name=_NAMES.get(name, name), colour=number % NUM_COLOURS, share=f"{100 * share:.0f}")
        for number, (name, share) in enumerate(names_and_shares.items())
    ]


def causal_check_of(metrics: Mapping[str, Any]) -> CausalCheck | None:
    """The causal check of `metrics.json`; None where there is none."""
    found = metrics.get("grounding")
    if not isinstance(found, dict) or "named_part" not in found:
        return None
    difference = found["difference"]
    groups = [_group("All words", found)]
    groups += [_group(name, found["by_kind"][kind]) for kind, name in _KINDS.items() if kind in found["by_kind"]]
    title = "Share of words that lose a tenth of their probability or more, with 95 % intervals"
    return CausalCheck(
        named=_percent(found["named_part"]["share"]),
        other=_percent(found["other_part"]["share"]),
        low=_percent(difference["low"]),
        high=_percent(difference["high"]),
        is_clear=difference["low"] > 0 or difference["high"] < 0,
        num_words=f"{found['num_words']:,}",
        num_images=found["num_images"],
        changed_named=f"{100 * found['changed_pixels']['named_part']:.1f}",
        changed_other=f"{100 * found['changed_pixels']['other_part']:.1f}",
        chart=Markup(intervals(groups, title=title)),  # noqa: S704 (escaped where it is drawn)
        layers=layers_of(found["layers"]),
    )


def _group(name: str, figures: Mapping[str, Any]) -> Group:
    bars = [
        Bar(kind=kind, share=figures[key]["share"], low=figures[key]["low"], high=figures[key]["high"])
        for kind, key in (("named", "named_part"), ("other", "other_part"))
    ]
    return Group(name=name, beside=f"{figures['named_part']['n']:,} words", bars=bars)


def _unit_name(unit: UnitContribution, class_names: Sequence[str]) -> str:
    if unit.layer == "probabilities" and unit.unit < len(class_names):
        return f"probability of {class_names[unit.unit]}"
    return f"{unit.layer} {unit.unit}"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, and a true minus."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}".replace("-", "\N{MINUS SIGN}")
