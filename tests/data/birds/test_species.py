import pytest

from whynet.base.errors import SettingError
from whynet.data.birds.claims import all_claims, discriminative_claims, species_claims
from whynet.data.birds.families import FAMILIES
from whynet.data.birds.palette import COLOURS
from whynet.data.birds.species import SISTERS, make_species


@pytest.mark.parametrize("num_species", [2, 3, 20, 48, 199, 200])
def test_species_are_distinct_and_the_same_every_time(num_species):
    species = make_species(num_species)
    assert len({one.name for one in species}) == len(species) == num_species
    descriptions = {tuple(all_claims(one, plumage) for plumage in one.plumages()) for one in species}
    assert len(descriptions) == num_species
    assert [(one.name, one.plumages()) for one in make_species(num_species)] == [
        (o.name, o.plumages()) for o in species
    ]


def test_sisters_differ_in_three_slots_and_share_their_build():
    species = make_species(20)
    for first in species:
        sisters = [other for other in species if other.family is first.family]
        assert len(sisters) == SISTERS
        for other in sisters:
            if other is not first:
                assert first.male_summer.differing_slots(other.male_summer) >= 2
            assert (other.bill_shape, other.bill_length) in first.family.bills


def test_every_species_changes_with_sex_season_and_morph():
    for species in make_species(200):
        male = all_claims(species, species.plumage("male", "summer", "common"))
        for variant in (("female", "summer", "common"), ("male", "winter", "common"), ("male", "summer", "rare")):
            assert len(male - all_claims(species, species.plumage(*variant))) >= 2


def test_no_mark_hides_in_the_colour_of_what_it_is_on():
    for species in make_species(200):
        for plumage in species.plumages():
            assert plumage.eyebrow is None or plumage.eyebrow != plumage.crown
            assert plumage.wing_bars is None or plumage.wing_bars != plumage.wing
            assert plumage.tail_tip is None or plumage.tail_tip != plumage.tail


def test_all_colours_can_be_painted():
    for family in FAMILIES:
        named = {
            *family.upper,
            *family.under,
            *family.accent,
            *family.bill_colours,
            *family.leg_colours,
            *family.eye_colours,
        }
        assert named <= set(COLOURS)


def test_discriminative_claims_are_those_that_at_most_a_quarter_of_the_species_can_show():
    claims = [species_claims(species) for species in make_species(20)]
    for own, chosen in zip(claims, discriminative_claims(claims), strict=True):
        for claim in own:
            count = 0
            for other in claims:
                if claim in other:
                    count += 1
            assert (claim in chosen) == (count <= 5)


@pytest.mark.parametrize("num_species", [-1, 0, 1, 201])
def test_number_of_species_out_of_range(num_species):
    with pytest.raises(SettingError, match=f"num_species must be 2 to 200, got {num_species}"):
        make_species(num_species)
