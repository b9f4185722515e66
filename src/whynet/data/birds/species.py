"""Species of painted birds: sisters that are hard to tell apart, in plumages of either sex, each season and two morphs.

A family fixes the build (bill, tail, legs, size) and the colours its species choose from. Every species of a family
starts from one family plumage and changes a few of its slots, so that sisters are hard to tell apart. A species in
turn has eight plumages, (male, female) x (summer, winter) x (common, rare morph): the class alone does not determine
what can be seen.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, TypeAlias

from whynet.base.errors import SettingError
from whynet.data.birds.families import FAMILIES, Family

MIN_SPECIES, MAX_SPECIES = 2, 200
SEXES, SEASONS, MORPHS = ("male", "female"), ("summer", "winter"), ("common", "rare")
SISTERS = 5
"""Species a family where few species are asked for; more families are used before a family grows beyond this."""


@dataclass(frozen=True, kw_only=True)
class Plumage:
    """The colours and marks of one bird; None is a mark that is not there."""

    crown: str
    forehead: str
    nape: str
    throat: str
    breast: str
    belly: str
    back: str
    wing: str
    tail: str
    bill: str
    leg: str
    eye: str = "black"
    eyebrow: str | None = None
    eye_ring: str | None = None
    wing_bars: str | None = None
    tail_tip: str | None = None
    breast_pattern: str = "plain"
    crested: bool = False

    def differing_slots(self, other: "Plumage") -> int:
        """In how many slots two plumages differ."""
        return sum(getattr(self, slot.name) != getattr(other, slot.name) for slot in fields(self))


_DULL = ("brown", "grey", "tan", "green")
_SHOWY = ("crown", "forehead", "nape", "throat", "breast")


Changes: TypeAlias = tuple[tuple[str, Any], ...]
"""Slots of a plumage and their new values."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Species:
    """One species: its shape, its plumage, and what changes with sex, season and morph.

    Args:
        name: As in "Painted Finch 7".
        family: What it shares with its sisters.
        bill_shape, bill_length, tail_shape, tail_length: Its choices among the family's.
        male_summer: The plumage of a male in summer, common morph.
        female, winter, rare: Slots of `Plumage` that sex, season and morph change, applied in this order.
    """

    name: str
    family: Family
    bill_shape: str
    bill_length: str
    tail_shape: str
    tail_length: str
    male_summer: Plumage
    female: Changes = ()
    winter: Changes = ()
    rare: Changes = ()

    def plumage(self, sex: str, season: str, morph: str) -> Plumage:
        """How a bird of this sex, season and morph looks."""
        changes: dict[str, Any] = {}
        for applies, change in (
            (sex == "female", self.female),
            (season == "winter", self.winter),
            (morph == "rare", self.rare),
        ):
            if applies:
                changes |= dict(change)
        return replace(self.male_summer, **changes)

    def plumages(self) -> tuple[Plumage, ...]:
        """All eight plumages, the male's in summer first."""
        return tuple(self.plumage(*variant) for variant in product(SEXES, SEASONS, MORPHS))


