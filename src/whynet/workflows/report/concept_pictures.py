"""The pictures of a concept page: one picture with all x-features, and one x-feature on many pictures.

Qi & Li 2017, arXiv:1709.05360, section 2.4 and figures 3(a) and 3(b). X-features are sorted by v_n E_n, what each adds
to the logit. Each map has a scale of its own, since the paper normalises c-MWP "on each neuron for each image".
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.overlay import overlay, resized
from whynet.base.explanation import Explanation
from whynet.base.image import to_data_uri
from whynet.base.reason import Reason
from whynet.base.types import Picture
from whynet.models.preprocessing import Preprocessing
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.concepts.saved import ClassConcepts, Concept
from whynet.workflows.concepts.x_features import XFeatures
from whynet.workflows.plates import looked_at
from whynet.workflows.report.concept_figures import over_floor
from whynet.workflows.report.grounding import signed
from whynet.workflows.report.rendering import spaced

NUM_PICTURES, NUM_STRONGEST = 4, 8
"""Pictures that are shown with all x-features, and pictures that each x-feature is shown on."""
SIDE = 160
"""Pixels of a tile's longer side; the style sheet shows it at 112 points, and a sharp screen has more pixels."""
OPAQUE = 0.8
"""How much of the picture the strongest colour covers: what is beneath must still be seen."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One x-feature in one picture.

    Args:
        picture: With the heat map, as a data URI.
        picture_name: What the data call it.
        alt: Read out to those who cannot see it.
        contribution: What the x-feature adds to the logit, with its sign.
        length: Of the bar that stands for it, in percent of the longest among its neighbours.
        is_against: Whether it speaks against the class.
        name: Of the x-feature.
        number: Of the x-feature, from 1.
        is_empty: Whether no evidence reached the map.
    """

    picture: str
    picture_name: str
    alt: str
    contribution: str
    length: float
    is_against: bool
    name: str
    number: int
    is_empty: bool


@dataclass(frozen=True, kw_only=True)
class PictureRow:
    """One picture with all x-features, the one that adds most first.

    Args:
        name: Of the picture.
        picture: As it is.
        predicted: The class that the network names.
        probability: Of that class, in percent.
        own_probability: Of the class of the page, where the network names another; else "".
        logit: Of the class of the page.
        read_off: The same, as the x-features add up to it.
        sentence: The named x-features as reasons; None where the network names another class or none has a name.
        tiles: One an x-feature.
    """

    name: str
    picture: str
    predicted: str
    probability: str
    own_probability: str
    logit: str
    read_off: str
    sentence: str | None
    tiles: list[Tile]

    @property
    def is_right(self) -> bool:
        """Whether the network names the class of the page."""
        return not self.own_probability


