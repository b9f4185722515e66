"""A suggested name for an x-feature, from the pictures where it is strong: "red wing", precision 0.91.

Its heat map says which part it looks at; where the data say what can be seen of that part in the picture, that comes
before the part. The precision is the share of the strong pictures in which the map lies on that part more than on any
other and the attribute holds as well: how steady the name is, not how much of the map it covers. A map that is spread
evenly would steadily be named after the largest part. A person's name replaces the suggestion.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from whynet.data.example import Claim

CONTEXT = "context"
"""The region outside all parts."""
STRONG_SHARE = 0.25
MIN_STRONG = 4
"""The strong pictures of an x-feature: the first quarter by its contribution, and at least so many."""
MIN_PRECISION = 0.5
"""What holds in fewer of them names no x-feature: first the attribute is dropped, then the part."""


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What an x-feature could be called.

    Args:
        name: As in "red wing".
        part: On which its maps lie more than on any other.
        precision: Share of the strong pictures for which the name is right, in [0, 1].
        num_pictures: How many of them there were.
    """

    name: str
    part: str
    precision: float
    num_pictures: int

    def to_json(self) -> dict[str, Any]:
        """The suggestion as values that `json.dump` takes."""
        return dict(vars(self))


def strongest_rows(contributions: Float[Tensor, " batch"]) -> list[int]:
    """The pictures in which an x-feature adds most, the strongest first."""
    count = min(len(contributions), max(MIN_STRONG, round(STRONG_SHARE * len(contributions))))
    return [int(row) for row in contributions.argsort(descending=True, stable=True)[:count]]


def suggested_name(
    mains: Sequence[str | None],
    claims: Sequence[frozenset[Claim] | None],
    part_of_claim: Callable[[Claim], str | None] | None,
) -> Suggestion | None:
    """A name from the strong pictures of an x-feature; None where its maps are empty, or on one part too seldom.

    Args:
        mains: The part that each picture's map shows (`parts.ShownParts.main_parts`); None where it is empty.
        claims: What can be seen in each picture; None where that is not known.
        part_of_claim: Which part a claim is about; None where claims have no parts.
    """
    shown = [part for part in mains if part is not None]
    if not shown:
        return None
    part, _ = Counter(shown).most_common(1)[0]
    rows = [row for row, main in enumerate(mains) if main == part]
    total = len(mains)
    if len(rows) / total < MIN_PRECISION:
        return None
    plain = Suggestion(name=part, part=part, precision=len(rows) / total, num_pictures=total)
    if part_of_claim is None:
        return plain
    held = Counter(claim for row in rows for claim in claims[row] or () if part_of_claim(claim) == part)
    if not held:
        return plain
    claim, count = max(held.items(), key=lambda item: (item[1], item[0]))
    if count / total < MIN_PRECISION:
        return plain
    return Suggestion(name=_named(claim, part), part=part, precision=count / total, num_pictures=total)


def _named(claim: Claim, part: str) -> str:
    """A claim in two words: ("wing colour", "red") is "red wing"; a mark is called by its own name."""
    kind, value = claim
    if value.startswith(kind):  # ("crest", "crested")
        return f"{value} {part}"
    mark = kind.removesuffix(" colour").removesuffix(" pattern").removesuffix(" shape").removesuffix(" length")
    return f"{value} {part if mark in part else mark}"
