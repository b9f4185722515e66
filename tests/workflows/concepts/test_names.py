"""Suggested names: the precision against a count by hand, and what is called how."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from whynet.data.birds.claims import all_claims
from whynet.data.birds.interventions import host_of_claim
from whynet.data.birds.species import make_species
from whynet.workflows.concepts.names import (
    CONTEXT,
    MIN_PRECISION,
    MIN_STRONG,
    Suggestion,
    strongest_rows,
    suggested_name,
)

ON_WINGS, ON_BILL, ON_CONTEXT, EMPTY = "wing", "bill", CONTEXT, None
"""The part that a picture's map shows."""
RED = frozenset({("wing colour", "red"), ("bill shape", "flat")})
BLUE = frozenset({("wing colour", "blue"), ("bill shape", "flat")})


def named(mains, claims, part_of_claim=host_of_claim):
    return suggested_name(mains, claims, part_of_claim)


def test_the_precision_is_the_share_of_pictures_with_the_part_and_the_attribute():
    found = named([ON_WINGS] * 4 + [ON_BILL], [RED, RED, RED, BLUE, RED])
    assert found == Suggestion(name="red wing", part="wing", precision=3 / 5, num_pictures=5)
    assert found.to_json() == {"name": "red wing", "part": "wing", "precision": 3 / 5, "num_pictures": 5}


def test_an_attribute_of_fewer_than_half_the_pictures_names_nothing():
    plain = Suggestion(name="wing", part="wing", precision=3 / 5, num_pictures=5)
    assert named([ON_WINGS] * 3 + [ON_BILL, ON_CONTEXT], [RED, RED, BLUE, RED, RED]) == plain
    assert named([ON_WINGS] * 2 + [ON_BILL, ON_CONTEXT], [RED] * 4).name == "red wing", "half of them is enough"
    assert MIN_PRECISION == 0.5


def test_a_part_that_maps_share_in_fewer_than_half_the_pictures_names_nothing():
    assert named([ON_WINGS, ON_WINGS, ON_BILL, ON_CONTEXT, EMPTY], [RED] * 5) is None
    assert named([ON_WINGS, ON_WINGS, ON_BILL, ON_CONTEXT], [BLUE, RED] * 2).name == "wing"


def test_without_claims_the_part_alone_is_the_name():
    plain = Suggestion(name="wing", part="wing", precision=2 / 3, num_pictures=3)
    mains = [ON_WINGS, ON_WINGS, ON_BILL]
    assert named(mains, [None] * 3) == plain
    assert named(mains, [frozenset()] * 3) == plain
    assert named(mains, [RED] * 3, part_of_claim=None) == plain
    assert named(mains, [frozenset({("bill shape", "flat"), ("size", "small")})] * 3) == plain
    assert named(mains, [RED, None, RED]).name == "wing", "one picture of three says red"


def test_a_map_beside_the_bird_is_on_the_context():
    found = named([ON_CONTEXT, ON_CONTEXT, ON_BILL], [RED] * 3)
    assert found == Suggestion(name=CONTEXT, part=CONTEXT, precision=2 / 3, num_pictures=3)


def test_empty_maps_are_pictures_in_which_the_name_is_not_right():
    assert named([EMPTY] * 3, [RED] * 3) is None
    found = named([EMPTY, ON_WINGS, EMPTY, ON_WINGS], [RED] * 4)
    assert found == Suggestion(name="red wing", part="wing", precision=2 / 4, num_pictures=4)


def test_of_parts_with_as_many_pictures_the_strongest_pictures_wins():
    assert named([ON_BILL, ON_WINGS, ON_WINGS, ON_BILL], [None] * 4).part == "bill"
    assert named([ON_WINGS, ON_BILL, ON_BILL, ON_WINGS], [None] * 4).part == "wing"


