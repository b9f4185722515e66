from collections import Counter

import pytest

from whynet.base.errors import DataError
from whynet.metrics.floors import most_frequent, random_same_class

TRAIN_LABELS = [0, 1, 0, 2]
TRAIN_CAPTIONS = [("a", "b"), ("x",), ("c",), ()]


def test_captions_come_from_the_class_and_the_seed_decides():
    labels = [0, 1] * 150
    drawn = random_same_class(labels, TRAIN_LABELS, TRAIN_CAPTIONS, seed=5)
    assert drawn == random_same_class(labels, TRAIN_LABELS, TRAIN_CAPTIONS, seed=5)
    assert drawn != random_same_class(labels, TRAIN_LABELS, TRAIN_CAPTIONS, seed=6)
    assert set(drawn[1::2]) == {"x"}
    counts = Counter(drawn[::2])
    assert set(counts) == {"a", "b", "c"}
    assert min(counts.values()) > 30  # 50 expected: every caption is as likely, not every image


def test_a_class_without_captions_is_refused():
    for label in (2, 7):
        with pytest.raises(
            DataError, match=f"test image 1 is of class {label}, of which no training image has a caption"
        ):
            random_same_class([0, label], TRAIN_LABELS, TRAIN_CAPTIONS, seed=0)


def test_labels_must_match_the_captions():
    with pytest.raises(DataError, match="3 labels and captions of 4 images"):
        random_same_class([0], TRAIN_LABELS[:3], TRAIN_CAPTIONS, seed=0)


def test_the_most_frequent_caption_and_ties():
    assert most_frequent([("a", "b"), ("b",), ("c",)]) == "b"
    assert most_frequent([("c", "a"), ("a", "c"), ("b",)]) == "c"


def test_no_caption_at_all_is_refused():
    with pytest.raises(DataError, match="expected training captions, but 2 images have none"):
        most_frequent([(), ()])
