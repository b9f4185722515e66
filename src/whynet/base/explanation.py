"""The Explanation: what every explainer returns for one image. Plain data, with a text, a JSON and a notebook form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from whynet.base.graph_node import GraphNode
from whynet.base.image import to_data_uri
from whynet.base.reason import Reason
from whynet.base.tree_step import TreeStep
from whynet.base.types import Picture

_TOLD, _TOLD_SHARE = 3, 0.1
"""How many reasons a sentence names, and the least share of all that one must have."""


def with_article(name: str) -> str:
    """The name with "a" or "an" before it, by its first letter."""
    return f"{'an' if name.lower().startswith(tuple('aeiou')) else 'a'} {name}"


@dataclass(frozen=True, kw_only=True)
class LayerContribution:
    """What one layer added to a word.

    Args:
        name: Of the layer, or of another part of r(x).
        contribution: To the word's log-probability, in nats; positive where it spoke for the word.
        share: Of the sum of absolute contributions over all entries of r(x), in [0, 1].
    """

    name: str
    contribution: float
    share: float


@dataclass(frozen=True, kw_only=True)
class UnitContribution:
    """What one unit added to a word.

    Args:
        layer: That the unit belongs to.
        unit: Its index within the layer; of the class probabilities, the index of the class.
        contribution: To the word's log-probability, in nats.
    """

    layer: str
    unit: int
    contribution: float


@dataclass(frozen=True, kw_only=True)
class Grounding:
    """Where a word came from, to first order: gradient times activation of its log-probability.

    Args:
        layers: Every layer that was read, in order; their shares add up to 1, or are all 0.
        units: The strongest units, the strongest first.
    """

    layers: tuple[LayerContribution, ...]
    units: tuple[UnitContribution, ...]

    @property
    def summary(self) -> str:
        """The strongest layer and units in one line, as in "46% from hidden.1: hidden.1[17] +0.31 nats, ..."."""
        top = max(self.layers, key=lambda layer: layer.share)
        units = ", ".join(f"{unit.layer}[{unit.unit}] {unit.contribution:+.2f}" for unit in self.units)
        return f"{top.share:.0%} from {top.name}" + (f": {units} nats" if units else "")

    def to_json(self) -> dict[str, Any]:
        """The grounding as values that `json.dump` takes; `from_json` reads them."""
        return {"layers": [vars(layer) for layer in self.layers], "units": [vars(unit) for unit in self.units]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Grounding":
        """The grounding that `to_json` wrote."""
        return cls(
            layers=tuple(LayerContribution(**layer) for layer in value["layers"]),
            units=tuple(UnitContribution(**unit) for unit in value["units"]),
        )


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word of a sentence.

    Args:
        text: The word.
        probability: That the explainer gave it at its place, in [0, 1].
        grounding: Where it came from; None where that was not asked, and for words such as "a" and "with".
    """

    text: str
    probability: float
    grounding: Grounding | None = None

    def to_json(self) -> dict[str, Any]:
        """The word as values that `json.dump` takes."""
        grounding = None if self.grounding is None else self.grounding.to_json()
        return {"text": self.text, "probability": self.probability, "grounding": grounding}

    @property
    def details(self) -> str:
        """What a notebook tells of the word when the pointer rests on it."""
        probable = f"{self.probability:.0%} probable"
        return probable if self.grounding is None else f"{probable}; {self.grounding.summary}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """Why a network put one image into a class.

    Args:
        image_name: File name, or the name of the example.
        class_index: Index of the explained class among the network's outputs.
        class_name: Its name.
        probability: The network's probability of that class, in [0, 1].
        sentence: The reason in words, ending with a full stop; None where the explainer writes none.
        words: The sentence's words with their probabilities, and where they came from.
        reasons: Named reasons, the weightiest first.
        tree: The way down a decision tree, from rough to exact, where that was asked for.
        graph: The surest nodes of an explanatory graph, the surest first, where that was asked for; empty where none
            of them is found in the image, None where it was not asked for or the class has no graph.
        faithfulness: Figures that say how far this explanation can be trusted, by name.
        thumbnail: A small copy of the image, for notebooks; not part of the JSON form.
    """

    image_name: str
    class_index: int
    class_name: str
    probability: float
    sentence: str | None = None
    words: tuple[Word, ...] = ()
    reasons: tuple[Reason, ...] = ()
    tree: tuple[TreeStep, ...] = ()
    graph: tuple[GraphNode, ...] | None = None
    faithfulness: Mapping[str, float] = field(default_factory=dict)
    thumbnail: Picture | None = None

    @property
    def opening(self) -> str:
        """What the explanation claims, up to the sentence that says why."""
        claim = f"This is an image of {with_article(self.class_name)}"
        return f"{claim}." if self.sentence is None else f"{claim} because "

    @property
    def reasons_sentence(self) -> str | None:
        """The named reasons with their weights: "Painted Finch 7 because of its red crest (+3.1) and ...".

        Reasons of one name count as one; the three weightiest that speak for the class are named, if they add at least
        a tenth of what all of these do. What those without a name add is told where it is a tenth of all. None where no
        named reason speaks for it.
        """
        weights: dict[str, float] = {}
        for reason in self.reasons:
            if reason.is_named:
                weights[reason.name] = weights.get(reason.name, 0.0) + reason.weight
        total = sum(weight for weight in weights.values() if weight > 0)
        spoken = [(name, weight) for name, weight in weights.items() if weight > 0 and weight >= _TOLD_SHARE * total]
        spoken = sorted(spoken, key=lambda one: -one[1])[:_TOLD]
        if not spoken:
            return None
        *first, last = [f"{name} ({weight:+.1f})" for name, weight in spoken]
        named = " and ".join(filter(None, (", ".join(first), last)))
        unnamed = sum(reason.weight for reason in self.reasons if not reason.is_named and reason.weight > 0)
        rest = f", and of what has no name ({unnamed:+.1f})" if unnamed > _TOLD_SHARE * (total + unnamed) else ""
        return f"{self.class_name} because of its {named}{rest}."

    @property
    def text(self) -> str:
        """The explanation in one line: "This is an image of a Tree Sparrow because this bird has ..."."""
        return " ".join(filter(None, (f"{self.opening}{self.sentence or ''}".strip(), self.reasons_sentence)))

    def to_json(self) -> dict[str, Any]:
        """The explanation as values that `json.dump` takes."""
        return {
            "image": self.image_name,
            "class_index": self.class_index,
            "class": self.class_name,
            "probability": self.probability,
            "text": self.text,
            "sentence": self.sentence,
            "reasons_sentence": self.reasons_sentence,
            "words": [word.to_json() for word in self.words],
            "reasons": [reason.to_json() for reason in self.reasons],
            "tree": [step.to_json() for step in self.tree],
            "graph": None if self.graph is None else [node.to_json() for node in self.graph],
            "faithfulness": dict(self.faithfulness),
        }

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        """The notebook form: the image beside the sentence, each word as dark as it was probable.

        Where a word came from is told when the pointer rests on it.
        """
        picture = "" if self.thumbnail is None else f'<img src="{to_data_uri(self.thumbnail)}" alt="" width="128">'
        words = " ".join(
            f'<span style="opacity:{0.35 + 0.65 * word.probability:.2f}" title="{escape(word.details)}">'
            f"{escape(word.text)}</span>"
            for word in self.words
        )
        reasons = "" if self.reasons_sentence is None else f"<div>{escape(self.reasons_sentence)}</div>"
        return (
            '<div style="display:flex;gap:1em;align-items:center;margin:.5em 0;max-width:44em">'
            f"{picture}<div><div>{escape(self.opening)}{words}</div>{reasons}"
            f'<small style="opacity:.65">{escape(self.image_name)} · {self.probability:.0%} sure</small></div></div>'
        )


class Explanations(list[Explanation]):
    """A list of explanations that a notebook shows one below the other."""

    def _repr_html_(self) -> str:
        return "".join(explanation._repr_html_() for explanation in self)
