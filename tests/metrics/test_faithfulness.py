"""Compared with one replacement after the other; a perfect explanation changes nothing."""

import math

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics import Faithfulness


def replica(logits, predictions, classes):
    """Replaces one logit at a time and asks torch for the arg-max."""
    f_reg, f_cls = [], []
    for column, j in enumerate(classes):
        error, stayed = 0.0, 0
        for y, own in zip(logits, predictions, strict=True):
            error += abs(float(own[column]) - float(y[j]))
            replaced = y.clone()
            replaced[j] = own[column]
            stayed += int(torch.argmax(replaced)) == int(torch.argmax(y))
        f_reg.append(error / len(logits))
        f_cls.append(stayed / len(logits))
    return f_reg, f_cls


@pytest.mark.parametrize(("num_classes", "classes"), [(6, [4, 0, 5]), (4, [3, 2, 1, 0]), (2, [1]), (1, [0])])
@pytest.mark.parametrize("ties", [False, True])
def test_equals_replacing_one_after_the_other(num_classes, classes, ties):
    draw = torch.Generator().manual_seed(num_classes)
    logits = 3 * torch.randn(200, num_classes, generator=draw).double()
    predictions = logits[:, classes] + 2 * torch.randn(200, len(classes), generator=draw).double()
    if ties:
        logits, predictions = logits.div(2).round(), predictions.div(2).round()
    metric = Faithfulness(classes)
    metric.update(logits[:30], predictions[:30])
    metric.update(logits[30:], predictions[30:])
    found = metric.compute()
    f_reg, f_cls = replica(logits, predictions, classes)
    assert found.f_reg.tolist() == pytest.approx(f_reg)
    assert found.f_cls.tolist() == f_cls
    assert found.n == 200
    assert num_classes == 1 or 0 < min(f_cls) < 1


def test_a_perfect_explanation_changes_nothing():
    logits = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    metric = Faithfulness(range(5))
    metric.update(logits, logits)
    found = metric.compute()
    assert found.f_reg.tolist() == [0] * 5
    assert found.f_cls.tolist() == [1] * 5


def test_what_is_added_to_all_logits_changes_nothing():
    draw = torch.Generator().manual_seed(1)
    logits, predictions = torch.randn(40, 5, generator=draw).double(), torch.randn(40, 2, generator=draw).double()
    plain, raised = Faithfulness([1, 3]), Faithfulness([1, 3])
    plain.update(logits, predictions)
    raised.update(logits + 8, predictions + 8)
    torch.testing.assert_close(raised.compute().f_reg, plain.compute().f_reg)
    assert torch.equal(raised.compute().f_cls, plain.compute().f_cls)


def test_by_hand():
    metric = Faithfulness([0, 2])
    logits = torch.tensor([[5.0, 1.0, 3.0], [0.0, 1.0, 3.0]])
    metric.update(logits, torch.tensor([[3.5, 3.0], [0.5, 1.0]]))
    found = metric.compute()
    # 3.5 stays above 3; 1 no longer wins over class 1, which comes first.
    assert found.f_reg.tolist() == [1.0, 1.0]
    assert found.f_cls.tolist() == [1.0, 0.5]


def test_devices_add_up():
    draw = torch.Generator().manual_seed(2)
    logits, predictions = torch.randn(12, 3, generator=draw), torch.randn(12, 1, generator=draw)
    whole, one, other = Faithfulness([2]), Faithfulness([2]), Faithfulness([2])
    whole.update(logits, predictions)
    one.update(logits[:5], predictions[:5])
    other.update(logits[5:], predictions[5:])
    for name, state in other.metric_state.items():
        assert one._reductions[name].__name__ == "dim_zero_sum"
        setattr(one, name, getattr(one, name) + state)
    torch.testing.assert_close(one.compute().f_reg, whole.compute().f_reg)
    assert torch.equal(one.compute().f_cls, whole.compute().f_cls)
    assert one.compute().f_reg.shape == (1,)
    assert one.compute().n == 12


def test_what_cannot_be_compared_is_refused():
    metric = Faithfulness([0, 3])
    logits = torch.zeros(2, 4)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        metric.compute()
    with pytest.raises(DataError, match="the explained class 3 among them, were expected, but 3 came"):
        metric.update(logits[:, :3], torch.zeros(2, 2))
    with pytest.raises(DataError, match=r"predictions of shape \(2, 2\).* were expected, but \(2, 3\) came"):
        metric.update(logits, torch.zeros(2, 3))
    for wrong in (math.nan, -math.inf):
        with pytest.raises(DataError, match="finite logits and predictions were expected"):
            metric.update(logits, torch.full((2, 2), wrong))
        with pytest.raises(DataError, match="finite logits and predictions were expected"):
            metric.update(logits + wrong, torch.zeros(2, 2))
    for classes in ([], [1, 1], [-1]):
        with pytest.raises(SettingError, match="at least 1 explained class was expected, each once and counted from 0"):
            Faithfulness(classes)
