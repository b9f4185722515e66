"""Captions: ten sentences about what can be seen, in the manner of CUB's captions.

Each sentence mentions two to four claims, drawn without replacement with weights: salient things (a crest, the colour
of the head) and things that few species have are mentioned more often, as people do. Every sentence is exact under
`parse_claims`.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from whynet.data.example import Claim

CAPTIONS_PER_IMAGE = 10
MIN_WORDS, MAX_WORDS = 8, 24

_SALIENCE = {
    "crest": 3.0, "crown colour": 2.4, "breast colour": 2.2, "belly colour": 2.2, "throat colour": 1.6,
    "wing colour": 1.9, "back colour": 1.5,
    "bill shape": 1.5, "bill length": 0.8, "bill colour": 1.3, "eyebrow": 2.2, "eye ring": 1.9, "wing pattern": 1.2,
    "wing bar colour": 1.6,
    "breast pattern": 2.2, "nape colour": 1.0, "forehead colour": 1.0, "tail colour": 1.2, "tail shape": 0.8,
    "tail length": 0.7, "tail tip": 1.6,
    "leg colour": 0.9, "leg length": 0.5, "eye colour": 0.5, "size": 0.9, "head": 3.2, "underparts": 1.4,
}  # fmt: skip
"""How often each kind of claim is mentioned."""
_RARITY = 1.5
"""How much more a claim that no other species can show catches the eye than one that all can: (1 + this) times."""
_AGREEMENT = 2.5
"""How far describers agree on what to mention: a claim is drawn in proportion to its weight to this power."""
_HEAD_TO_TAIL = (
    "head", "crown", "forehead", "crest", "eyebrow", "eye ring", "eye", "nape", "bill", "throat", "underparts",
    "breast", "belly", "back", "wing", "wing bar colour", "tail", "tail tip", "leg",
)  # fmt: skip
"""The order in which a sentence goes through the bird."""

_SYNONYMS: dict[Claim, tuple[str, ...]] = {
    ("bill shape", "conical"): ("conical", "cone-shaped"),
    ("bill shape", "pointed"): ("pointed", "pointy"),
    ("bill shape", "needle"): ("needle-like", "thin"),
    ("bill shape", "dagger"): ("dagger-like", "straight"),
    ("bill shape", "chisel"): ("chisel-like", "sharp"),
    ("bill shape", "flat"): ("flat", "broad"),
    ("tail shape", "rounded"): ("rounded", "round"),
    ("tail shape", "pointed"): ("pointed", "pointy"),
    ("size", "small"): ("small", "small", "little"),
    ("size", "medium"): ("medium-sized",),
    ("size", "large"): ("large", "big"),
}
_NOUNS = {
    "crown": ("crown", "crown", "cap"), "forehead": ("forehead",), "nape": ("nape",), "throat": ("throat",),
        "breast": ("breast", "breast", "chest"),
    "belly": ("belly", "belly", "stomach", "abdomen"), "back": ("back",), "wing": ("wings",), "tail": ("tail",),
        "bill": ("bill", "bill", "beak"),
    "leg": ("legs",), "eye": ("eyes",), "head": ("head",), "underparts": ("underparts",),
}  # fmt: skip
_PLURAL = {"wings", "legs", "eyes", "underparts", "wing bars"}
_TOGETHER = (("head", ("crown", "forehead", "nape")), ("underparts", ("breast", "belly")))
_ADJECTIVE_ORDER = (
    "bill length",
    "tail length",
    "leg length",
    "breast pattern",
    "bill shape",
    "tail shape",
    "wing pattern",
)


@dataclass(frozen=True)
class Caption:
    """A sentence and the claims it was made from."""

    sentence: str
    claims: frozenset[Claim]


@dataclass(frozen=True)
class _Topic:
    """Something that one mention says: one claim, or a colour that several parts share."""

    kind: str
    value: str
    claims: frozenset[Claim]
    weight: float


def write_captions(
    seen: frozenset[Claim], rarity: Mapping[Claim, float], rng: random.Random, count: int = CAPTIONS_PER_IMAGE
) -> tuple[Caption, ...]:
    """Describe what is seen.

    Args:
        seen: The claims to choose from.
        rarity: For each claim the share of species that cannot show it, in [0, 1].
        rng: Draws the claims and the wording.
        count: How many sentences.

    Returns:
        The sentences with their claims; all say nothing but "this is a bird." where nothing is seen.
    """
    topics = _topics(seen, rarity)
    return tuple(_write_within(topics, rng) for _ in range(count))


def _write_within(topics: list[_Topic], rng: random.Random) -> Caption:
    """A sentence of 8 to 24 words; of fewer where too little is seen to fill them."""
    for _ in range(20):
        caption = _write(topics, rng)
        if MIN_WORDS <= caption.sentence.count(" ") + 1 <= MAX_WORDS:
            break
    return caption


def _topics(seen: frozenset[Claim], rarity: Mapping[Claim, float]) -> list[_Topic]:
    topics = []
    colours = {kind: value for kind, value in seen if kind.endswith(" colour")}
    for kind, value in sorted(seen):
        weight = _SALIENCE[kind] * (1 + _RARITY * rarity.get((kind, value), 0.0))
        topics.append(
            _Topic(
                kind,
                value,
                frozenset({(kind, value)}),
                weight * (0.3 if (kind, value) == ("eye colour", "black") else 1),
            )
        )
    for whole, parts in _TOGETHER:
        values = {colours.get(f"{part} colour") for part in parts}
        if len(values) == 1 and None not in values:
            value = str(values.pop())
            claims = frozenset((f"{part} colour", value) for part in parts)
            rarest = max(rarity.get(claim, 0.0) for claim in claims)
            topics.append(_Topic(whole, value, claims, _SALIENCE[whole] * (1 + _RARITY * rarest)))
    return topics


def _choose(topics: list[_Topic], rng: random.Random) -> list[_Topic]:
    """Two to four claims' worth of topics, no claim twice."""
    wanted = rng.choices((2, 3, 4), (0.2, 0.55, 0.25))[0]
    chosen: list[_Topic] = []
    claims: set[Claim] = set()
    left = list(topics)
    while left and len(claims) < wanted:
        topic = rng.choices(left, [topic.weight**_AGREEMENT for topic in left])[0]
        left.remove(topic)
        # A wing bar's colour cannot be told without telling that there is one.
        added = topic.claims | ({("wing pattern", "barred")} if topic.kind == "wing bar colour" else set())
        if claims & topic.claims or len(claims | added) > 4:
            continue
        chosen.append(topic)
        claims |= added
    return chosen


