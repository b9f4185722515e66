"""One picture: what the network takes it for, and all that explains it.

The sentence has a map for each word; x-features, the weightiest first, have maps of their own (Qi & Li 2017,
arXiv:1709.05360, section 2.4); the way down the tree and the nodes of the graph follow where the run has them.

What is computed is plain JSON, kept under a key of the run and of the pixels; what people named since is put in when
it is shown.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from whynet.attribution.last_convolution import last_convolutional_layer
from whynet.base.errors import AbsentError, SubjectError
from whynet.base.explanation import Explanation
from whynet.base.reason import Reason
from whynet.base.types import Picture
from whynet.workflows.word_maps import word_maps
from whynet.workflows.workbench.concept_book import KnownClass, KnownConcept
from whynet.workflows.workbench.desk import Desk, Shown
from whynet.workflows.workbench.heat_png import placed_png, placing

NUM_CLASSES = 5
"""The likeliest classes that are told."""
Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class ConceptReason:
    """An x-feature in one picture.

    Args:
        known: The concept; None where its class was explained anew meanwhile.
        title: What it is called.
        weight: What it adds to the logit.
        length: Of its bar, in percent of the largest of the picture.
        number: Of the x-feature, from 1.
        is_blank: Whether no evidence reached its map.
    """

    known: KnownConcept | None
    title: str
    weight: float
    length: float
    number: int
    is_blank: bool


def digest_of_picture(picture: Picture) -> str:
    """A hex digest of its size and pixels."""
    return blake2b(f"{picture.shape}".encode() + picture.tobytes(), digest_size=16).hexdigest()


def explained(desk: Desk, shown: Shown) -> AbstractContextManager[Future[Any]]:
    """Ask what the run says of a picture: inside, the future of an answer for `reasons` and the functions of maps."""
    structures = desk.structures
    of = ("image", desk.state, structures, shown.key if not shown.is_kept else "", digest_of_picture(shown.picture))
    return desk.answers.asked(
        f"Explaining {shown.title}", of, lambda: _answer(desk, shown, structures), is_kept=shown.is_kept
    )


def _answer(desk: Desk, shown: Shown, structures: Sequence[str]) -> Answer:
    explainer = desk.explainer()
    (explanation,) = explainer.explain([shown.picture], [shown.name], structures=structures)
    subject = explainer.subject
    logits = subject.logits(subject.preprocess([shown.picture]))[0].float()
    likeliest = logits.softmax(0).topk(min(NUM_CLASSES, len(logits)))
    return {
        "explanation": explanation.to_json(),
        "classes": [
            {"index": index, "name": subject.class_names[index], "probability": share}
            for index, share in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        ],
        **placing(subject, shown.picture),
        "words": _words(desk, shown),
    }


def _words(desk: Desk, shown: Shown) -> Answer | None:
    """The maps of the words, and the layer they lie at; None where there is no sentence or no layer of maps."""
    explainer = desk.explainer()
    readings, _ = explainer.read([shown.picture])
    (sentence,) = explainer.sentences(readings)
    if sentence is None:
        return None
    images = explainer.subject.preprocess([shown.picture]).to(explainer.subject.device)
    try:
        layer = last_convolutional_layer(explainer.subject, images)
        maps = word_maps(explainer, shown.picture, sentence, layer=layer)
    except SubjectError:
        return None  # a network without convolutions: its words have no places
    return {"layer": layer, "maps": [np.round(own.numpy(), 7).tolist() for own in maps]}


def word_png(answer: Answer, place: int) -> bytes:
    """The map of a word, on one scale with the others of its sentence; raises `AbsentError` if it has none."""
    maps = (answer["words"] or {}).get("maps", [])
    if not 0 <= place < len(maps) or not np.any(maps[place]):
        raise AbsentError(f"word {place + 1} of this sentence has no map")
    scale = max(float(np.abs(own).max()) for own in maps)
    return placed_png(maps[place], answer, scale=scale, signed=True)


def concept_png(answer: Answer, number: int) -> bytes:
    """The map of x-feature `number`, from 1; raises `AbsentError` if there is none."""
    for reason in answer["explanation"]["reasons"]:
        if reason["number"] == number and reason["heat_map"] is not None:
            return placed_png(reason["heat_map"], answer)
    raise AbsentError(f"this picture has no map of an x-feature {number}")


def tree_png(answer: Answer, step: int, place: int) -> bytes:
    """The map of a reason of a step down the tree; raises `AbsentError` if there is none."""
    steps = answer["explanation"]["tree"]
    if 0 <= step < len(steps) and 0 <= place < len(steps[step]["reasons"]):
        heat = steps[step]["reasons"][place]["heat_map"]
        if heat is not None:
            return placed_png(heat, answer, signed=True)
    raise AbsentError("this step of the tree has no such map")


def reasons(answer: Answer, known: KnownClass | None) -> list[ConceptReason]:
    """The x-features of a picture with the names that people gave, the one that adds most first."""
    found = answer["explanation"]["reasons"]
    largest = max((abs(reason["weight"]) for reason in found), default=0.0) or 1.0
    told = []
    for reason in found:
        number = int(reason["number"] or 0)
        own = known.concepts[number - 1] if known is not None and 0 < number <= len(known.concepts) else None
        told.append(
            ConceptReason(
                known=own, title=reason["name"] if own is None else own.title, weight=float(reason["weight"]),
                length=100 * abs(reason["weight"]) / largest, number=number,
                is_blank=reason["heat_map"] is None or not np.any(reason["heat_map"]),
            )
        )  # fmt: skip
    return told


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How the reasons of one picture add up, and to what.

    Args:
        bias: What is added to the x-features.
        by_concepts: The logit that they make together.
        by_network: The network's own.
        would_name: The class that the network would name if its logit were that of the x-features; None if the same.
    """

    bias: float
    by_concepts: float
    by_network: float
    would_name: str | None

    @property
    def is_off(self) -> bool:
        """Whether the class would change, or the sum misses the logit by more than one and by more than a quarter."""
        error = abs(self.by_concepts - self.by_network)
        return self.would_name is not None or error > max(1.0, abs(self.by_network) / 4)


