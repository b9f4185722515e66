"""Class relevance: does a sentence say what people say of its class, and more so than of any other class?

Hendricks et al., "Generating Visual Explanations", ECCV 2016, arXiv:1603.08507, section 4 ("Metrics"):

    similarity(c, y) = CIDEr(c, all reference sentences of all images of class y)
    class similarity = mean over sentences c of similarity(c, class of c)
    class rank       = mean over sentences c of the place of its class, 1 the best, when all classes are sorted by
                       similarity(c, .)

CIDEr is `cider`'s, with the idf still counted by image: an n-gram weighs log(|I| / images with it). A mean of cosines
is one product with the mean of the class's unit vectors u_n(s) = g^n(s) / ||g^n(s)||,

    similarity(c, y) = 10 sum_{n=1..4} 1/4 u_n(c) . (1/m sum_{j in y} u_n(s_j))

and a thousand sentences against hundreds of classes of hundreds of sentences take seconds.

Differs from the authors' released code: it scores with coco-caption's CIDEr, which is CIDEr-D (clipped, damped by
length), and collects the images for the idf without passing them on; it keeps the rightly classified images alone (pass
only those to do the same), and the references are the training set's; ties come in any order, where here they share
their mean place.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from whynet.base.errors import DataError

_MAX_N = 4
_TIE = 1e-9
"""Similarities in [0, 10] that are no further apart are equal but for rounding."""


@dataclass(frozen=True, kw_only=True)
class ClassRelevance:
    """What each sentence has to do with its class; a set's figures are the means.

    Args:
        similarity: To the references of its class, in [0, 10]; higher is better.
        rank: Place of its class among all that have references: 1 the best, ties share their mean; lower is better.
    """

    similarity: tuple[float, ...]
    rank: tuple[float, ...]


def class_relevance(
    candidates: Sequence[str],
    labels: Sequence[int],
    references: Sequence[Sequence[str]],
    reference_labels: Sequence[int],
) -> ClassRelevance:
    """Class similarity and class rank of each sentence.

    Args:
        candidates: The sentences, tokenised; tokens are what white space separates (the `words` that
            `language.tokenise` gives). One without tokens has similarity 0 to all classes, which then share the middle
            rank.
        labels: The class of the image of each sentence.
        references: The tokenised sentences of each reference image, as of the training set; one or more an image.
        reference_labels: The class of each reference image.

    Returns:
        Both figures of each sentence, in their order.

    Raises:
        DataError: There are no sentences, counts differ, a reference image has no sentence or a blank one, or a label
            has no references.
    """
    _check(candidates, labels, references, reference_labels)
    classes = {label: column for column, label in enumerate(sorted(set(reference_labels)))}
    reference_classes = np.array([classes[label] for label in reference_labels])
    similarities = _similarities(candidates, references, reference_classes)  # (S, C)
    own = similarities[np.arange(len(labels)), [classes[label] for label in labels]]
    better = (similarities > own[:, None] + _TIE).sum(1)
    equal = (np.abs(similarities - own[:, None]) <= _TIE).sum(1)  # its own class among them
    ranks = better + (equal + 1) / 2
    return ClassRelevance(similarity=tuple(own.tolist()), rank=tuple(ranks.tolist()))


def _similarities(
    candidates: Sequence[str], references: Sequence[Sequence[str]], reference_classes: np.ndarray
) -> Float[np.ndarray, "sentences classes"]:
    from scipy.sparse import csr_array

    sentences = [sentence.split() for own in references for sentence in own]
    image_of = np.repeat(np.arange(len(references)), [len(own) for own in references])
    columns = np.arange(len(sentences))
    to_images = csr_array((np.ones(len(sentences)), (image_of, columns)))  # (I, R)
    class_of = reference_classes[image_of]
    to_classes = csr_array((1 / np.bincount(class_of)[class_of], (class_of, columns)))  # (C, R)
    written = [candidate.split() for candidate in candidates]
    similarities = np.zeros((len(written), to_classes.shape[0]))
    for n in range(1, _MAX_N + 1):
        counts = _ngram_counts([*sentences, *written], n)
        images_with = (to_images @ counts[: len(sentences)] > 0).sum(0)
        # An n-gram that no reference has counts as of one image, as in `cider`.
        vectors = _unit_rows(counts * np.log(len(references) / np.maximum(images_with, 1)))
        centroids = to_classes @ vectors[: len(sentences)]  # (C, N)
        similarities += (vectors[len(sentences) :] @ centroids.T).toarray()
    scaled: np.ndarray = similarities * 10 / _MAX_N
    return scaled


def _ngram_counts(sentences: Sequence[Sequence[str]], n: int) -> Any:
    """How often each n-gram occurs in each sentence: a sparse array (sentences, n-grams)."""
    from scipy.sparse import csr_array

    ids: dict[tuple[str, ...], int] = {}
    columns: list[int] = []
    counts: list[int] = []
    starts = [0]
    for words in sentences:
        for ngram, count in Counter(zip(*(words[i:] for i in range(n)), strict=False)).items():
            columns.append(ids.setdefault(ngram, len(ids)))
            counts.append(count)
        starts.append(len(columns))
    return csr_array((np.array(counts, dtype=float), columns, starts), shape=(len(sentences), len(ids)))


def _unit_rows(rows: Any) -> Any:
    """Each row of a sparse array over its length; a row of zeros stays one."""
    lengths = np.sqrt((rows * rows).sum(1))
    return rows * (1 / np.where(lengths > 0, lengths, 1))[:, None]


def _check(
    candidates: Sequence[str],
    labels: Sequence[int],
    references: Sequence[Sequence[str]],
    reference_labels: Sequence[int],
) -> None:
    if not candidates:
        raise DataError("class relevance needs at least 1 sentence, but there are 0; give some sentences")
    for name, sentences, classes in (
        ("sentence", candidates, labels),
        ("reference image", references, reference_labels),
    ):
        if len(sentences) != len(classes):
            raise DataError(
                f"each {name} needs the label of its class, but there are {len(sentences)} of the one and "
                f"{len(classes)} of the other; give as many"
            )
    for index, own in enumerate(references):
        if isinstance(own, str) or not own or not all(sentence.strip() for sentence in own):
            raise DataError(
                f"each reference image needs sentences, none of them blank, but image {index} has {own!r}; leave it out"
            )
    if lacking := sorted(set(labels) - set(reference_labels)):
        raise DataError(
            f"each label needs references of its class, but class {lacking[0]} has none; add some or leave it out"
        )
