"""The study's figures, beside slow replicas of their definitions."""

import itertools
import math
from datetime import UTC, datetime

import numpy as np
import pytest

from whynet.base.errors import AbsentError, SettingError
from whynet.store.records import Answer, Tally
from whynet.workflows.concepts.saved import Concept, DescribedConcepts
from whynet.workflows.workbench.concept_book import KnownClass, KnownConcept
from whynet.workflows.workbench.concept_id import ConceptId
from whynet.workflows.workbench.study import Item, Study, agreement, part_title, results_of

PARTS = ("head", "wing", "tail", "context")
DIGEST = "0123abcd"


def _known(index, count=3):
    concepts = tuple(Concept(number=number, weight=1.0, contribution=1.0) for number in range(count))
    described = DescribedConcepts(
        class_index=index, class_name=f"bird {index}", layer="hidden.0", map_layer="blocks.1", data="pictures",
        concepts=concepts, figures={}, settings={},
    )  # fmt: skip
    known = tuple(
        KnownConcept(
            id=ConceptId(class_index=index, number=one.number, digest=DIGEST), class_name=f"bird {index}", concept=one,
            naming=None, tally=Tally(concept="", num_trusted=0, num_distrusted=0, own=None),
        )
        for one in concepts
    )  # fmt: skip
    return KnownClass(described=described, concepts=known, digest=DIGEST)


@pytest.fixture
def study():
    items = [
        Item(concept=f"{index}-{number}-{DIGEST}", picture=picture)
        for index, number, picture in itertools.product(range(2), range(1, 4), range(2))
    ]
    return Study(name="parts-1", items=items, parts=PARTS)


def _answer(person, item, *parts):
    return Answer(id="0" * 32, study="parts-1", person=person, item=str(item), parts=parts, time=datetime.now(UTC))


def test_each_person_has_an_order_of_their_own_that_stays(study):
    assert study.order("Ada") == study.order("Ada")
    assert study.order("Ada") != study.order("Bo")
    assert sorted(study.order("Ada")) == sorted(study.items)


def test_only_maps_and_parts_of_the_study_count(study):
    assert study.item(str(study.items[3])) == study.items[3]
    assert study.ticked(["tail", "head", "tail"]) == ("head", "tail")
    assert study.ticked([]) == ()
    with pytest.raises(AbsentError, match="not in the study any more"):
        study.item("5-1-00000000.3")
    with pytest.raises(SettingError, match="parts out of head, wing, tail, context were expected, not 'antlers'"):
        study.ticked(["head", "antlers"])


def test_ticks_are_counted_and_their_figures_follow(study):
    ticks = {0: ["head"], 1: ["head", "wing"], 2: ["wing"], 3: ["wing"], 4: ["tail", "context"], 5: ["tail"]}
    answers = [
        _answer(person, study.items[place], *parts) for person in ("Ada", "Bo") for place, parts in ticks.items()
    ]
    answers.append(_answer("Ada", "9-1-00000000.1", "head"))  # of a module that is no more
    found = results_of(study, answers, [_known(0), _known(1)])
    (own,) = found.classes
    np.testing.assert_array_equal(own.counts, [[4, 2, 0, 0], [0, 4, 0, 0], [0, 0, 4, 2]])
    assert (own.answers, own.nothing) == ((4, 4, 4), (0, 0, 0))
    assert (found.num_answers, found.people) == (12, {"Ada": 6, "Bo": 6})

    entropies = []
    for row in own.counts:
        shares = [count / sum(row) for count in row if count]
        entropies.append(-sum(share * math.log(share) for share in shares))
    assert own.locality == pytest.approx(sum(entropies) / 3)
    correlations = np.corrcoef(own.counts)
    assert own.o1 == pytest.approx(np.linalg.norm(correlations) - math.sqrt(3), abs=1e-5)
    assert own.o2 == pytest.approx(-math.log(np.linalg.det(correlations)), abs=1e-3)


def _slow_alpha(rows):
    """Krippendorff's alpha for nominal data from its coincidences, as in his "Computing Krippendorff's
    Alpha-Reliability" (2011): 1 - (n - 1) sum o_ck / sum n_c n_k, over c != k."""
    coincidences = {}
    for unit in zip(*rows, strict=True):
        values = [value for value in unit if value is not None]
        if len(values) > 1:
            for one, other in itertools.permutations(values, 2):
                coincidences[one, other] = coincidences.get((one, other), 0) + 1 / (len(values) - 1)
    totals = {}
    for (one, _), count in coincidences.items():
        totals[one] = totals.get(one, 0) + count
    n = sum(totals.values())
    observed = sum(count for (one, other), count in coincidences.items() if one != other)
    expected = sum(totals[one] * totals[other] for one, other in itertools.permutations(totals, 2)) / (n - 1)
    return 1 - observed / expected


def test_agreement_is_krippendorffs_alpha(study):
    generator = np.random.default_rng(0)
    given = {
        person: {place: [part for part in PARTS if generator.random() < 0.4] for place in places}
        for person, places in (("Ada", range(9)), ("Bo", range(3, 12)), ("Cy", (0, 5, 11)))
    }
    answers = [
        _answer(person, study.items[place], *parts) for person, own in given.items() for place, parts in own.items()
    ]
    rows = [
        [(part in own[place]) if place in own else None for place in range(12) for part in PARTS]
        for own in given.values()
    ]
    assert agreement(study, answers) == pytest.approx(_slow_alpha(rows))


def test_not_asked_differs_from_nothing_seen(study):
    found = results_of(study, [_answer("Ada", study.items[0]), _answer("Bo", study.items[0])], [_known(0), _known(1)])
    (own,) = found.classes
    assert (own.answers, own.nothing) == ((2, 0, 0), (2, 0, 0))
    assert not own.counts.any()
    assert (own.o1, own.o2, own.locality) == (None, None, None)


def test_the_context_has_one_word_everywhere():
    assert [part_title(part) for part in PARTS] == ["head", "wing", "tail", "beside these parts"]


def test_agreement_needs_two_people_on_one_map_and_a_difference(study):
    ada = [_answer("Ada", study.items[0], "head")]
    assert agreement(study, []) is None
    assert agreement(study, ada) is None
    assert agreement(study, [*ada, _answer("Bo", study.items[1], "head")]) is None
    assert agreement(study, [_answer("Ada", study.items[0]), _answer("Bo", study.items[0])]) is None
    assert agreement(study, [*ada, _answer("Bo", study.items[0], "head")]) == pytest.approx(1)
