import functools
import math
import random

import pytest

from whynet.base.errors import DataError
from whynet.metrics import cider as cider_module
from whynet.metrics.cider import cider
from whynet.metrics.class_relevance import class_relevance
from whynet.metrics.language import tokenise


def slow_similarity(candidate, label, references, reference_labels):
    """Equations (1) to (3) of CIDEr in loops, times 10: the class's references, but the idf of all reference images."""

    def grams(sentence, n):
        words = sentence.split()
        return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]

    @functools.cache
    def g(k, sentence, n):
        images = sum(any(k in grams(q, n) for q in own) for own in references)
        return grams(sentence, n).count(k) / len(grams(sentence, n)) * math.log(len(references) / max(images, 1))

    pooled = [s for own, other in zip(references, reference_labels, strict=True) if other == label for s in own]
    total = 0.0
    for n in (1, 2, 3, 4):
        for reference in pooled:
            keys = sorted({*grams(candidate, n), *grams(reference, n)})
            c = [g(k, candidate, n) if grams(candidate, n) else 0.0 for k in keys]
            s = [g(k, reference, n) if grams(reference, n) else 0.0 for k in keys]
            norms = math.sqrt(sum(x * x for x in c)) * math.sqrt(sum(x * x for x in s))
            dot = sum(x * y for x, y in zip(c, s, strict=True))
            total += (dot / norms if norms else 0.0) / len(pooled) / 4
    return 10 * total


def slow_rank(similarities, label):
    """The mean of the places that the label can take when the classes are sorted."""
    ordered = sorted(similarities.values(), reverse=True)
    places = [place for place, value in enumerate(ordered, start=1) if abs(value - similarities[label]) < 1e-9]
    return sum(places) / len(places)


@pytest.fixture(scope="module")
def scored(birds):
    """8 candidates and 10 reference images of 4 classes, whose labels are no indices."""
    candidates = [*birds[0][:5], "", "a grey head", "red red red heron"]
    references = [[text.lower() for text in own][: 1 + index % 3] for index, own in enumerate(birds[1][:10])]
    draw = random.Random(1)
    reference_labels = [7, 3, 11, 5, *draw.choices([3, 5, 7, 11], k=6)]
    return [text.lower() for text in candidates], [3, 5, 7, 11, 3, 5, 7, 11], references, reference_labels


def test_equals_the_equations_of_the_paper(scored):
    candidates, labels, references, reference_labels = scored
    result = class_relevance(*scored)
    for index, (candidate, label) in enumerate(zip(candidates, labels, strict=True)):
        slow = {c: slow_similarity(candidate, c, references, reference_labels) for c in (3, 5, 7, 11)}
        assert result.similarity[index] == pytest.approx(slow[label], abs=1e-12)
        assert result.rank[index] == slow_rank(slow, label)
    assert len(set(result.rank)) >= 4
    assert result.rank[candidates.index("")] == 2.5


def test_equals_cider_against_the_class_with_the_idf_of_the_images(scored, monkeypatch):
    candidates, labels, references, reference_labels = scored
    by_image = cider_module._TfIdf(
        cider_module.Counter(k for own in references for k in set().union(*map(cider_module._ngrams, own))),
        len(references),
    )
    pooled = {
        label: [s for own, other in zip(references, reference_labels, strict=True) if other == label for s in own]
        for label in reference_labels
    }
    monkeypatch.setattr(cider_module, "_TfIdf", lambda images_with, num_images: by_image)
    expected = cider(candidates, [pooled[label] for label in labels])
    assert class_relevance(*scored).similarity == pytest.approx(expected, abs=1e-12)


def test_order_changes_nothing(scored):
    candidates, labels, references, reference_labels = scored
    straight = class_relevance(*scored)
    backwards = class_relevance(candidates[::-1], labels[::-1], references[::-1], reference_labels[::-1])
    assert backwards.similarity[::-1] == pytest.approx(straight.similarity, abs=1e-12)
    assert backwards.rank[::-1] == straight.rank


def test_classes_that_are_told_apart_and_classes_that_are_not():
    references = [["a red bird"], ["a grey owl"], ["a grey owl"]]
    result = class_relevance(["a red bird", "a grey owl", "a grey owl"], [0, 0, 1], references, [0, 1, 2])
    assert result.similarity[0] == pytest.approx(7.5)  # no 4-grams
    assert result.similarity[1] == 0
    assert result.rank == (1.0, 3.0, 1.5)


def test_raw_sentences_are_tokenised_as_for_cider(language_tools):
    assert [sentence.words for sentence in tokenise(["A Red bird's crown, (long).", "...", ""])] == [
        "a red bird 's crown -lrb- long -rrb-",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [["a"]], [0]), "at least 1 sentence, but there are 0"),
        ((["a"], [0, 1], [["a"]], [0]), "each sentence needs the label of its class, but there are 1 of the one and 2"),
        ((["a"], [0], [["a"]], []), "each reference image needs the label of its class, but there are 1 of the one"),
        ((["a"], [0], [["a"], []], [0, 0]), r"but image 1 has \[\]"),
        ((["a"], [0], [["a", " "]], [0]), r"none of them blank, but image 0 has \['a', ' '\]"),
        ((["a", "b"], [0, 4], [["a"]], [0]), "class 4 has none"),
    ],
)
def test_what_cannot_be_scored_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        class_relevance(*arguments)
