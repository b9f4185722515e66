"""The parser: turns a sentence about a bird back into claims.

It reads noun phrases: modifiers, then one or more nouns joined by "and" ("a yellow throat and breast"), then perhaps
"that are" or "is" with more modifiers. Each modifier becomes a claim about each noun for which it means something.
Words it does not know, and modifiers that say nothing about their noun, are passed over, so that the output of a
network can be read too.
"""

import re
from functools import lru_cache

from whynet.data.birds.palette import COLOURS
from whynet.data.example import Claim

COLOUR_WORDS = {colour: colour for colour in COLOURS} | {"gray": "grey", "buff": "tan"}
LENGTH_WORDS = {"short": "short", "stubby": "short", "long": "long", "lengthy": "long"}
BILL_WORDS = {
    "conical": "conical", "cone-shaped": "conical", "pointed": "pointed", "pointy": "pointed", "needle-like": "needle",
    "thin": "needle", "dagger-like": "dagger", "straight": "dagger", "chisel-like": "chisel", "sharp": "chisel",
    "curved": "curved", "hooked": "hooked", "flat": "flat", "broad": "flat",
}  # fmt: skip
TAIL_WORDS = {
    "rounded": "rounded", "round": "rounded", "square": "square", "notched": "notched", "forked": "forked",
    "pointed": "pointed", "pointy": "pointed",
}  # fmt: skip
PATTERN_WORDS = {"streaked": "streaked", "streaky": "streaked", "spotted": "spotted", "speckled": "spotted"}
SIZE_WORDS = {
    "small": "small",
    "little": "small",
    "medium": "medium",
    "medium-sized": "medium",
    "large": "large",
    "big": "large",
}

_PARTS = {
    "crown": ("crown",), "cap": ("crown",), "forehead": ("forehead",), "nape": ("nape",), "throat": ("throat",),
    "breast": ("breast",), "chest": ("breast",), "belly": ("belly",), "stomach": ("belly",), "abdomen": ("belly",),
    "back": ("back",), "wing": ("wing",), "wings": ("wing",), "tail": ("tail",), "bill": ("bill",), "beak": ("bill",),
    "leg": ("leg",), "legs": ("leg",), "eye": ("eye",), "eyes": ("eye",),
    "head": ("crown", "forehead", "nape"), "underparts": ("breast", "belly"),
}  # fmt: skip
_SHAPES: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "bill": (("bill shape", BILL_WORDS), ("bill length", LENGTH_WORDS)),
    "tail": (("tail shape", TAIL_WORDS), ("tail length", LENGTH_WORDS)),
    "leg": (("leg length", LENGTH_WORDS),),
    "breast": (("breast pattern", PATTERN_WORDS),),
    "wing": (("wing pattern", {"barred": "barred", "striped": "barred"}),),
}
_COLOURED_MARKS = {
    "eyebrow": "eyebrow",
    "brow": "eyebrow",
    "eyering": "eye ring",
    "tailtip": "tail tip",
    "wingbars": "wing bar colour",
}
_MARKS: dict[str, Claim] = {"crest": ("crest", "crested"), "wingbars": ("wing pattern", "barred")}
_PATTERN_NOUNS = {"streaks": "streaked", "spots": "spotted", "bars": "barred", "stripes": "barred"}
_NOUNS = {*_PARTS, *_COLOURED_MARKS, *_MARKS, *_PATTERN_NOUNS, "bird"}
_MODIFIERS = {
    *COLOUR_WORDS,
    *LENGTH_WORDS,
    *BILL_WORDS,
    *TAIL_WORDS,
    *PATTERN_WORDS,
    *SIZE_WORDS,
    "barred",
    "striped",
    "crested",
}
_BREAKS = {
    "a",
    "an",
    "the",
    "its",
    "has",
    "with",
    "have",
    "of",
    "on",
    "in",
    "at",
    "shows",
    "sports",
    "it",
    "this",
    ",",
    ".",
    ";",
    "but",
    "also",
}

