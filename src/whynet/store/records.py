"""What the store holds, row by row: namings, votes and answers; and what it counts of them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Naming:
    """One step in the history of a concept's name.

    Args:
        id: Of this row, the same in every store that it is imported into: 32 hexadecimal digits.
        concept: The id of the concept.
        name: What the concept is called from here on; None if it has no name.
        author: Who said so.
        time: When, in UTC.
        is_undo: Whether the step goes back to an earlier name.
        previous: The id of the naming beneath this one, to which an undo would go; of an undo, the naming to which it
            went. None: the concept as it was before it ever had a name.
    """

    id: str
    concept: str
    name: str | None
    author: str
    time: datetime
    is_undo: bool
    previous: str | None

    @property
    def can_be_undone(self) -> bool:
        """Whether there is an earlier name, or the lack of one, to go back to."""
        return self.previous is not None or (not self.is_undo and self.name is not None)


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What one person thinks of a concept.

    Args:
        id: Of this row, the same in every store that it is imported into: 32 hexadecimal digits.
        concept: The id of the concept.
        voter: Who votes.
        trusted: Whether the person trusts the concept; None if an earlier vote is withdrawn.
        time: When, in UTC.
    """

    id: str
    concept: str
    voter: str
    trusted: bool | None
    time: datetime


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The current votes on a concept.

    Args:
        concept: The id of the concept.
        num_trusted: How many people trust it.
        num_distrusted: How many do not.
        own: The vote of the person who asks; None if there is none.
    """

    concept: str
    num_trusted: int
    num_distrusted: int
    own: bool | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Which parts one person sees in one item of a study.

    Args:
        id: Of this row, the same in every store that it is imported into: 32 hexadecimal digits.
        study: The id of the study.
        person: Who answers.
        item: The id of the item.
        parts: The parts that were ticked, in the order in which they were given; may be none.
        time: When, in UTC.
    """

    id: str
    study: str
    person: str
    item: str
    parts: tuple[str, ...]
    time: datetime


@dataclass(frozen=True, kw_only=True)
class Records:
    """All that a store holds, history included, oldest first."""

    names: tuple[Naming, ...] = ()
    votes: tuple[Vote, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Added:
    """How many rows an import added; what the store had already is not counted."""

    num_names: int
    num_votes: int
    num_answers: int
