"""Fitness of contributions: its ends, and its equation."""

import pytest
import torch

from whynet.structures.decision_tree.fitness import fitness


@pytest.mark.parametrize(
    ("estimated", "actual", "expected"),
    [
        ([1.0, -2.0], [1.0, -2.0], 1.0),
        ([2.0, -1.0], [1.0, -2.0], (1 + 1) / (2 + 2)),
        ([1.0, 100.0], [1.0, 0.0], 1 / 101),
        ([1.0, -100.0], [1.0, 1.0], 1 / 101),
        ([5.0, 3.0], [0.0, 0.0], 0.0),
        ([-1.0, 2.0], [1.0, -2.0], 0.0),
        ([-1.0, -2.0], [1.0, -2.0], 2 / 3),
        ([0.0, 0.0], [0.0, 0.0], 1.0),
        ([0.0, 0.0], [1.0, 0.0], 0.0),
    ],
)
def test_fitness(estimated, actual, expected):
    assert float(fitness(torch.tensor(estimated), torch.tensor(actual))) == pytest.approx(expected)