_JOINED = (
    (re.compile(r"\beye[ -]rings?\b"), "eyering"),
    (re.compile(r"\bwing[ -]?bars\b"), "wingbars"),
    (re.compile(r"\btips? (?:on|of|at) (?:the end of )?(?:its|the) tail\b"), "tailtip"),
    (re.compile(r"\btail tips?\b"), "tailtip"),
    (re.compile(r"\b(?:stripe|line) above (?:its|the) eyes?\b"), "eyebrow"),
    (re.compile(r"\brings? around (?:its|the) eyes?\b"), "eyering"),
    (re.compile(r"\b(?:bars|stripes) on (?:its|the) wings?\b"), "wingbars"),
    (re.compile(r"\b(cone|medium) (shaped|sized)\b"), r"\1-\2"),
    (re.compile(r"\b(needle|dagger|chisel) like\b"), r"\1-like"),
)
_TOKEN = re.compile(r"[a-z]+(?:-[a-z]+)*|[.,;]")


@lru_cache(maxsize=65536)
def parse_claims(sentence: str) -> frozenset[Claim]:
    """The claims that a sentence makes, as in `("crown colour", "red")`.

    Args:
        sentence: Case and the spacing of punctuation do not matter.

    Returns:
        The claims; empty where the sentence says nothing that is understood.
    """
    text = " ".join(sentence.lower().split())
    text = re.sub(r"\s*-\s*", "-", text)
    for pattern, joined in _JOINED:
        text = pattern.sub(joined, text)
    return frozenset(_read(_TOKEN.findall(text)))


def _read(tokens: list[str]) -> set[Claim]:
    claims: set[Claim] = set()
    waiting: list[str] = []  # modifiers that wait for their noun
    nouns: list[str] = []  # the nouns of the phrase that is open
    shared: list[str] = []  # the modifiers of that phrase
    copula = False  # whether "is" or "are" came after its nouns
    for place, word in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else "."
        if word in _NOUNS:
            # "a black back and wings" shares its modifiers; "a black back and wings that are grey" does not.
            joined = (
                bool(nouns) and not waiting and tokens[place - 1] == "and" and following not in ("that", "is", "are")
            )
            nouns, shared = ([*nouns, word], shared) if joined else ([word], waiting)
            waiting = []
            claims |= _noun_claims(word, shared) | ({_MARKS[word]} if word in _MARKS else set())
            if word in _PATTERN_NOUNS:
                claims |= _pattern_on(tokens, place)
        elif word in ("is", "are") and nouns:
            copula, waiting = True, []
        elif word == "and":
            if copula:
                copula, nouns = False, []
        elif word in _BREAKS:
            copula, nouns, waiting = False, [], []
        elif word in _MODIFIERS:
            if copula:
                claims = claims.union(*(_noun_claims(noun, [word]) for noun in nouns))
            else:
                waiting.append(word)
    return claims


def _noun_claims(noun: str, modifiers: list[str]) -> set[Claim]:
    claims: set[Claim] = set()
    for word in modifiers:
        if noun == "bird":
            if word in SIZE_WORDS:
                claims.add(("size", SIZE_WORDS[word]))
            elif word == "crested":
                claims.add(("crest", "crested"))
            continue
        if noun == "head" and word == "crested":
            claims.add(("crest", "crested"))
        if word in COLOUR_WORDS:
            if noun in _COLOURED_MARKS:
                claims.add((_COLOURED_MARKS[noun], COLOUR_WORDS[word]))
            claims |= {(f"{part} colour", COLOUR_WORDS[word]) for part in _PARTS.get(noun, ())}
        for part in _PARTS.get(noun, ()):
            if noun == "underparts":
                continue
            claims |= {(aspect, words[word]) for aspect, words in _SHAPES.get(part, ()) if word in words}
    return claims


def _pattern_on(tokens: list[str], place: int) -> set[Claim]:
    """`streaks on its breast`, `a breast with streaks`."""
    pattern = _PATTERN_NOUNS[tokens[place]]
    around = tokens[max(0, place - 2) : place] + tokens[place + 1 : place + 4]
    if pattern != "barred" and {"breast", "chest"} & set(around):
        return {("breast pattern", pattern)}
    return {("wing pattern", "barred")} if pattern == "barred" and {"wing", "wings"} & set(around) else set()
