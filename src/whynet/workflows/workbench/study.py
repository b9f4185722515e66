"""The human study: people tick the parts that each map shows, not knowing which concept it is of.

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", submitted to ICLR 2018, arXiv:1709.05360, section
4.4. The ticks give a matrix of x-features and parts, of which orthogonality and locality are computed again:

    M[n, p] = how often part p was ticked on the maps of x-feature n, over pictures and people

Each person sees the maps in an order of their own, drawn from their name, so that a study that was broken off goes on
with the same order. How far people agree is Krippendorff's alpha over all pairs of a map and a part, ticked or not.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import krippendorff
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import AbsentError, SettingError
from whynet.base.seeding import numpy_generator
from whynet.data.example import digest_of
from whynet.metrics.orthogonality import Orthogonality
from whynet.store.records import Answer
from whynet.workflows.concepts.names import CONTEXT
from whynet.workflows.workbench.concept_book import KnownClass
from whynet.workflows.workbench.desk import Desk

PICTURES = 4
"""Test pictures of each class whose maps are shown; the first ones, whatever the network makes of them."""


def part_title(part: str) -> str:
    """What people read for a part, where they tick it and where they see the results.

    Not "beside the object": where only heads and legs are annotated, most of the object is beside them.
    """
    return "beside these parts" if part == CONTEXT else part


@dataclass(frozen=True, kw_only=True, order=True)
class Item:
    """One map that people look at.

    Args:
        concept: The id of its x-feature, which they are not told.
        picture: The number of the test picture.
    """

    concept: str
    picture: int

    def __str__(self) -> str:
        return f"{self.concept}.{self.picture}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """A study of all concepts of a run.

    Args:
        name: What its answers are kept under; it changes where the concepts, the parts or the pictures do.
        items: All maps.
        parts: What can be ticked, the context last.
    """

    name: str
    items: Sequence[Item]
    parts: Sequence[str]

    def order(self, person: str) -> list[Item]:
        """All maps in the order in which a person sees them."""
        shuffled = numpy_generator(0, f"{self.name} {person}").permutation(len(self.items))
        return [self.items[place] for place in shuffled]

    def ticket(self, person: str, item: Item) -> str:
        """What a person's form carries, so that an answer counts for the map that was seen; it tells nothing else."""
        return digest_of(self.name, person, str(item))[:16]

    def item(self, text: str) -> Item:
        """The item that is written so; raises `AbsentError` if it is none of the study."""
        found = next((item for item in self.items if str(item) == text), None)
        if found is None:
            raise AbsentError("this map is not in the study any more; go on with the next one")
        return found

    def ticked(self, parts: Sequence[str]) -> tuple[str, ...]:
        """Ticked parts in the study's order; raises `SettingError` if one is unknown."""
        if unknown := sorted(set(parts) - set(self.parts)):
            raise SettingError(f"parts out of {', '.join(self.parts)} were expected, not {unknown[0][:40]!r}")
        return tuple(part for part in self.parts if part in parts)


