"""Interventions: the picture changed where a word points, and changed elsewhere in the same way.

A word that comes from the picture must lose its probability when the part it names is changed, and keep it when
another part is. A colour is put to the test by recolouring the part; a shape, a pattern or a part's own name by taking
it away. The other part, drawn at random, is one that can be seen as well as a claim demands, that no claim of the word
is about, and that neither carries the named part nor is carried by it (a crest sits on the crown).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import TypedDict

import numpy as np

from whynet.base.seeding import numpy_generator
from whynet.data.birds.claims import PLUMAGE_PARTS
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.birds.palette import COLOURS
from whynet.data.birds.parsing import BILL_WORDS, COLOUR_WORDS, LENGTH_WORDS, PATTERN_WORDS, SIZE_WORDS, TAIL_WORDS
from whynet.data.example import Claim, Example

PARTS = (*PLUMAGE_PARTS, "wing", "leg", "eye", "bill")
"""The parts that can be changed; both sides of a pair at once."""
HOSTS = {
    "crest": ("crown",), "eyebrow": ("crown",), "eye ring": ("eye", "crown"), "wing bars": ("wing",),
    "tail tip": ("tail",), "breast pattern": ("breast",),
}  # fmt: skip
"""The parts that a mark is on."""
WHOLE_PARTS = {"beak": "bill"}
"""Landmarks that sentences and `PARTS` call otherwise, beside the two sides of a pair."""
_SHAPES = {*LENGTH_WORDS, *BILL_WORDS, *TAIL_WORDS, *PATTERN_WORDS, *SIZE_WORDS}
_SHAPES |= {"barred", "striped", "crested", "streaks", "spots"}
_MARKS_OF_KIND = {"wing pattern": "wing bars", "wing bar colour": "wing bars"}
_COLOURLESS = {"crest", "breast pattern"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Intervention:
    """One word put to the test.

    Args:
        kind: Of the word: "colour", "shape" (or length or pattern) or "part" (or mark).
        named_parts: What the word is about.
        other_parts: As many others.
        named: The picture with the named parts changed.
        other: The picture with the other parts changed in the same way.
    """

    kind: str
    named_parts: tuple[str, ...]
    other_parts: tuple[str, ...]
    named: Example
    other: Example


def named_part(claim: Claim) -> str | None:
    """The part or mark that a claim is about, by the names of `PARTS` and `HOSTS`; None for the size of the bird."""
    kind = claim[0]
    if kind in HOSTS:
        return kind
    if kind in _MARKS_OF_KIND:
        return _MARKS_OF_KIND[kind]
    part = kind.split(" ")[0]
    return part if part in PARTS else None


def host_of_claim(claim: Claim) -> str | None:
    """The part of `PARTS` that a claim can be seen on: its own, or the one that its mark is on."""
    part = named_part(claim)
    return HOSTS[part][0] if part in HOSTS else part


def without_part(birds: PaintedBirds, index: int, part: str, seed: int) -> tuple[Example, Example] | None:
    """Picture `index` without a part, and without another that is seen as well, drawn at random.

    Args:
        birds: The data set.
        index: Of the picture.
        part: Of `PARTS`.
        seed: Of the other part.

    Returns:
        None where the part cannot be seen well enough for a claim on its colour, or no other one can.
    """
    if part not in other_parts(birds[index], ()):
        return None
    changed = _changed(birds, index, birds[index], (part,), False, seed)
    return None if changed is None else (changed["named"], changed["other"])


def other_parts(example: Example, excluded: Collection[str]) -> tuple[str, ...]:
    """The parts that can be seen in a picture well enough for a claim on their colour, but for some.

    Args:
        example: A painted bird.
        excluded: Parts and marks; what carries one of them or is carried by it is left out too.
    """
    kept_out = {*excluded, *(host for mark in excluded for host in HOSTS.get(mark, ()))}
    seen = {claim[0] for claim in example.attributes or ()}
    return tuple(part for part in PARTS if f"{part} colour" in seen and part not in kept_out)


def kind_of_word(word: str) -> str:
    """What a word of a true claim says: "colour", "shape" (or length or pattern), else "part" (or mark)."""
    return "colour" if word in COLOUR_WORDS else "shape" if word in _SHAPES else "part"


def intervene(
    birds: PaintedBirds, index: int, parts: Sequence[str], *, recolour: bool, rng: np.random.Generator
) -> Example:
    """Picture `index` with some parts or marks in another colour, or without them.

    The new colour is none that the parts wear, nor one in which a mark on them, or what they are on, would vanish.

    Args:
        birds: The data set.
        index: Of the picture.
        parts: Of `PARTS` and `HOSTS`; marks to be recoloured are worn by this bird.
        recolour: Recolour them, all in one colour; else remove them.
        rng: Draws the colour.

    Raises:
        SettingError: A part cannot be changed so.
    """
    if not recolour:
        return birds.without(index, *parts)
    plumage = birds.plumage(index)
    worn = {slot.name.replace("_", " "): getattr(plumage, slot.name) for slot in fields(plumage)}
    touched = {*parts, *(host for part in parts for host in HOSTS.get(part, ()))}
    touched |= {mark for mark, hosts in HOSTS.items() if set(hosts) & set(parts)}
    free = [colour for colour in COLOURS if colour not in {worn.get(part) for part in touched}]
    return birds.recoloured(index, parts, free[rng.integers(len(free))])


def interventions(
    birds: PaintedBirds, index: int, words: Sequence[tuple[str, frozenset[Claim]]], seed: int
) -> list[Intervention | None]:
    """Change picture `index` where each word of a sentence points, and where it does not.

    Words that name the same parts and call for the same change share their pictures.

    Args:
        birds: The data set.
        index: Of the picture.
        words: Each word of a sentence about it, with the claims that need the word and are true of the picture.
        seed: Of the other parts and the colours; each picture has its own random streams.

    Returns:
        One a word; None where no claim needs it, where a claim is about no part, or where too few other parts are seen.
    """
    example = birds[index]
    changed: dict[tuple[tuple[str, ...], bool], _Changed | None] = {}
    found: list[Intervention | None] = []
    for word, claims in words:
        parts = {named_part(claim) for claim in claims}
        named = tuple(sorted(part for part in parts if part is not None))
        if not named or None in parts:
            found.append(None)
            continue
        kind = kind_of_word(word)
        change = (named, kind == "colour" and not _COLOURLESS & set(named))
        if change not in changed:
            changed[change] = _changed(birds, index, example, *change, seed)
        pictures = changed[change]
        found.append(None if pictures is None else Intervention(kind=kind, named_parts=named, **pictures))
    return found


class _Changed(TypedDict):
    other_parts: tuple[str, ...]
    named: Example
    other: Example


def _changed(
    birds: PaintedBirds, index: int, example: Example, named: tuple[str, ...], recolour: bool, seed: int
) -> _Changed | None:
    rng = numpy_generator(seed, "intervention", index, int(recolour), *named)
    candidates = other_parts(example, named)
    if len(candidates) < len(named):
        return None
    others = tuple(candidates[place] for place in rng.permutation(len(candidates))[: len(named)])
    return {
        "other_parts": others,
        "named": intervene(birds, index, named, recolour=recolour, rng=rng),
        "other": intervene(birds, index, others, recolour=recolour, rng=rng),
    }
