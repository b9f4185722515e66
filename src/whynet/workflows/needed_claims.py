"""Which claims of a sentence hang on which of its words: those that it no longer makes without that word."""

from collections.abc import Callable, Sequence

from whynet.data.example import Claim

CLOSING = (".", ",", ";", ":", "!", "?")
"""Tokens that no claim needs, and that stand without a space before them."""


def needed_claims(words: Sequence[str], parse: Callable[[str], frozenset[Claim]]) -> list[frozenset[Claim]]:
    """For each word of a sentence the claims that need it; none for punctuation.

    Args:
        words: The sentence.
        parse: The claims that a sentence makes.
    """
    claims = parse(" ".join(words))
    needed: list[frozenset[Claim]] = []
    for index, word in enumerate(words):
        if not claims or word in CLOSING:
            needed.append(frozenset())
        else:
            needed.append(claims - parse(" ".join((*words[:index], *words[index + 1 :]))))
    return needed