def make_species(num_species: int) -> tuple[Species, ...]:
    """The species of a world of `num_species`; always the same ones for the same number.

    Args:
        num_species: 2 to 200.

    Returns:
        The species, family by family; sisters differ in at least two slots of the summer male's plumage.

    Raises:
        SettingError: `num_species` is not in 2 to 200.
    """
    if not MIN_SPECIES <= num_species <= MAX_SPECIES:
        raise SettingError(
            f"num_species must be {MIN_SPECIES} to {MAX_SPECIES}, got {num_species}; choose a number in that range"
        )
    rng = random.Random(f"painted birds {num_species}")  # noqa: S311 - species are drawn, nothing is secret
    num_families = min(len(FAMILIES), -(-num_species // SISTERS))
    species: list[Species] = []
    for place in range(num_families):
        first, last = place * num_species // num_families, (place + 1) * num_species // num_families
        species += _sisters(FAMILIES[place], last - first, rng)
    return tuple(species)


def _sisters(family: Family, count: int, rng: random.Random) -> list[Species]:
    base, fashion = _family_plumage(family, rng), _fashion(rng)
    sisters: list[Species] = []
    while len(sisters) < count:
        plumage = _mutated(base, family, rng)
        if any(plumage.differing_slots(sister.male_summer) < 2 for sister in sisters):
            continue
        (bill_shape, bill_length), (tail_shape, tail_length) = rng.choice(family.bills), rng.choice(family.tails)
        sisters.append(
            Species(
                name=f"Painted {family.noun.capitalize()} {len(sisters) + 1}",
                family=family,
                bill_shape=bill_shape,
                bill_length=bill_length,
                tail_shape=tail_shape,
                tail_length=tail_length,
                male_summer=plumage,
                female=tuple(_female_changes(plumage, fashion, rng).items()),
                winter=tuple(_winter_changes(plumage, fashion, rng).items()),
                rare=tuple(_morph_changes(plumage, family, rng).items()),
            )
        )
    return sisters


def _family_plumage(family: Family, rng: random.Random) -> Plumage:
    upper, under, accent = rng.choice(family.upper), rng.choice(family.under), rng.choice(family.accent)
    return Plumage(
        crown=accent, forehead=accent, nape=rng.choice((accent, upper)), throat=rng.choice((accent, under)),
        breast=under, belly=under,
        back=upper, wing=upper, tail=upper, bill=family.bill_colours[0], leg=family.leg_colours[0],
    )  # fmt: skip


def _mutated(base: Plumage, family: Family, rng: random.Random) -> Plumage:
    """A species' own plumage: the family's with its marks drawn afresh and one colour slot changed."""
    changes: dict[str, Any] = {
        "eyebrow": rng.choice(("white", "yellow", "tan")) if rng.random() < family.brow else None,
        "eye_ring": rng.choice(("white", "yellow")) if rng.random() < family.ring else None,
        "wing_bars": rng.choice(("white", "white", "yellow", "tan")) if rng.random() < family.bars else None,
        "tail_tip": rng.choice(("white", "white", "yellow")) if rng.random() < family.tip else None,
        "breast_pattern": rng.choice(("streaked", "spotted")) if rng.random() < family.marked else "plain",
        "crested": rng.random() < family.crest,
        "eye": rng.choice(family.eye_colours),
    }
    choices: dict[str, Sequence[str]] = {
        "crown": family.accent, "throat": (*family.accent, *family.under), "breast": (*family.accent, *family.under),
        "belly": family.under, "back": family.upper, "wing": family.upper, "tail": family.upper,
        "bill": family.bill_colours,
        "leg": family.leg_colours, "nape": (*family.accent, *family.upper), "forehead": family.accent,
    }  # fmt: skip
    slot = rng.choice(list(choices))
    changes[slot] = rng.choice(
        [colour for colour in choices[slot] if colour != getattr(base, slot)] or [getattr(base, slot)]
    )
    if "crown" in changes and rng.random() < 0.6:  # a cap often covers the whole head
        changes["forehead"] = changes["nape"] = changes["crown"]
    plumage = replace(base, **changes)
    # A mark in the colour of what it is on could not be seen.
    hidden = {
        "eyebrow": plumage.eyebrow == plumage.crown,
        "wing_bars": plumage.wing_bars == plumage.wing,
        "tail_tip": plumage.tail_tip == plumage.tail,
        "eye_ring": plumage.eye_ring == plumage.crown,
    }
    lost: dict[str, Any] = {slot: None for slot, same in hidden.items() if same}
    return replace(plumage, **lost)


def _other(colours: Sequence[str], present: str, rng: random.Random) -> str:
    return rng.choice([colour for colour in colours if colour != present])


@dataclass(frozen=True, kw_only=True)
class _Fashion:
    """What the females, and the winters, of a family have in common."""

    dull: str
    female_slots: tuple[str, ...]
    pale: str
    winter_slots: tuple[str, ...]


def _fashion(rng: random.Random) -> _Fashion:
    return _Fashion(
        dull=rng.choice(_DULL),
        female_slots=tuple(rng.sample(_SHOWY, rng.choice((2, 3)))),
        pale=rng.choice(("white", "grey", "brown")),
        winter_slots=tuple(rng.sample(("throat", "breast", "forehead", "nape", "back"), 2)),
    )


def _female_changes(male: Plumage, fashion: _Fashion, rng: random.Random) -> dict[str, Any]:
    """A female is duller where a male is showy."""
    changes: dict[str, Any] = {
        slot: fashion.dull
        if getattr(male, slot) != fashion.dull
        else _other(("white", "tan", "brown"), fashion.dull, rng)
        for slot in fashion.female_slots
    }
    if changes.get("crown", "") in (male.eyebrow, male.eye_ring):
        changes |= {"eyebrow": None, "eye_ring": None}
    if rng.random() < 0.35:
        changes["breast_pattern"] = "streaked" if male.breast_pattern == "plain" else "plain"
    return changes


def _winter_changes(male: Plumage, fashion: _Fashion, rng: random.Random) -> dict[str, Any]:
    """In winter the bib or the breast pales, and a bright bill fades."""
    changes: dict[str, Any] = {
        slot: fashion.pale
        if getattr(male, slot) != fashion.pale
        else _other(("white", "grey", "brown"), fashion.pale, rng)
        for slot in fashion.winter_slots
    }
    if rng.random() < 0.5:
        changes["bill"] = _other(("grey", "black"), male.bill, rng)
    return changes


def _morph_changes(male: Plumage, family: Family, rng: random.Random) -> dict[str, Any]:
    """The rare morph has another belly and another wing or tail."""
    changes: dict[str, Any] = {"belly": _other(("white", "grey", *family.under), male.belly, rng)}
    slot = rng.choice(("wing", "tail"))
    mark = male.wing_bars if slot == "wing" else male.tail_tip
    changes[slot] = _other(
        [colour for colour in ("black", "brown", "grey") if colour != mark], getattr(male, slot), rng
    )
    return changes
