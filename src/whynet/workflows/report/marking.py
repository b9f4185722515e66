"""Which words of a sentence are true of its picture: figure 2 of the InterpNET paper, in green and red."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from whynet.data.example import Claim
from whynet.workflows.needed_claims import CLOSING, needed_claims
from whynet.workflows.report.grounding import Details


@dataclass(frozen=True, kw_only=True)
class MarkedWord:
    """A word of a sentence.

    Args:
        text: The word, with the space before it where there is one.
        truth: Whether the claim that needs this word is true of the picture; "" for a word that no claim needs.
        probability: That the explainer gave it.
        details: Where it came from; None for a word that holds the sentence together, or where that is not known.
    """

    text: str
    truth: Literal["true", "false", ""]
    probability: float
    details: Details | None = None


def marked_words(
    words: Sequence[tuple[str, float]],
    true_of_image: Set[Claim] | None,
    parse: Callable[[str], frozenset[Claim]] | None,
    details: Sequence[Details | None] | None = None,
) -> list[MarkedWord]:
    """Mark each word that a claim needs: without it the sentence no longer makes that claim.

    Args:
        words: Words and their probabilities.
        true_of_image: What can be seen in the picture; None where that is not known.
        parse: The claims that a sentence makes; None where they cannot be read.
        details: Where each word came from, where that is known.
    """
    texts = [text for text, _ in words]
    needed = [frozenset[Claim]()] * len(texts) if parse is None else needed_claims(texts, parse)
    marked = []
    for index, (text, probability) in enumerate(words):
        truth: Literal["true", "false", ""] = ""
        if needed[index] and true_of_image is not None:
            truth = "true" if needed[index] <= true_of_image else "false"
        space = "" if index == 0 or text in CLOSING else " "
        marked.append(
            MarkedWord(
                text=space + text,
                truth=truth,
                probability=probability,
                details=details[index] if details is not None else None,
            )
        )
    return marked
