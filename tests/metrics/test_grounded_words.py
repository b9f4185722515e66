import math
import random

import pytest
import torch

from whynet.base.errors import DataError
from whynet.metrics.grounded_words import GroundedWords


def measure(words, seed=0):
    """Of words (image, p, p' with the named part changed, p' with another changed)."""
    metric = GroundedWords(seed=seed)
    half = len(words) // 2
    for part in (words[:half], words[half:]):
        image, *p = zip(*part, strict=True)
        metric.update(*(torch.tensor(column).double().log() for column in p), torch.tensor(image))
    return metric.compute()


def drawn(num_images, share_named, share_other, seed=0):
    draw = random.Random(seed)
    return [
        (
            image,
            p,
            p * (0.3 if draw.random() < share_named else 0.95),
            p * (0.3 if draw.random() < share_other else 1.2),
        )
        for image in range(num_images)
        for p in [draw.uniform(0.2, 0.8) for _ in range(draw.randrange(1, 7))]
    ]


def slow(words, column):
    fallen = [word[column] <= 0.9 * word[1] for word in words]
    ratios = [math.log(word[column] / word[1]) for word in words]
    return sum(fallen) / len(words), sum(ratios) / len(words)


def slow_interval(words, column, resamples=3000):
    """Percentiles of the share over resampled images, drawn one by one."""
    draw = random.Random(1)
    by_image = {}
    for word in words:
        by_image.setdefault(word[0], []).append(word[column] <= 0.9 * word[1])
    shares = []
    for _ in range(resamples):
        sample = [fallen for _ in by_image for fallen in draw.choice(list(by_image.values()))]
        shares.append(sum(sample) / len(sample))
    shares.sort()
    return shares[round(0.025 * resamples)], shares[round(0.975 * resamples) - 1]


def test_equals_a_slow_count():
    words = drawn(60, 0.7, 0.2)
    found = measure(words)
    for name, column in (("named_part", 2), ("other_part", 3)):
        share, ratio = slow(words, column)
        assert found[name]["share"] == pytest.approx(share)
        assert found[name]["mean_log_ratio"] == pytest.approx(ratio)
        assert found[name]["n"] == len(words)
        assert (found[name]["low"], found[name]["high"]) == pytest.approx(slow_interval(words, column), abs=0.015)
    assert found["difference"]["share"] == pytest.approx(slow(words, 2)[0] - slow(words, 3)[0])
    assert found["difference"]["low"] > 0


def test_neither_the_order_nor_the_names_of_images_matter_but_the_seed_does():
    words = drawn(30, 0.5, 0.3)
    shuffled = random.Random(5).sample(words, len(words))
    assert measure(shuffled)["difference"] == pytest.approx(measure(words)["difference"])
    renamed = [(1000 - image, *p) for image, *p in words]
    assert measure(renamed)["named_part"]["share"] == measure(words)["named_part"]["share"]
    assert measure(words, seed=1)["difference"]["low"] != measure(words)["difference"]["low"]


def test_words_of_one_image_count_as_one_witness():
    """Ten copies of each word in its own image tell no more than one; in images of their own they tell more."""
    words = drawn(20, 0.5, 0.3)
    single = measure(words)["named_part"]
    copies = measure([word for word in words for _ in range(10)])["named_part"]
    assert (copies["low"], copies["high"]) == pytest.approx((single["low"], single["high"]))
    apart = measure([(image + 100 * copy, *p) for image, *p in words for copy in range(10)])["named_part"]
    assert apart["high"] - apart["low"] < 0.5 * (single["high"] - single["low"])


def test_a_tenth_is_the_limit():
    words = [(0, 0.5, 0.4499, 0.4501), (1, 0.5, 0.44, 0.46), (2, 0.5, 0.0001, 0.9), (3, 0.5, 0.4, 0.5)]
    found = measure(words)
    assert found["named_part"]["share"] == found["named_part"]["low"] == found["named_part"]["high"] == 1
    assert found["other_part"]["share"] == found["other_part"]["high"] == 0


@pytest.mark.parametrize("num_images", [0, 1])
@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric GroundedWords was called before:UserWarning")
def test_an_interval_needs_two_images(num_images):
    metric = GroundedWords()
    for _ in range(3 * num_images):
        metric.update(torch.zeros(1), torch.zeros(1), torch.zeros(1), torch.zeros(1, dtype=torch.long))
    with pytest.raises(DataError, match=f"words of at least 2, but there are {num_images}"):
        metric.compute()


def test_reset_forgets():
    metric = GroundedWords()
    metric.update(torch.zeros(2), -torch.ones(2), -torch.ones(2), torch.tensor([0, 1]))
    assert metric.compute()["named_part"]["share"] == 1
    metric.reset()
    metric.update(torch.zeros(2), torch.zeros(2), torch.zeros(2), torch.tensor([0, 1]))
    assert metric.compute()["named_part"]["share"] == 0