@dataclass(frozen=True, kw_only=True)
class FeatureRow:
    """One x-feature on the pictures of its class where it adds most.

    Args:
        number: From 1.
        name: A person's, a suggestion, or its number.
        is_named: Whether it has more than a number.
        source: How it came by its name.
        weight: v_n.
        contribution: Mean over the training pictures of the class.
        stability: "" where only one seed was trained.
        tiles: One a picture.
    """

    number: int
    name: str
    is_named: bool
    source: str
    weight: str
    contribution: str
    stability: str
    tiles: list[Tile]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassPictures:
    """The test pictures of a class, drawn with its x-features.

    Args:
        own: The concepts of the class.
        explained: The network, its layer, and where maps lie.
        test: Z and logits of all test pictures.
    """

    own: ClassConcepts
    explained: ExplainedLayer
    test: Readings

    def picture_rows(self) -> list[PictureRow]:
        """The pictures of whose class the network is surest, each with all x-features."""
        return [self._picture_row(place) for place in self._surest]

    def feature_rows(self) -> list[FeatureRow]:
        """Each x-feature on its strongest pictures; the one that adds most on average first."""
        concepts = sorted(self.own.concepts, key=lambda concept: -concept.contribution)
        return [self._feature_row(concept) for concept in concepts]

    @cached_property
    def _knows_parts(self) -> bool:
        """As where names are looked for, whose pictures are others."""
        is_followed = isinstance(self.explained.subject.preprocess, Preprocessing)
        return is_followed and bool(self.test.examples.part_names)

    @cached_property
    def _rows(self) -> list[int]:
        return self.test.rows_of(self.own.class_index)

    @cached_property
    def _mine(self) -> XFeatures:
        return XFeatures.of_module(self.own.module, self.own.class_index)

    @cached_property
    def _contributions(self) -> Float[Tensor, "batch features"]:
        return self._mine.contributions(self.test.activations[self._rows])

    @cached_property
    def _probabilities(self) -> Float[Tensor, "batch classes"]:
        # In double precision, so that few pictures share the probability 1.
        return self.test.logits[self._rows].double().softmax(1)

    @cached_property
    def _surest(self) -> list[int]:
        return _largest(self._probabilities[:, self.own.class_index], NUM_PICTURES)

    @cached_property
    def _strongest(self) -> list[list[int]]:
        return [_largest(self._contributions[:, number], NUM_STRONGEST) for number in range(len(self.own.concepts))]

    @cached_property
    def _maps(self) -> dict[int, Float[Tensor, "features rows columns"]]:
        """The maps in the pictures that are shown, by their places among those of the class."""
        places = sorted({*self._surest, *(place for places in self._strongest for place in places)})
        if not places:
            return {}
        maps = self._mine.maps(self.explained, self.test, [self._rows[place] for place in places])
        return dict(zip(places, maps, strict=True))

    @cached_property
    def _opened(self) -> dict[int, Picture]:
        return {}

    def _picture(self, place: int) -> Picture:
        if place not in self._opened:
            self._opened[place] = self.test.examples[self._rows[place]].image
        return self._opened[place]

    def _picture_row(self, place: int) -> PictureRow:
        index, probabilities = self.own.class_index, self._probabilities[place]
        row, predicted = self._rows[place], int(probabilities.argmax())
        added = self._contributions[place]
        reasons = tuple(
            Reason(name=concept.title, weight=float(added[concept.number]), is_named=concept.is_named)
            for concept in self.own.concepts
        )
        explanation = Explanation(
            image_name=self.test.examples.names[row], class_index=index, class_name=self.own.class_name,
            probability=float(probabilities[index]), reasons=reasons,
        )  # fmt: skip
        order = sorted(self.own.concepts, key=lambda concept: -float(added[concept.number]))
        longest = float(added.abs().max())
        is_right = predicted == index
        return PictureRow(
            name=explanation.image_name,
            picture=_small(resized(self._picture(place), SIDE)),
            predicted=self.explained.subject.class_names[predicted],
            probability=_percent(float(probabilities[predicted])),
            own_probability="" if is_right else _percent(float(probabilities[index])),
            logit=signed(float(self.test.logits[row, index])),
            read_off=signed(float(added.sum()) + self._mine.bias),
            sentence=explanation.reasons_sentence if is_right else None,
            tiles=[self._tile(concept, place, longest) for concept in order],
        )

    def _feature_row(self, concept: Concept) -> FeatureRow:
        places = self._strongest[concept.number]
        longest = max((abs(float(self._contributions[place, concept.number])) for place in places), default=0.0)
        return FeatureRow(
            number=concept.number + 1, name=concept.title, is_named=concept.is_named,
            source=source_of_name(concept, knows_parts=self._knows_parts),
            weight=signed(concept.weight), contribution=signed(concept.contribution),
            stability="" if concept.stability is None else over_floor(f"{concept.stability:.2f}", self.own.figures),
            tiles=[self._tile(concept, place, longest) for place in places],
        )  # fmt: skip

    def _tile(self, concept: Concept, place: int, longest: float) -> Tile:
        heat, added = self._maps[place][concept.number], float(self._contributions[place, concept.number])
        picture, box = looked_at(self.explained.subject, self._picture(place))
        drawn = np.asarray(overlay(picture, heat, signed=False, box=box, opaque=OPAQUE, longest_side=SIDE))
        name, is_empty = self.test.examples.names[self._rows[place]], not bool(heat.any())
        return Tile(
            picture=_small(drawn), picture_name=name,
            alt=f"{name}, {'no heat map' if is_empty else 'heat map'} of x-feature {concept.number + 1}",
            contribution=signed(added), length=100 * abs(added) / longest if longest else 0.0, is_against=added < 0,
            name=concept.title, number=concept.number + 1, is_empty=is_empty,
        )  # fmt: skip


def source_of_name(concept: Concept, *, knows_parts: bool) -> str:
    """How an x-feature came by its name, or why it has none, in a line.

    Args:
        concept: The x-feature.
        knows_parts: Whether the data say where parts are in what the network sees.
    """
    if concept.name is not None:
        return "named by a person"
    if concept.suggestion is None:
        if not knows_parts:
            return "no name yet: suggestions come from parts, and these data know none"
        return (
            "no name yet: in fewer than half of the training pictures where it adds most do its maps lie mainly on one "
            "and the same part"
        )
    share, total = concept.suggestion.precision, concept.suggestion.num_pictures
    return spaced(
        f"suggested: its map lies there more than on any other part in {share * total:.0f} of the {total} training "
        f"pictures where it adds most ({share:.0%})"
    )


def _largest(values: Float[Tensor, " batch"], count: int) -> list[int]:
    """Where the largest values are, the largest first; of equal ones the first."""
    return [int(place) for place in torch.argsort(values, descending=True, stable=True)[:count]]


def _small(picture: Picture) -> str:
    return to_data_uri(picture, form="jpeg")


def _percent(probability: float) -> str:
    """In percent, 100 and not 100.0."""
    return f"{100 * probability:.1f}".removesuffix(".0")
