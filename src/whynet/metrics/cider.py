"""CIDEr: how much a sentence says what the references agree on, weighted by how unusual that is.

Vedantam, Zitnick & Parikh, "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015, arXiv:1411.5726,
equations (1) to (3):

    g_k(s)         = h_k(s) / sum_l h_l(s) * log( |I| / sum_q min(1, sum_r h_k(r_q)) )
    CIDEr_n(c, S)  = 1/m sum_j  g^n(c) . g^n(s_j) / (||g^n(c)|| ||g^n(s_j)||)
    CIDEr(c, S)    = sum_{n=1..4} 1/4 CIDEr_n(c, S)

h_k(s) is how often n-gram k occurs in sentence s, I are the images, S the m references of one image. The document
frequency in the logarithm is counted in the references of the very images that are scored ("corpus" mode): the same
sentence has another score in another test set, and a set of one image scores 0 throughout.

Differs from the paper, as the authors' own code does: the score is multiplied by 10, and an n-gram that no reference
holds counts as held by one image (the logarithm of 0 images does not exist).

CIDEr-D is another metric: it clips each weight to the reference's and damps by the difference in length.
"""

import math
from collections import Counter
from collections.abc import Sequence

from whynet.metrics.pairs import check_pairs

_MAX_N = 4

_Ngram = tuple[str, ...]


def cider(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, ...]:
    """Plain CIDEr of each candidate, without the clipping and the length penalty of CIDEr-D.

    Args:
        candidates: One tokenised sentence an example; tokens are what white space separates.
        references: For each candidate one or more tokenised sentences. Their n-grams also give the idf.

    Returns:
        One score a candidate in [0, 10]; higher is better. The score of a set is their mean.

    Raises:
        DataError: No candidates, other lengths, or an example without references or with a blank one.
    """
    check_pairs(candidates, references)
    counted = [[_ngrams(reference) for reference in own] for own in references]
    images_with = Counter(ngram for own in counted for ngram in set().union(*own))
    vectors = _TfIdf(images_with, len(counted))
    scores = []
    for candidate, own in zip(candidates, counted, strict=True):
        vector = vectors.of(_ngrams(candidate))
        similarities = [_cosine(a, b) for ngrams in own for a, b in zip(vector, vectors.of(ngrams), strict=True)]
        scores.append(10 * sum(similarities) / (_MAX_N * len(own)))
    return tuple(scores)


class _TfIdf:
    """tf-idf vectors, one for each n. The term frequency's denominator is left out: the cosine cancels it."""

    def __init__(self, images_with: Counter[_Ngram], num_images: int) -> None:
        self._images_with = images_with
        self._num_images = num_images

    def of(self, ngrams: Counter[_Ngram]) -> list[dict[_Ngram, float]]:
        vectors: list[dict[_Ngram, float]] = [{} for _ in range(_MAX_N)]
        for ngram, count in ngrams.items():
            idf = math.log(self._num_images / max(1, self._images_with[ngram]))
            vectors[len(ngram) - 1][ngram] = count * idf
        return vectors


def _ngrams(sentence: str) -> Counter[_Ngram]:
    words = sentence.split()
    return Counter(tuple(words[i : i + n]) for n in range(1, _MAX_N + 1) for i in range(len(words) - n + 1))


def _cosine(a: dict[_Ngram, float], b: dict[_Ngram, float]) -> float:
    norms = math.hypot(*a.values()) * math.hypot(*b.values())
    return sum(weight * b.get(ngram, 0.0) for ngram, weight in a.items()) / norms if norms else 0.0