def balance(answer: Answer) -> Balance | None:
    """The balance of the reasons of a picture; None where its class has none."""
    explanation, told = answer["explanation"], answer["explanation"]["faithfulness"]
    if "logit_by_concepts" not in told:
        return None
    by_concepts, by_network = float(told["logit_by_concepts"]), float(told["logit"])
    # The likeliest other class has a logit less than the network's own by the logarithm of the ratio of the two.
    other = next((one for one in answer["classes"] if one["index"] != explanation["class_index"]), None)
    ratio = 0.0 if other is None else other["probability"] / max(explanation["probability"], 1e-12)
    is_overtaken = ratio > 0 and by_concepts < by_network + math.log(ratio)
    return Balance(
        bias=by_concepts - sum(float(reason["weight"]) for reason in explanation["reasons"]),
        by_concepts=by_concepts, by_network=by_network,
        would_name=other["name"] if other is not None and is_overtaken else None,
    )  # fmt: skip


def named_sentence(class_name: str, told: Sequence[ConceptReason]) -> str | None:
    """The reasons by the names that people gave: "Painted Finch 7 because of its red crest (+3.1) and ..."."""
    explanation = Explanation(
        image_name="", class_index=0, class_name=class_name, probability=1.0,
        reasons=tuple(
            Reason(
                name=own.title, weight=own.weight, number=own.number,
                is_named=own.known.concept.is_named if own.known else not own.title.startswith("x-feature"),
            )
            for own in told
        ),
    )  # fmt: skip
    return explanation.reasons_sentence


def class_sentence(known: KnownClass) -> str | None:
    """The same of a class: what each of its concepts adds on average."""
    told = [
        ConceptReason(
            known=own, title=own.title, weight=own.concept.contribution, length=0.0, number=own.concept.number + 1,
            is_blank=False,
        )
        for own in known.weightiest
    ]  # fmt: skip
    return named_sentence(known.name, told)