def _write(topics: list[_Topic], rng: random.Random) -> Caption:
    chosen = _choose(topics, rng)
    claims = frozenset().union(*(topic.claims for topic in chosen)) if chosen else frozenset()
    if any(topic.kind == "wing bar colour" for topic in chosen):
        claims |= {("wing pattern", "barred")}
    size = next((_word("size", topic.value, rng) for topic in chosen if topic.kind == "size"), None)
    phrases = _phrases([topic for topic in chosen if topic.kind != "size"], rng)
    return Caption(_frame(size, phrases, rng), claims)


def _frame(size: str | None, phrases: list[str], rng: random.Random) -> str:
    bird = f"{size} bird" if size else "bird"
    listed = _listed(phrases)
    if not phrases:
        return f"this is a {bird}."
    form = rng.random()
    if form < 0.4:
        return f"this {bird} has {listed}."
    if form < 0.65:
        return f"this is a {bird} with {listed}."
    if form < 0.8:
        return f"a {bird} with {listed}."
    if form < 0.9 and len(phrases) > 1:
        return f"this {bird} has {_listed(phrases[:-1])}, and it also has {phrases[-1]}."
    return f"the {bird} shows {listed}."


def _listed(phrases: list[str]) -> str:
    if len(phrases) < 3:
        return " and ".join(phrases) if len(phrases) < 2 else f"{phrases[0]} and {phrases[1]}"
    return ", ".join(phrases[:-1]) + f", and {phrases[-1]}"


def _word(kind: str, value: str, rng: random.Random) -> str:
    words = _SYNONYMS.get((kind, value))
    return rng.choice(words) if words else value


def _phrases(topics: list[_Topic], rng: random.Random) -> list[str]:
    """One noun phrase a part, from head to tail; parts of one colour may share theirs."""
    by_part: dict[str, dict[str, str]] = {}
    phrases: dict[str, str] = {}
    for topic in topics:
        if topic.kind in ("crest", "eyebrow", "eye ring", "tail tip", "wing bar colour"):
            phrases[topic.kind] = _mark(topic.kind, topic.value, rng)
        elif topic.kind == "wing pattern" and any(other.kind == "wing bar colour" for other in topics):
            continue
        elif topic.kind in ("head", "underparts"):
            by_part.setdefault(topic.kind, {})["colour"] = topic.value
        else:
            part, aspect = topic.kind.split(" ", 1)
            by_part.setdefault(part, {})["colour" if aspect == "colour" else topic.kind] = topic.value
    plain = [part for part in _HEAD_TO_TAIL if list(by_part.get(part, ())) == ["colour"]]
    for number, part in enumerate(plain):
        twin = next(
            (other for other in plain[number + 1 :] if other in by_part and by_part[other] == by_part.get(part)), None
        )
        if part in by_part and twin is not None and rng.random() < 0.6:
            first, second = (rng.choice(_NOUNS[name]) for name in (part, twin))
            article = "" if first in _PLURAL else "an " if by_part[part]["colour"] == "orange" else "a "
            phrases[part] = f"{article}{by_part[part]['colour']} {first} and {second}"
            del by_part[part], by_part[twin]
    phrases |= {part: _part_phrase(part, said, rng) for part, said in by_part.items()}
    return [phrases[place] for place in _HEAD_TO_TAIL if place in phrases]


def _mark(kind: str, value: str, rng: random.Random) -> str:
    article = "an" if value == "orange" else "a"
    if kind == "crest":
        return rng.choice(("a crest", "a crested head"))
    if kind == "eyebrow":
        return rng.choice((f"{article} {value} eyebrow", f"{article} {value} stripe above its eye"))
    if kind == "eye ring":
        return rng.choice((f"{article} {value} eye ring", f"{article} {value} ring around its eye"))
    if kind == "tail tip":
        return f"{article} {value} tip on its tail"
    return rng.choice((f"{value} wing bars", f"{value} bars on its wings"))


def _part_phrase(part: str, said: dict[str, str], rng: random.Random) -> str:
    noun = rng.choice(_NOUNS[part])
    if list(said) == ["breast pattern"] and rng.random() < 0.4:
        return ("streaks" if said["breast pattern"] == "streaked" else "spots") + f" on its {noun}"
    words = [_word(kind, said[kind], rng) for kind in _ADJECTIVE_ORDER if kind in said]
    if "colour" in said:
        words.append(said["colour"])
    plural = noun in _PLURAL
    if len(words) == 1 and rng.random() < 0.2:
        return f"{noun} that are {words[0]}" if plural else f"a {noun} that is {words[0]}"
    article = "" if plural else "an " if words[0][0] in "aeiou" else "a "
    return f"{article}{' '.join(words)} {noun}"
