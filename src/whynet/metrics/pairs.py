"""What every sentence metric is given: a candidate an example, each with one or more references."""

from collections.abc import Sequence

from whynet.base.errors import DataError


def check_pairs(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Refuse what no sentence metric can score.

    Args:
        candidates: One sentence an example; may be blank.
        references: One or more sentences an example; none may be blank.

    Raises:
        DataError: No candidates, other lengths, or an example without references or with a blank one.
    """
    if isinstance(candidates, str) or any(isinstance(own, str) for own in references):
        raise DataError("expected a list of sentences, but got one string; put it into a list")
    if len(candidates) != len(references):
        raise DataError(
            f"each candidate needs its own references, but there are {len(candidates)} candidates and "
            f"{len(references)} lists of references; give as many of the one as of the other"
        )
    if not candidates:
        raise DataError("a sentence metric needs at least 1 candidate, but there are 0; give some sentences")
    for index, own in enumerate(references):
        if not own:
            raise DataError(
                f"example {index} has no references, and nothing to compare with has no score; leave it out"
            )
        for number, reference in enumerate(own):
            if not reference.strip():
                raise DataError(f"reference {number} of example {index} is blank ({reference!r}); leave it out")
