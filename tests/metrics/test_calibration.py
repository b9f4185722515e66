import math

import pytest
import torch
from torchmetrics.classification import BinaryCalibrationError, MulticlassCalibrationError

from whynet.base.errors import DataError
from whynet.base.tokens import NUM_SPECIAL, PADDING, STOP, UNKNOWN
from whynet.metrics import WordCalibration, claim_calibration


def slow_error(confidences, rights):
    """Equation (3) in loops: bins ((m-1)/15, m/15]."""
    total = 0.0
    for m in range(1, 16):
        inside = [i for i, p in enumerate(confidences) if (m - 1) / 15 < p <= m / 15 or (p == 0 and m == 1)]
        if inside:
            accuracy = sum(bool(rights[i]) for i in inside) / len(inside)
            confidence = sum(confidences[i] for i in inside) / len(inside)
            total += len(inside) / len(confidences) * abs(accuracy - confidence)
    return total


def random_sentences(seed, *, unknown=True):
    """Scores (8, 12, 9), some peaked, and targets that the scores favour; some places are padding."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(UNKNOWN if unknown else STOP, 9, (8, 12), generator=generator)
    scores = torch.randn(8, 12, 9, generator=generator) * torch.rand(8, 12, 1, generator=generator) * 4
    scores.scatter_add_(2, targets[..., None], torch.rand(8, 12, 1, generator=generator) * 3)
    for row in range(8):
        targets[row, 12 - row :] = PADDING
    return scores, targets


def test_words_equal_a_slow_count():
    scores, targets = random_sentences(0)
    confidences, rights, unknown = [], [], 0
    for row in range(8):
        for place in range(12):
            word = int(targets[row, place])
            if word != PADDING:
                exponentials = [math.exp(score) for score in scores[row, place].tolist()]
                best = max(range(9), key=exponentials.__getitem__)
                confidences.append(exponentials[best] / sum(exponentials))
                rights.append(best == word and word != UNKNOWN)
                unknown += word == UNKNOWN
    metric = WordCalibration()
    metric.update(scores, targets)
    figures = metric.compute()
    assert figures["ece"] == pytest.approx(slow_error(confidences, rights), abs=1e-6)
    assert figures["accuracy"] == pytest.approx(sum(rights) / len(rights))
    assert figures["confidence"] == pytest.approx(sum(confidences) / len(rights))
    assert 0 < figures["unknown_words"] == unknown / len(rights)


def test_words_equal_torchmetrics():
    scores, targets = random_sentences(1, unknown=False)
    ours, theirs = WordCalibration(), MulticlassCalibrationError(9, n_bins=15, ignore_index=PADDING)
    ours.update(scores, targets)
    theirs.update(scores.softmax(2).flatten(0, 1), targets.flatten())
    assert ours.compute()["ece"] == pytest.approx(float(theirs.compute()), abs=1e-6)


def test_bins_add_up_to_the_figures():
    metric = WordCalibration()
    metric.update(*random_sentences(2))
    figures = metric.compute()
    full = [part for part in figures["bins"] if part["share"]]
    assert len(figures["bins"]) == 15 > len(full) > 5
    for name in ("accuracy", "confidence"):
        assert sum(part["share"] * part[name] for part in full) == pytest.approx(figures[name])
    ece = sum(part["share"] * abs(part["accuracy"] - part["confidence"]) for part in full)
    assert figures["ece"] == pytest.approx(ece)
    for index, part in enumerate(figures["bins"]):
        assert part == {"share": 0.0} or index / 15 < part["confidence"] <= (index + 1) / 15 + 1e-6


def test_batches_and_devices_add_up_and_padding_counts_nothing():
    scores, targets = random_sentences(3)
    whole, batches, other = WordCalibration(), WordCalibration(), WordCalibration()
    whole.update(scores, targets)
    for metric, rows in ((batches, [0, 2, 4]), (other, [1, 3, 5, 6, 7])):
        for row in rows:
            kept = 12 - row
            metric.update(scores[row : row + 1, :kept], targets[row : row + 1, :kept])
    for name, state in other.metric_state.items():
        assert batches._reductions[name].__name__ == "dim_zero_sum"
        setattr(batches, name, getattr(batches, name) + state)
    together, apart = whole.compute(), batches.compute()
    assert apart.pop("bins")[5] == pytest.approx(together.pop("bins")[5])
    assert apart == pytest.approx(together)


def test_a_sure_network_is_calibrated_where_it_is_right_and_never_on_unknown_words():
    targets = torch.tensor([[4, 5, STOP, PADDING], [6, UNKNOWN, STOP, PADDING]])
    scores = 100 * torch.nn.functional.one_hot(targets, 7).float()
    metric = WordCalibration()
    metric.update(scores, targets)
    figures = metric.compute()
    assert figures["bins"][-1] == pytest.approx({"share": 1.0, "accuracy": 5 / 6, "confidence": 1.0})
    assert (figures["ece"], figures["unknown_words"]) == pytest.approx((1 / 6, 1 / 6))


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric WordCalibration was called before:UserWarning")
def test_words_that_cannot_be_counted_are_refused():
    metric = WordCalibration()
    with pytest.raises(DataError, match="at least 1 word, but there are 0"):
        metric.compute()
    scores = torch.zeros(1, 2, NUM_SPECIAL + 1)
    scores[0, 1, 4] = torch.nan
    metric.update(scores, torch.tensor([[4, PADDING]]))  # nobody reads a score at the padding
    with pytest.raises(DataError, match="scores without NaN or infinity were expected"):
        metric.update(scores, torch.tensor([[4, 4]]))


def test_claims_equal_a_slow_count_and_torchmetrics():
    generator = torch.Generator().manual_seed(4)
    probabilities = torch.rand(300, generator=generator)
    truths = torch.rand(300, generator=generator) < probabilities.square()
    error = claim_calibration(probabilities.tolist(), truths.tolist())
    assert error == pytest.approx(slow_error(probabilities.tolist(), truths.tolist()), abs=1e-9)
    assert error == pytest.approx(float(BinaryCalibrationError(15)(probabilities, truths.int())), abs=1e-6)
    edges = [0.0, 1 / 15, 2 / 15, 1.0]
    assert claim_calibration(edges, [True, False, True, True]) == pytest.approx(
        slow_error(edges, [True, False, True, True])
    )


def test_claims_by_hand():
    assert claim_calibration([0.75] * 4, [True, True, False, True]) == pytest.approx(0)
    assert claim_calibration([1.0, 0.0], [False, True]) == 1.0


@pytest.mark.parametrize(
    ("probabilities", "truths", "message"),
    [
        ([], [], "0 probabilities and 0 truths"),
        ([0.5], [True, False], "1 probabilities and 2 truths"),
        ([0.5, 1.5], [True, False], "between 0 and 1, but 1.5 came"),
        ([math.nan], [True], "between 0 and 1, but nan came"),
    ],
)
def test_claims_that_cannot_be_counted_are_refused(probabilities, truths, message):
    with pytest.raises(DataError, match=message):
        claim_calibration(probabilities, truths)