def study_of(desk: Desk) -> Study:
    """The study of a run.

    Raises:
        AbsentError: The run has no concepts, or the data know no parts to tick.
    """
    classes = desk.book.classes()
    splits = desk.splits()
    if not classes:
        raise AbsentError(
            f"{desk.title} has no concepts whose maps people could look at; find them with "
            f"`whynet concepts --subject {desk.run.folder}`"
        )
    parts = [*splits.test.part_names, CONTEXT]
    if parts == [CONTEXT]:
        raise AbsentError("the data of this run know no parts that people could tick")
    labels = list(splits.test.labels)
    items = [
        Item(concept=str(known.id), picture=picture)
        for own in classes
        for known in own.concepts
        for picture in [row for row, label in enumerate(labels) if label == own.index][:PICTURES]
    ]
    name = digest_of([f"{own.index}-{own.digest}" for own in classes], parts, desk.data_fingerprint)
    return Study(name=f"parts-{name[:8]}", items=items, parts=parts)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassResults:
    """What people ticked for one class, beside the automatic figures.

    Args:
        known: The class.
        counts: M.
        answers: How many answers each x-feature has, over pictures and people; 0 where nobody was asked yet.
        nothing: How many of them ticked no part.
        o1: Of the rows of M, as of maps; None where fewer than two have ticks.
        o2: Likewise.
        locality: Mean entropy of the rows of M, in nats; None without ticks.
    """

    known: KnownClass
    counts: Float[np.ndarray, "features parts"]
    answers: tuple[int, ...]
    nothing: tuple[int, ...]
    o1: float | None
    o2: float | None
    locality: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What a study has found so far.

    Args:
        classes: Those with answers.
        people: How many maps each person has answered.
        num_answers: Over all.
        alpha: Krippendorff's, at most 1; None while no map was seen by two people, or all answers are alike.
    """

    classes: Sequence[ClassResults]
    people: Mapping[str, int]
    num_answers: int
    alpha: float | None


def results_now(desk: Desk, study: Study) -> Results:
    """What the study of a run has found so far."""
    return results_of(study, desk.store.answers.current(study.name), desk.book.classes())


def results_of(study: Study, answers: Sequence[Answer], classes: Sequence[KnownClass]) -> Results:
    """The matrix of each class, its figures, and how far people agree."""
    valid = {str(item): item for item in study.items}
    answers = [answer for answer in answers if answer.item in valid]
    found = []
    for own in classes:
        counts = np.zeros((len(own.concepts), len(study.parts)))
        row_of = {str(known.id): row for row, known in enumerate(own.concepts)}
        given, nothing = [0] * len(own.concepts), [0] * len(own.concepts)
        for answer in answers:
            row = row_of.get(valid[answer.item].concept)
            if row is not None:
                given[row] += 1
                nothing[row] += not answer.parts
                for part in answer.parts:
                    counts[row, study.parts.index(part)] += 1
        if any(given):
            found.append(_class_results(own, counts, tuple(given), tuple(nothing)))
    people: dict[str, int] = {}
    for answer in answers:
        people[answer.person] = people.get(answer.person, 0) + 1
    return Results(classes=found, people=people, num_answers=len(answers), alpha=agreement(study, answers))


def _class_results(
    known: KnownClass, counts: Float[np.ndarray, "features parts"], answers: tuple[int, ...], nothing: tuple[int, ...]
) -> ClassResults:
    ticked = torch.from_numpy(counts[counts.any(1)])
    shares: Tensor = ticked / ticked.sum(1, keepdim=True)
    locality = float(torch.special.entr(shares).sum(1).mean()) if len(ticked) else None
    o1 = o2 = None
    if len(ticked) > 1:
        metric = Orthogonality(len(ticked))
        metric.update(ticked.float()[None, :, None])
        figures = metric.compute()
        o1, o2 = _finite(figures.o1), _finite(figures.o2)
    return ClassResults(known=known, counts=counts, answers=answers, nothing=nothing, o1=o1, o2=o2, locality=locality)


def agreement(study: Study, answers: Sequence[Answer]) -> float | None:
    """Krippendorff's alpha, nominal, of the ticks of all people on all maps."""
    people = sorted({answer.person for answer in answers})
    if len(people) < 2:
        return None
    column_of = {item: place for place, item in enumerate(sorted({answer.item for answer in answers}))}
    data = np.full((len(people), len(column_of), len(study.parts)), math.nan)
    for answer in answers:
        data[people.index(answer.person), column_of[answer.item]] = [part in answer.parts for part in study.parts]
    flat = data.reshape(len(people), -1)
    shared = (~np.isnan(flat)).sum(0) > 1
    if not shared.any() or len(np.unique(flat[:, shared][~np.isnan(flat[:, shared])])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=flat[:, shared], level_of_measurement="nominal"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
