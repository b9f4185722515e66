"""Diversity: how many different sentences are written, and how many are training captions by heart.

A language model can score well with a few safe sentences, or with captions that it remembers. Over written sentences S
and training captions T:

    distinct = |set(S)| / |S|        copied = |{s in S : s in set(T)}| / |S|

Both are in Devlin et al., "Language Models for Image Captioning: The Quirks and What Works", ACL 2015,
arXiv:1505.01809. Two sentences are the same if they are word for word: upper and lower case, white space and the marks
at the end do not count, since a network ends each sentence with a full stop where people often put none.
"""

from collections.abc import Sequence

from whynet.base.errors import DataError


def distinct_share(sentences: Sequence[str]) -> float:
    """The share of distinct sentences among those written.

    Args:
        sentences: The written sentences.

    Returns:
        From 1 / number of sentences (all the same) to 1 (all different); higher is more diverse.

    Raises:
        DataError: There are no sentences.
    """
    return len({_words(sentence) for sentence in _some(sentences)}) / len(sentences)


def copied_share(sentences: Sequence[str], train_captions: Sequence[Sequence[str]]) -> float:
    """The share of written sentences that are training captions, word for word.

    Args:
        sentences: The written sentences.
        train_captions: The captions of each training image, possibly none.

    Returns:
        In [0, 1]; lower is more original. A short true sentence may well be there by chance.

    Raises:
        DataError: There are no sentences, or no training captions.
    """
    known = {_words(caption) for captions in train_captions for caption in captions}
    if not known:
        raise DataError(f"expected training captions, but {len(train_captions)} images have none; use a captioned set")
    return sum(_words(sentence) in known for sentence in _some(sentences)) / len(sentences)


def _some(sentences: Sequence[str]) -> Sequence[str]:
    if isinstance(sentences, str) or not sentences:
        raise DataError(f"diversity needs a list of at least 1 sentence, but got {sentences!r}; give some sentences")
    return sentences


def _words(sentence: str) -> str:
    return " ".join(sentence.lower().split()).rstrip(" .!?…")
