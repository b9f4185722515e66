"""Why it is there, and that it is a torchmetrics `Metric` in all else."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from whynet.metrics.record_metric import RecordMetric


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    means: Tensor
    n: int


class Counting:
    """What both metrics below do."""

    full_state_update = False

    def __init__(self):
        super().__init__()
        self.add_state("sums", torch.zeros(1), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")
        self.times_computed = 0

    def update(self, values):
        self.sums += values.sum(0, keepdim=True)
        self.total += len(values)

    def compute(self):
        """The figures so far."""
        self.times_computed += 1
        return Figures(means=self.sums / self.total, n=int(self.total))


class Plain(Counting, Metric):
    pass


class Recorded(Counting, RecordMetric):
    pass


def test_torchmetrics_alone_refuses_a_frozen_record():
    metric = Plain()
    metric.update(torch.ones(3))
    with pytest.raises(ValueError, match="frozen dataclass"):
        metric.compute()


def test_a_record_comes_out_as_it_was_made_and_once():
    metric = Recorded()
    metric.update(torch.tensor([1.0, 2.0]))
    metric.update(torch.tensor([6.0]))
    figures = metric.compute()
    assert figures.means.tolist() == [3.0]  # one entry, and still an axis
    assert figures.n == 3
    with pytest.raises(FrozenInstanceError):
        figures.n = 4
    assert metric.compute() is figures
    assert metric.times_computed == 1
    assert metric.compute.__doc__ == "The figures so far."
    metric.update(torch.tensor([7.0]))
    assert metric.compute().n == 4


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
def test_a_copy_goes_on_by_itself(copied):
    metric = Recorded()
    metric.update(torch.tensor([1.0]))
    assert metric.compute().n == 1
    other = copied(metric)
    other.update(torch.tensor([3.0]))
    assert other.compute().means.tolist() == [2.0]
    assert metric.compute().means.tolist() == [1.0]


def test_one_call_gives_the_figures_of_its_batch_and_keeps_those_of_all():
    metric = Recorded()
    assert metric(torch.tensor([1.0])).means.tolist() == [1.0]
    assert metric(torch.tensor([3.0])).means.tolist() == [3.0]
    assert metric.compute().means.tolist() == [2.0]
    metric.reset()
    with pytest.warns(UserWarning, match="before the ``update``"):
        assert metric.compute().n == 0
