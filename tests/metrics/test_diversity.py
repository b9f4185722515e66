import random

import pytest

from whynet.base.errors import DataError
from whynet.metrics import copied_share, distinct_share

TRAIN = [("A red bird .", "an owl"), (), ("the grey owl sits.",)]


def test_by_hand():
    written = ["a red bird.", "an owl.", "A  RED bird!", "a blue bird.", "an owl, an owl."]
    assert distinct_share(written) == 4 / 5
    assert copied_share(written, TRAIN) == 3 / 5


def test_all_the_same_and_all_different():
    assert distinct_share(["an owl."] * 8) == 1 / 8
    assert distinct_share([f"owl {number}." for number in range(8)]) == 1.0
    assert copied_share(["owl"], TRAIN) == 0.0  # a part of a caption is none
    assert copied_share(TRAIN[0], TRAIN) == 1.0


def test_equals_a_slow_count_in_any_order():
    draw = random.Random(2)
    written = [" ".join(draw.choices("ab", k=3)) for _ in range(12)]
    train = [tuple(" ".join(draw.choices("ab", k=3)) for _ in range(2)) for _ in range(2)]
    first = [all(written[j] != written[i] for j in range(i)) for i in range(12)]
    copied = [any(written[i] == caption for captions in train for caption in captions) for i in range(12)]
    assert 0 < sum(copied) < 12
    for sentences in (written, written[::-1]):
        assert distinct_share(sentences) == sum(first) / 12
        assert copied_share(sentences, train) == sum(copied) / 12


def test_nothing_is_refused():
    with pytest.raises(DataError, match=r"at least 1 sentence, but got \[\]"):
        distinct_share([])
    with pytest.raises(DataError, match="needs a list of at least 1 sentence, but got 'an owl'"):
        copied_share("an owl", TRAIN)
    with pytest.raises(DataError, match="expected training captions, but 2 images have none"):
        copied_share(["an owl"], [(), ()])
