import numpy as np
import pytest

from whynet.base.errors import SettingError
from whynet.base.seeding import numpy_generator
from whynet.data.birds.claims import all_claims
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.birds.interventions import (
    HOSTS,
    PARTS,
    host_of_claim,
    intervene,
    interventions,
    kind_of_word,
    named_part,
    other_parts,
    without_part,
)
from whynet.data.birds.palette import COLOURS


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    found = PaintedBirds("test", num_species=20, per_class=2, image_size=32, cache=tmp_path_factory.mktemp("cache"))
    found.prepare()
    return found


def test_every_claim_of_every_plumage_is_about_a_part_but_the_size(birds):
    claims = {
        claim for species in birds.species for plumage in species.plumages() for claim in all_claims(species, plumage)
    }
    assert {claim[0] for claim in claims if named_part(claim) is None} == {"size"}
    assert {named_part(claim) for claim in claims} - {None} <= {*PARTS, *HOSTS}
    assert named_part(("bill length", "short")) == "bill"
    assert named_part(("wing bar colour", "white")) == named_part(("wing pattern", "barred")) == "wing bars"
    assert named_part(("eye ring", "white")) == "eye ring"
    assert named_part(("eye colour", "red")) == "eye"
    assert named_part(("breast pattern", "spotted")) == "breast pattern"


def test_every_claim_can_be_seen_on_a_part_that_can_be_changed(birds):
    claims = {
        claim for species in birds.species for plumage in species.plumages() for claim in all_claims(species, plumage)
    }
    assert {claim[0] for claim in claims if host_of_claim(claim) is None} == {"size"}
    assert {host_of_claim(claim) for claim in claims} - {None} <= set(PARTS)
    hosts = {
        ("crest", "crested"): "crown", ("eyebrow", "white"): "crown", ("eye ring", "white"): "eye",
        ("wing pattern", "barred"): "wing", ("wing bar colour", "white"): "wing", ("tail tip", "white"): "tail",
        ("breast pattern", "spotted"): "breast", ("bill shape", "flat"): "bill", ("crown colour", "red"): "crown",
    }  # fmt: skip
    assert {claim: host_of_claim(claim) for claim in hosts} == hosts


def test_a_picture_without_a_part_and_without_another(birds):
    tested = 0
    for index in range(0, len(birds), 8):
        seen = other_parts(birds[index], ())
        for part in (seen[0], seen[-1]):
            named, other = without_part(birds, index, part, 4)
            taken = other.name.partition(" without ")[2]
            assert taken in set(seen) - {part}
            assert np.array_equal(named.image, birds.without(index, part).image)
            assert np.array_equal(other.image, birds.without(index, taken).image)
            assert f"{part} colour" not in dict(named.attributes)
            assert f"{part} colour" in dict(other.attributes)
            tested += 1
    assert tested == 10


def test_what_cannot_be_seen_cannot_be_taken_away(birds):
    hidden = [
        (index, part) for index in range(len(birds)) for part in PARTS if part not in other_parts(birds[index], ())
    ]
    assert hidden
    assert all(without_part(birds, index, part, 0) is None for index, part in hidden[:20])
    assert without_part(birds, 0, "context", 0) is None


def test_the_other_part_is_drawn_by_the_seed(birds):
    part = other_parts(birds[1], ())[0]
    drawn = [without_part(birds, 1, part, seed)[1].name for seed in range(8)]
    assert len(set(drawn)) > 1
    assert drawn == [without_part(birds, 1, part, seed)[1].name for seed in range(8)]


def test_where_no_other_part_is_seen_nothing_is_changed(birds, monkeypatch):
    part = other_parts(birds[1], ())[0]
    monkeypatch.setattr(
        "whynet.data.birds.interventions.other_parts", lambda _example, excluded: () if excluded else (part,)
    )
    assert without_part(birds, 1, part, 0) is None


def test_other_parts_are_seen_and_neither_carry_the_named_one_nor_are_carried_by_it(birds):
    for index in range(0, len(birds), 2):
        example = birds[index]
        for mark, hosts in HOSTS.items():
            assert not {mark, *hosts} & set(other_parts(example, [mark]))
        everything = other_parts(example, [])
        for part in everything:
            sides = {"wing": ("left wing", "right wing"), "leg": ("left leg", "right leg"),
                     "eye": ("left eye", "right eye"), "bill": ("beak",)}.get(part, (part,))  # fmt: skip
            numbers = [1 + birds.part_names.index(side) for side in sides]
            assert np.isin(example.part_map, numbers).sum() >= 1
        assert set(other_parts(example, ["crown", "belly"])) == set(everything) - {"crown", "belly"}


@pytest.mark.parametrize(("word", "kind"), [("red", "colour"), ("gray", "colour"), ("forked", "shape"),
    ("streaks", "shape"), ("short", "shape"), ("crown", "part"), ("crest", "part"), ("bars", "part")])  # fmt: skip
def test_kinds_of_words(word, kind):
    assert kind_of_word(word) == kind


