"""Claims: what is true of a plumage, of a species, and of what can be seen in one picture.

A claim about a part can be seen where at least `PLUMAGE_SHARE` of the picture's pixels show the part (`BARE_SHARE`
for bill, legs, eyes and marks), and a claim about a shape, a length or a pattern where in addition nothing hides more
than a third of the part. Absent marks make no claims: a bird without a crest has no claim on its crest.
"""

from collections.abc import Sequence

from whynet.data.birds.painter import Painting
from whynet.data.birds.species import Plumage, Species
from whynet.data.example import Claim

PLUMAGE_SHARE = 1 / 800
"""Least share of the picture for a patch of plumage: 5 pixels of 64 x 64."""
BARE_SHARE = 1 / 2000
"""Least share of the picture for bill, legs, eyes and marks: 2 pixels of 64 x 64."""
UNHIDDEN = 2 / 3
"""Least share of a part that is not hidden behind something, for its shape, length or pattern to be told."""
DISCRIMINATIVE_SHARE = 1 / 4
"""A claim that at most this share of all species can show tells species apart."""

PLUMAGE_PARTS = ("crown", "forehead", "nape", "throat", "breast", "belly", "back", "tail")
_PAIRED = {"wing": ("left wing", "right wing"), "leg": ("left leg", "right leg"), "eye": ("left eye", "right eye")}


def all_claims(species: Species, plumage: Plumage) -> frozenset[Claim]:
    """Every claim that holds for a plumage of a species, seen from all around."""
    claims = {(f"{part} colour", getattr(plumage, part)) for part in (*PLUMAGE_PARTS, *_PAIRED, "bill")}
    claims |= {
        ("bill shape", species.bill_shape),
        ("bill length", species.bill_length),
        ("tail shape", species.tail_shape),
        ("tail length", species.tail_length),
        ("leg length", species.family.legs),
        ("size", species.family.size),
    }
    if plumage.crested:
        claims.add(("crest", "crested"))
    if plumage.breast_pattern != "plain":
        claims.add(("breast pattern", plumage.breast_pattern))
    if plumage.eyebrow not in (None, plumage.crown):
        claims.add(("eyebrow", str(plumage.eyebrow)))
    if plumage.eye_ring is not None:
        claims.add(("eye ring", plumage.eye_ring))
    if plumage.wing_bars not in (None, plumage.wing):
        claims |= {("wing pattern", "barred"), ("wing bar colour", str(plumage.wing_bars))}
    if plumage.tail_tip not in (None, plumage.tail):
        claims.add(("tail tip", str(plumage.tail_tip)))
    return frozenset(claims)


def species_claims(species: Species) -> frozenset[Claim]:
    """Every claim that holds for at least one plumage of a species."""
    return frozenset().union(*(all_claims(species, plumage) for plumage in species.plumages()))


def discriminative_claims(claims_by_species: Sequence[frozenset[Claim]]) -> tuple[frozenset[Claim], ...]:
    """Of each species' claims, those that at most a quarter of all species (at least one) can show in any plumage.

    Args:
        claims_by_species: `species_claims` of every species.
    """
    limit = max(1, int(DISCRIMINATIVE_SHARE * len(claims_by_species)))
    shown_by: dict[Claim, int] = {}
    for claims in claims_by_species:
        for claim in claims:
            shown_by[claim] = shown_by.get(claim, 0) + 1
    return tuple(frozenset(claim for claim in claims if shown_by[claim] <= limit) for claims in claims_by_species)


def seen_claims(species: Species, plumage: Plumage, painting: Painting) -> frozenset[Claim]:
    """The claims that hold and can be seen in a painting.

    Args:
        species: The bird's species.
        plumage: What was painted.
        painting: Tells how much of each part is seen.
    """
    pixels = painting.part_map.size
    seen, whole = painting.seen, painting.whole

    def enough(names: Sequence[str], share: float) -> bool:
        return sum(seen[name] for name in names) >= max(1.0, share * pixels)

    def entire(names: Sequence[str]) -> bool:
        return sum(seen[name] for name in names) >= UNHIDDEN * sum(whole[name] for name in names)

    visible = {part for part in PLUMAGE_PARTS if part != "tail" and enough((part,), PLUMAGE_SHARE)}
    visible |= {
        mark for mark in ("crest", "eyebrow", "eye ring", "wing bars", "tail tip") if enough((mark,), BARE_SHARE)
    }
    visible |= {
        part for part, sides in _PAIRED.items() if enough(sides, PLUMAGE_SHARE if part == "wing" else BARE_SHARE)
    }
    if enough(("tail", "tail tip"), PLUMAGE_SHARE):
        visible.add("tail")
    if enough(("beak",), BARE_SHARE):
        visible.add("bill")
    if "bill" in visible and entire(("beak",)):
        visible.add("bill's shape")
    if "tail" in visible and entire(("tail", "tail tip")):
        visible.add("tail's shape")
    if "leg" in visible and entire(_PAIRED["leg"]) and entire(("right leg",)):
        visible.add("leg's length")
    if enough(("breast",), 2 * PLUMAGE_SHARE) and entire(("breast",)):
        visible.add("breast's pattern")
    if sum(seen.values()) - seen["down"] >= UNHIDDEN * sum(whole.values()) / 2:
        visible.add("whole")
    return frozenset(claim for claim in all_claims(species, plumage) if _NEEDS[claim[0]] in visible)


_NEEDS = {f"{part} colour": part for part in (*PLUMAGE_PARTS, "wing", "leg", "eye", "bill")} | {
    "bill shape": "bill's shape",
    "bill length": "bill's shape",
    "tail shape": "tail's shape",
    "tail length": "tail's shape",
    "leg length": "leg's length",
    "breast pattern": "breast's pattern",
    "size": "whole",
    "crest": "crest",
    "eyebrow": "eyebrow",
    "eye ring": "eye ring",
    "wing pattern": "wing bars",
    "wing bar colour": "wing bars",
    "tail tip": "tail tip",
}
"""What must be visible for a claim of each kind."""
