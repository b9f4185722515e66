"""Which words of a sentence are true of its picture: figure 2 of the InterpNET paper, in green and red."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from whynet.data.example import Claim

CLOSING = (".", ",", ";", ":", "!", "?")


@dataclass(frozen=True, kw_only=True)
class MarkedWord:
    """A word of a sentence.

    Args:
        text: The word, with the space before it where there is one.
        truth: Whether the claim that needs this word is true of the picture; "" for a word that no claim needs.
        probability: That the explainer gave it.
    """

    text: str
    truth: Literal["true", "false", ""]
    probability: float


def marked_words(
    words: Sequence[tuple[str, float]],
    true_of_image: Set[Claim] | None,
    parse: Callable[[str], frozenset[Claim]] | None,
) -> list[MarkedWord]:
    """Mark each word that a claim needs: without it the sentence no longer makes that claim.

    Args:
        words: Words and their probabilities.
        true_of_image: What can be seen in the picture; None where that is not known.
        parse: The claims that a sentence makes; None where they cannot be read.
    """
    texts = [text for text, _ in words]
    claims = parse(" ".join(texts)) if parse is not None else frozenset()
    marked = []
    for index, (text, probability) in enumerate(words):
        truth: Literal["true", "false", ""] = ""
        if claims and parse is not None and true_of_image is not None and text not in CLOSING:
            needed = claims - parse(" ".join(texts[:index] + texts[index + 1 :]))
            if needed:
                truth = "true" if needed <= true_of_image else "false"
        space = "" if index == 0 or text in CLOSING else " "
        marked.append(MarkedWord(text=space + text, truth=truth, probability=probability))
    return marked
