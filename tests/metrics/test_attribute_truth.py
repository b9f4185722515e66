import random

import pytest

from whynet.base.errors import DataError
from whynet.metrics import AttributeTruth

RED, LONG, GREY, BLUE = ("crown", "red"), ("tail", "long"), ("belly", "grey"), ("wings", "blue")


def slow(sentences):
    pairs = [(claim, s) for s in sentences for claim in s[0]]
    telling = [(claim, s) for s in sentences for claim in s[3] if claim in s[1]]
    return {
        "true_of_image": sum(claim in s[1] for claim, s in pairs) / len(pairs),
        "true_of_class": sum(claim in s[2] for claim, s in pairs) / len(pairs),
        "recall": sum(claim in s[0] for claim, s in telling) / len(telling),
        "claims": len(pairs) / len(sentences),
    }


def measure(sentences):
    metric = AttributeTruth()
    for sentence in sentences:
        metric.update(*sentence)
    return metric.compute()


def test_by_hand():
    sentences = [
        ({RED, LONG}, {RED, GREY}, {RED, LONG, GREY}, {RED, GREY, BLUE}),
        (set(), {BLUE}, {BLUE}, {BLUE}),  # claims nothing: counts for recall, not for truth
    ]
    # Claims RED (true) and LONG (of the class only); telling and seen: RED, GREY, BLUE, of which RED is claimed.
    expected = {"true_of_image": 1 / 2, "true_of_class": 1.0, "recall": 1 / 3, "claims": 1.0}
    assert measure(sentences) == pytest.approx(expected)


def test_equals_a_slow_count_in_any_order():
    draw = random.Random(3)
    attributes = [(part, colour) for part in ("crown", "tail", "belly") for colour in ("red", "grey", "blue")]
    sentences = [tuple(frozenset(draw.sample(attributes, draw.randrange(7))) for _ in range(4)) for _ in range(60)]
    expected = slow(sentences)
    assert measure(sentences) == pytest.approx(expected, abs=1e-6)
    assert measure(sentences[::-1]) == measure(sentences)


def test_two_devices_add_up():
    sentences = [
        ({RED}, {RED}, {RED}, {RED, GREY}),
        ({GREY, BLUE}, {GREY}, {GREY}, {GREY}),
        (set(), {RED}, {RED}, {RED}),
    ]
    first, second = AttributeTruth(), AttributeTruth()
    first.update(*sentences[0])
    for sentence in sentences[1:]:
        second.update(*sentence)
    reductions = first._reductions
    for name, state in second.metric_state.items():
        assert reductions[name].__name__ == "dim_zero_sum"
        setattr(first, name, getattr(first, name) + state)
    assert first.compute() == pytest.approx(slow(sentences))


def test_a_share_of_nothing_is_left_out():
    assert measure([(set(), {RED}, {RED}, {RED})]) == {"claims": 0.0, "recall": 0.0}
    figures = measure([({RED}, {RED}, {RED}, {GREY})])
    assert figures == {"claims": 1.0, "true_of_image": 1.0, "true_of_class": 1.0}


def test_reset_forgets():
    metric = AttributeTruth()
    metric.update({RED}, set(), set(), {RED})
    metric.compute()
    metric.reset()
    metric.update({RED}, {RED}, {RED}, {RED})
    assert set(metric.compute().values()) == {1.0}


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric AttributeTruth was called before:UserWarning")
def test_no_sentence_is_refused():
    with pytest.raises(DataError, match="at least 1 sentence, but there are 0"):
        AttributeTruth().compute()