def intervention(birds, index, word, claims, seed):
    """What is done for one word alone."""
    (found,) = interventions(birds, index, [(word, frozenset(claims))], seed)
    return found


def changes(birds, index, example):
    """The kinds of claims in which a picture differs from the one it was made from."""
    return {claim[0] for claim in birds[index].attributes ^ example.attributes}


def test_a_colour_is_tested_by_another_colour_of_that_part_alone(birds):
    tested = 0
    for index in range(len(birds)):
        colours = dict(birds[index].attributes)
        if "throat colour" not in colours:
            continue
        claim = ("throat colour", colours["throat colour"])
        change = intervention(birds, index, claim[1], {claim}, 0)
        if birds.individual(index).stance == "water":
            continue  # the reflection changes too
        assert change.kind == "colour"
        assert change.named_parts == ("throat",)
        assert changes(birds, index, change.named) == {"throat colour"}
        assert dict(change.named.attributes)["throat colour"] in set(COLOURS) - {claim[1]}
        (other,) = change.other_parts
        assert f"{other} colour" in changes(birds, index, change.other)
        assert claim in change.other.attributes
        tested += 1
    assert tested > 10


def test_a_noun_of_several_parts_takes_as_many_others_away(birds):
    claims = {("crown colour", "black"), ("forehead colour", "black"), ("nape colour", "black")}
    change = intervention(birds, 3, "head", claims, 0)
    assert change.kind == "part"
    assert change.named_parts == ("crown", "forehead", "nape")
    assert len(set(change.other_parts)) == 3
    assert not set(change.other_parts) & {"crown", "forehead", "nape"}
    assert not changes(birds, 3, change.named) - {"crown colour", "forehead colour", "nape colour", "crest", "eyebrow"}
    for part in change.other_parts:
        assert f"{part} colour" not in dict(change.other.attributes)


def test_a_mark_can_be_recoloured_without_vanishing_and_a_crest_is_removed(birds):
    barred = next(i for i in range(len(birds)) if "wing bar colour" in dict(birds[i].attributes))
    claim = ("wing bar colour", birds.plumage(barred).wing_bars)
    change = intervention(birds, barred, claim[1], {claim}, 0)
    assert change.named_parts == ("wing bars",)
    assert changes(birds, barred, change.named) == {"wing bar colour"}
    assert dict(change.named.attributes)["wing bar colour"] != birds.plumage(barred).wing
    crested = next(i for i in range(len(birds)) if ("crest", "crested") in birds[i].attributes)
    change = intervention(birds, crested, "crested", {("crest", "crested")}, 0)
    assert change.kind == "shape"
    assert changes(birds, crested, change.named) == {"crest"}


def test_a_new_colour_never_hides_what_is_on_the_part(birds):
    rng = numpy_generator(0, "test")
    for index in range(len(birds)):
        plumage = birds.plumage(index)
        if plumage.wing_bars is None:
            continue
        colour = intervene(birds, index, ["wing"], recolour=True, rng=rng).name.split()[-1]
        assert colour not in (plumage.wing, plumage.wing_bars)


def test_the_seed_fixes_everything_and_another_changes_something(birds):
    claim = next(claim for claim in sorted(birds[0].attributes) if claim[0] == "belly colour")
    once, again = (intervention(birds, 0, claim[1], {claim}, 4) for _ in range(2))
    assert once.named.image.tobytes() == again.named.image.tobytes()
    assert once.other.image.tobytes() == again.other.image.tobytes()
    assert len({intervention(birds, 0, claim[1], {claim}, seed).other_parts for seed in range(8)}) > 1


def test_words_that_call_for_the_same_change_share_their_pictures(birds):
    claims = {"bill shape": "flat", "bill length": "short", "bill colour": "grey"}
    words = [
        ("flat", frozenset({("bill shape", "flat")})),
        ("this", frozenset()),
        ("short", frozenset({("bill length", "short")})),
        ("grey", frozenset({("bill colour", "grey")})),
        ("bill", frozenset(claims.items())),
    ]
    flat, this, short, grey, bill = interventions(birds, 0, words, 0)
    assert this is None
    assert flat.named is short.named is bill.named is not grey.named
    assert flat.other is short.other is bill.other is not grey.other
    assert [flat.kind, short.kind, grey.kind, bill.kind] == ["shape", "shape", "colour", "part"]


def test_what_names_no_part_or_too_many_is_left_alone(birds):
    assert intervention(birds, 0, "small", {("size", "small")}, 0) is None
    assert intervention(birds, 0, "bird", {("size", "small"), ("crest", "crested")}, 0) is None
    assert intervention(birds, 0, "red", set(), 0) is None
    everything = {(f"{part} colour", "red") for part in PARTS}
    assert intervention(birds, 0, "red", everything, 0) is None


def test_a_crest_has_no_colour_of_its_own(birds):
    with pytest.raises(SettingError, match="'crest' is not a part that can be recoloured"):
        intervene(birds, 0, ["crest"], recolour=True, rng=numpy_generator(0, "test"))