def test_of_attributes_with_as_many_pictures_always_the_same_wins():
    several = frozenset({("wing colour", "red"), ("wing pattern", "barred"), ("wing bar colour", "white")})
    assert named([ON_WINGS] * 3, [several] * 3).name == "barred wing"
    assert named([ON_WINGS] * 3, [several, several, RED]).name == "red wing", "the one that holds in most"


@pytest.mark.parametrize(
    ("claim", "part", "name"),
    [
        (("crest", "crested"), "crown", "crested crown"),
        (("eyebrow", "white"), "crown", "white eyebrow"),
        (("eye ring", "white"), "eye", "white eye ring"),
        (("wing bar colour", "white"), "wing", "white wing bar"),
        (("wing pattern", "barred"), "wing", "barred wing"),
        (("wing colour", "red"), "wing", "red wing"),
        (("tail tip", "white"), "tail", "white tail tip"),
        (("tail shape", "forked"), "tail", "forked tail"),
        (("breast pattern", "spotted"), "breast", "spotted breast"),
        (("bill length", "short"), "bill", "short bill"),
        (("leg length", "long"), "leg", "long leg"),
    ],
)
def test_attributes_and_marks_are_called_as_people_call_them(claim, part, name):
    assert host_of_claim(claim) == part
    found = suggested_name([part] * 4, [frozenset({claim})] * 4, host_of_claim)
    assert found == Suggestion(name=name, part=part, precision=1.0, num_pictures=4)


def test_every_attribute_of_the_painted_birds_has_a_name_in_plain_words():
    species = make_species(20)
    claims = {claim for own in species for plumage in own.plumages() for claim in all_claims(own, plumage)}
    for claim in claims:
        part = host_of_claim(claim)
        if part is None:
            assert claim[0] == "size"
            continue
        name = suggested_name([part], [frozenset({claim})], host_of_claim).name
        assert name.startswith(f"{claim[1]} ")
        assert not {"colour", "pattern", "shape", "length"} & set(name.split())


def slow_name(mains, claims):
    """The count by hand, picture by picture: its part, precision, and the most frequent attributes of that part."""
    parts = {row: part for row, part in enumerate(mains) if part is not None}
    first_met = list(dict.fromkeys(parts.values()))
    if not parts:
        return None
    best = max(first_met, key=lambda part: sum(own == part for own in parts.values()))
    rows = [row for row, part in parts.items() if part == best]
    counts = {}
    for row in rows:
        for kind, value in claims[row]:
            if kind.split()[0] == best:
                counts[kind, value] = counts.get((kind, value), 0) + 1
    most = max(counts.values(), default=0)
    return best, len(rows) / len(mains), most / len(mains), {claim for claim, n in counts.items() if n == most}


CLAIM = st.tuples(st.sampled_from(["wing colour", "bill colour", "size"]), st.sampled_from(["red", "blue"]))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["wing", "bill", CONTEXT, None]), st.frozensets(CLAIM)),
        min_size=1,
        max_size=9,
    )
)
def test_names_are_those_of_a_count_picture_by_picture(pictures):
    mains, claims = [own for own, _ in pictures], [own for _, own in pictures]
    found, slow = named(mains, claims), slow_name(mains, claims)
    if slow is None:
        assert found is None
        return
    part, of_part, of_both, attributes = slow
    if of_part < 0.5:
        assert found is None
        return
    assert (found.part, found.num_pictures) == (part, len(pictures))
    if of_both >= 0.5:
        assert found.precision == of_both
        assert found.name in {f"{value} {part}" for _, value in attributes}
    else:
        assert (found.name, found.precision) == (part, of_part)


def test_strong_pictures_are_the_first_quarter_and_four_at_least():
    contributions = torch.tensor([0.5, 2.0, -1.0, 2.0, 0.0, 1.0, 3.0])
    assert strongest_rows(contributions) == [6, 1, 3, 5]
    assert strongest_rows(contributions[:3]) == [1, 0, 2]
    assert strongest_rows(torch.arange(40.0)) == [39 - place for place in range(10)]
    assert len(strongest_rows(torch.zeros(16))) == MIN_STRONG == 4
