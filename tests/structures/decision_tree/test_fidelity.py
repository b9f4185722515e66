"""Fidelity of a tree: each figure in plain loops, and its ends."""

import pytest
import torch

from whynet.base.errors import SettingError
from whynet.structures.decision_tree.fidelity import Fidelity, fidelity, reads_monotone
from whynet.structures.decision_tree.tree import ParsePath

GENERATOR = torch.Generator().manual_seed(0)


def path(num_nodes, filters=5, **changes):
    """One whose activations are 1, so that a node's weights are what its filters add."""
    actual = torch.randn(filters, generator=GENERATOR, dtype=torch.double)
    weights = actual + torch.randn(num_nodes, filters, generator=GENERATOR, dtype=torch.double)
    own = {
        "nodes": tuple(range(num_nodes)), "predictions": weights.sum(1), "weights": weights,
        "activations": torch.ones(filters, dtype=torch.double),
        "actual": actual, "output": float(actual.sum()),
        "logits": torch.tensor([float(actual.sum()), float(torch.randn(1, generator=GENERATOR))]),
    }  # fmt: skip
    return ParsePath(**{**own, **changes})


PATHS = [path(count) for count in (1, 3, 6, 4, 2)]
PARTS = {"head": [0, 3], "leg": [1], "none": []}


@pytest.mark.parametrize("level", [2, 4, None])
def test_each_figure_is_its_equation(level):
    found = fidelity(PATHS, 0, level, parts=PARTS)
    errors, fitness, part_errors, agreeing = [], [], [], []
    for own in PATHS:
        place = len(own.nodes) - 1 if level is None else min(level - 2, len(own.nodes) - 1)
        predicted, output = float(own.predictions[place]), own.output
        errors.append(abs(predicted - output))
        least = most = 0.0
        for ours, theirs in zip(own.contributions[place].tolist(), own.actual.tolist(), strict=True):
            least += min(abs(ours), abs(theirs)) if ours * theirs > 0 else 0.0
            most += max(abs(ours), abs(theirs))
        fitness.append(least / most)
        off = total = 0.0
        for filters in ([0, 3], [1]):
            theirs = sum(float(own.actual[d]) for d in filters)
            off += abs(sum(float(own.contributions[place][d]) for d in filters) - theirs)
            total += abs(theirs)
        part_errors.append(off / total)
        rival = float(own.logits[1])
        agreeing.append((predicted > rival) == (output > rival))
    outputs = [own.output for own in PATHS]
    count = len(PATHS)
    assert found.relative_error == pytest.approx(sum(errors) / count / (max(outputs) - min(outputs)), rel=1e-5)
    assert found.fitness == pytest.approx(sum(fitness) / count)
    assert found.part_error == pytest.approx(sum(part_errors) / count)
    assert found.accuracy == pytest.approx(sum(agreeing) / count)


def test_a_true_explanation_is_perfect_and_the_opposite_has_no_fitness():
    own = [path(1) for _ in range(4)]
    true = [
        ParsePath(**{**vars(one), "weights": one.actual[None], "predictions": torch.tensor([one.output])})
        for one in own
    ]
    found = fidelity(true, 0, None, parts=PARTS)
    assert (found.part_error, found.accuracy) == (0, 1)
    assert found.relative_error == pytest.approx(0, abs=1e-6)
    assert found.fitness == pytest.approx(1)
    false = [ParsePath(**{**vars(one), "weights": -one.actual[None]}) for one in true]
    assert fidelity(false, 0, None).fitness == 0


def test_what_has_no_figure_is_none():
    one = path(2)
    assert fidelity([one], 0, None).relative_error is None
    assert fidelity([one], 0, None).part_error is None
    silent = path(2, actual=torch.zeros(5, dtype=torch.double))
    assert fidelity([silent], 0, None, parts=PARTS).part_error is None
    still = path(1, actual=torch.zeros(5, dtype=torch.double), weights=torch.zeros(1, 5, dtype=torch.double))
    assert fidelity([still], 0, None).fitness == 1
    with pytest.raises(SettingError, match="at least one image is needed to measure a tree"):
        fidelity([], 0, None)


def test_monotone_means_no_step_backwards():
    def level(error, fitness):
        return Fidelity(relative_error=error, fitness=fitness, part_error=None, accuracy=1.0)

    assert reads_monotone([level(0.3, 0.2), level(0.3, 0.4), level(0.1, 0.4)])
    assert not reads_monotone([level(0.3, 0.2), level(0.31, 0.4)])
    assert not reads_monotone([level(0.3, 0.2), level(0.2, 0.19)])
    assert reads_monotone([level(None, 0.2), level(None, 0.4)])
