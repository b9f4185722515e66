"""Growth: E and its greedy growth in plain loops, and what both ways of growing promise."""

import math
from dataclasses import replace

import numpy as np
import pytest

from whynet.structures.decision_tree.growth import Growing, grow
from whynet.structures.decision_tree.node_fit import fit_node, unit
from whynet.structures.tree_settings import TreeSettings

LIKELIHOOD = TreeSettings(growth="likelihood", candidates=0)


def problem(count=12, filters=4, seed=0):
    """Two modes of decision: half of the images owe their logit to the first filters, half to the last."""
    generator = np.random.default_rng(seed)
    activations = generator.random((count, filters)) * 3
    gradients = generator.random((count, filters)) * 0.2
    half = filters // 2
    gradients[: count // 2, :half] += 1
    gradients[count // 2 :, half:] += 1
    return activations, gradients, (activations * gradients).sum(1) + 1


def slow_log_objective(predicted, gamma, beta, num_children):
    likelihood = 1.0
    for one in predicted:
        likelihood *= math.exp(gamma * one) / sum(math.exp(gamma * other) for other in predicted)
    return math.log(likelihood) - beta * num_children


def slow_growth(activations, gradients, outputs, settings):
    """Every pair at every step, with E computed anew for each."""
    gamma = 1 / outputs.mean()
    penalty = settings.sparsity * outputs.std()
    biases = outputs - (activations * gradients).sum(1)
    top = {(row,): outputs[[row]] for row in range(len(outputs))}

    def value(children):
        predicted = [float(one) for own in children.values() for one in own]
        return slow_log_objective(predicted, gamma, settings.beta, len(children))

    merges = []
    while len(top) > 1:
        tried = {}
        for first in top:
            for second in top:
                if first < second:
                    rows = np.array([*first, *second])
                    fit = fit_node(activations, unit(gradients), outputs, biases, rows, penalty)
                    rest = {key: own for key, own in top.items() if key not in (first, second)}
                    tried[first, second] = {**rest, (*first, *second): fit.predict(activations[rows])}
        best = max(tried, key=lambda pair: value(tried[pair]))
        if value(tried[best]) <= value(top):
            break
        top = tried[best]
        merges.append(set(best[0]) | set(best[1]))
    return merges, value(top)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beta", [1.0, 0.01])
def test_growth_by_likelihood_is_the_greedy_growth_of_its_equation(seed, beta):
    settings = replace(LIKELIHOOD, beta=beta)
    activations, gradients, outputs = problem(8, seed=seed)
    grown = grow(activations, gradients, outputs, settings)
    merges, value = slow_growth(activations, gradients, outputs, settings)
    assert [set(node.rows.tolist()) for node in grown.nodes[8:]] == merges
    assert grown.log_objective() == pytest.approx(value)


@pytest.mark.parametrize("growth", ["direction", "likelihood"])
def test_every_image_is_below_one_child_of_the_root_and_every_node_is_one_of_its_parent(growth):
    grown = grow(*problem(20), TreeSettings(growth=growth))
    rows = np.concatenate([grown.nodes[place].rows for place in grown.top])
    assert sorted(rows.tolist()) == list(range(20))
    for place, node in enumerate(grown.nodes):
        if node.children:
            assert max(node.children) < place
            below = np.concatenate([grown.nodes[child].rows for child in node.children])
            assert sorted(below.tolist()) == sorted(node.rows.tolist())
    for row in range(20):
        leaf = grown.nodes[row]
        assert leaf.fit.predict(grown.activations[[row]])[0] == pytest.approx(grown.outputs[row])


def test_modes_alike_in_direction_merge_before_others():
    grown = grow(*problem(20), TreeSettings())
    first, second = (set(grown.nodes[child].rows.tolist()) for child in grown.nodes[-1].children)
    assert {frozenset(first), frozenset(second)} == {frozenset(range(10)), frozenset(range(10, 20))}


def test_each_merge_raises_the_objective():
    settings = TreeSettings()
    values = []
    grown = grow(*problem(15), settings)
    again = Growing(grown.activations, problem(15)[1], grown.outputs, settings)
    for node in grown.nodes[15:]:
        values.append(again.log_objective())
        again.merge(again.merged(*node.children))
    values.append(again.log_objective())
    assert values == sorted(values)
    assert len(set(values)) == len(values)


def test_with_all_candidates_a_bound_changes_nothing_and_a_small_one_still_gives_a_tree():
    activations, gradients, outputs = problem(10)
    every = grow(activations, gradients, outputs, LIKELIHOOD)
    bound = grow(activations, gradients, outputs, replace(LIKELIHOOD, candidates=9))
    assert [node.children for node in every.nodes] == [node.children for node in bound.nodes]
    least = grow(activations, gradients, outputs, replace(LIKELIHOOD, candidates=1))
    assert len(least.top) == 1


@pytest.mark.parametrize("growth", ["direction", "likelihood"])
def test_one_image_duplicates_and_images_of_no_gradient_give_a_tree(growth):
    settings = TreeSettings(growth=growth)
    activations, gradients, outputs = problem(1, 4)
    assert grow(activations, gradients, outputs, settings).top == {0}
    many = grow(*(np.repeat(own, 5, 0) for own in (activations, gradients, outputs)), settings)
    assert len(many.top) == 1
    np.testing.assert_allclose(many.nodes[-1].fit.predict(activations), outputs)
    activations, gradients, outputs = problem(6)
    gradients[2] = 0
    assert all(np.isfinite(node.fit.bias) for node in grow(activations, gradients, outputs, settings).nodes)


@pytest.mark.parametrize("growth", ["direction", "likelihood"])
@pytest.mark.parametrize("change", [lambda y: y - 100, lambda y: y * 0, lambda y: np.append(y[:-1] * 0 + 1e-6, 100.0)])
def test_any_logits_give_a_tree_of_finite_numbers(growth, change):
    activations, gradients, outputs = problem(200)
    grown = grow(activations, gradients, change(outputs), TreeSettings(growth=growth, candidates=2))
    assert np.isfinite(grown.log_objective())
    assert sorted(np.concatenate([grown.nodes[place].rows for place in grown.top]).tolist()) == list(range(200))
