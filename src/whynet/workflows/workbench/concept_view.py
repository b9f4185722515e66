"""One x-feature on many pictures of its class, the strongest first, for a person to name it.

Qi & Li 2017, arXiv:1709.05360, section 2.4: "a single neuron across many images for human to name this particular
neuron".
"""

from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from whynet.base.errors import AbsentError
from whynet.workflows.concepts.readings import ExplainedLayer
from whynet.workflows.concepts.x_features import XFeatures
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.workbench.concept_book import KnownClass, KnownConcept
from whynet.workflows.workbench.desk import Desk, Shown
from whynet.workflows.workbench.heat_png import placed_png, placing
from whynet.workflows.workbench.image_view import digest_of_picture

PAGE = 12
"""Pictures of one page."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A test picture of the class.

    Args:
        index: Among the test pictures.
        name: Of the picture.
        weight: What the x-feature adds to the logit.
        predicted: The class that the network names.
    """

    index: int
    name: str
    weight: float
    predicted: str


@dataclass(frozen=True, kw_only=True)
class RankedPage:
    """A page of the pictures of a concept.

    Args:
        pictures: On this page.
        number: Of the page, from 1.
        num_pages: How many there are.
        total: How many pictures there are.
    """

    pictures: list[Ranked]
    number: int
    num_pages: int
    total: int


def ranked(desk: Desk, known: KnownClass) -> AbstractContextManager[Future[Any]]:
    """Ask what each x-feature of a class adds in each test picture of the class; the future is for `page_of`."""
    of = ("contributions", desk.state, desk.data_fingerprint, known.index, known.digest)
    return desk.answers.asked(f"Looking through the pictures of {known.name}", of, lambda: _contributions(desk, known))


def _contributions(desk: Desk, known: KnownClass) -> dict[str, Any]:
    explainer, test = desk.explainer(), desk.splits().test
    own = explainer.concepts.of_class(known.index)
    layer = ExplainedLayer(subject=explainer.subject, layer=own.layer, map_layer=own.map_layer)
    read = layer.read(test, FeatureCache())
    rows = read.rows_of(known.index)
    added = XFeatures.of_module(own.module, known.index).contributions(read.activations[rows].to(layer.subject.device))
    predicted = read.logits[rows].argmax(1).tolist()
    return {
        "rows": rows,
        "names": [test.names[row] for row in rows],
        "predicted": [explainer.subject.class_names[index] for index in predicted],
        "contributions": np.round(added.cpu().numpy().astype(float), 6).tolist(),
    }


def page_of(answer: dict[str, Any], concept: KnownConcept, number: int) -> RankedPage:
    """A page of the pictures on which a concept is strongest; raises `AbsentError` if there is no such page."""
    added = [own[concept.concept.number] for own in answer["contributions"]]
    order = sorted(range(len(added)), key=lambda place: -added[place])
    num_pages = max(1, -(-len(order) // PAGE))
    if not 1 <= number <= num_pages:
        raise AbsentError(f"pages from 1 to {num_pages} were expected, not {number}")
    places = order[(number - 1) * PAGE : number * PAGE]
    pictures = [
        Ranked(
            index=answer["rows"][place], name=answer["names"][place], weight=added[place],
            predicted=answer["predicted"][place],
        )
        for place in places
    ]  # fmt: skip
    return RankedPage(pictures=pictures, number=number, num_pages=num_pages, total=len(order))


def strongest(answer: dict[str, Any], concept: KnownConcept) -> int:
    """The number of the test picture where a concept adds most; raises `AbsentError` if its class has none."""
    first = page_of(answer, concept, 1).pictures[:1]
    if not first:
        raise AbsentError(f"there are no test pictures of {concept.class_name}")
    return first[0].index


def mapped(desk: Desk, known: KnownClass, shown: Shown) -> AbstractContextManager[Future[Any]]:
    """Ask for the maps of all x-features of a class in one test picture, whatever the network names there."""
    of = ("maps", desk.state, known.index, known.digest, digest_of_picture(shown.picture))
    return desk.answers.asked(f"Mapping the concepts of {known.name}", of, lambda: _maps(desk, known, shown))


def _maps(desk: Desk, known: KnownClass, shown: Shown) -> dict[str, Any]:
    explainer = desk.explainer()
    own = explainer.concepts.of_class(known.index)
    subject = explainer.subject
    maps = explainer.concepts.maps(known.index, subject.preprocess([shown.picture]))[0]
    return {
        "maps": [np.round(one.numpy().astype(float), 9).tolist() for one in maps],
        "layer": own.map_layer,
        **placing(subject, shown.picture),
    }


def map_png(answer: dict[str, Any], concept: KnownConcept) -> bytes:
    """The picture of one of `mapped`."""
    return placed_png(answer["maps"][concept.concept.number], answer)
