import math

import pytest

from whynet.base.errors import DataError
from whynet.metrics.cider import cider


def slow_cider(candidates, references):
    """Equations (1) to (3) of arXiv:1411.5726 in loops, times 10; an n-gram of no reference counts as of one image."""

    def grams(sentence, n):
        words = sentence.split()
        return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]

    def h(k, sentence, n):
        return sum(gram == k for gram in grams(sentence, n))

    def g(k, sentence, n):
        images = sum(min(1, sum(h(k, q, n) for q in own)) for own in references)
        return h(k, sentence, n) / len(grams(sentence, n)) * math.log(len(references) / max(images, 1))

    scores = []
    for candidate, own in zip(candidates, references, strict=True):
        total = 0.0
        for n in (1, 2, 3, 4):
            for reference in own:
                keys = sorted({*grams(candidate, n), *grams(reference, n)})
                c = [g(k, candidate, n) if grams(candidate, n) else 0.0 for k in keys]
                s = [g(k, reference, n) if grams(reference, n) else 0.0 for k in keys]
                norms = math.sqrt(sum(x * x for x in c)) * math.sqrt(sum(x * x for x in s))
                dot = sum(x * y for x, y in zip(c, s, strict=True))
                total += (dot / norms if norms else 0.0) / len(own) / 4
        scores.append(10 * total)
    return scores


def test_equals_the_equations_of_the_paper(birds):
    candidates = [*birds[0][:8], "", "a bird", "bird bird bird bird bird red"]
    references = [*birds[1][:8], ["a bird"], ["a red bird", "one"], ["bird bird red bird bird"]]
    expected = slow_cider(candidates, references)
    assert len({round(score, 6) for score in expected}) >= 9
    assert cider(candidates, references) == pytest.approx(expected, abs=1e-9)


def test_identical_sentences_score_10_and_strangers_0():
    scores = cider(["a red bird sings", "x y z w", ""], [["a red bird sings"], ["the grey owl sits"], ["one two"]])
    assert scores == pytest.approx((10.0, 0.0, 0.0))


def test_there_is_neither_clipping_nor_a_length_penalty():
    # "red red red" points the same way as "red": the cosine of the single words is 1, that of longer n-grams is 0.
    scores = cider(["red red red", "owl"], [["red"], ["owl"]])
    assert scores == pytest.approx((2.5, 2.5))


def test_one_image_alone_has_no_idf():
    assert cider(["a red bird sings"], [["a red bird sings"]]) == (0.0,)


def test_a_permutation_of_the_examples_changes_nothing(birds):
    straight = cider(*birds)
    backwards = cider(birds[0][::-1], birds[1][::-1])
    assert backwards[::-1] == pytest.approx(straight, abs=1e-12)


def test_an_example_without_references_is_refused():
    with pytest.raises(DataError, match="example 1 has no references"):
        cider(["a", "b"], [["a"], []])
