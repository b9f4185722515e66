"""A node's model: its direction and its lasso, by the conditions of their optima."""

import numpy as np
import pytest

from whynet.structures.decision_tree.node_fit import fit_node, unit

GENERATOR = np.random.default_rng(0)
ACTIVATIONS = GENERATOR.random((30, 5))
GRADIENTS = GENERATOR.normal(size=(30, 5)) + 1
BIASES = GENERATOR.normal(size=30) / 10
OUTPUTS = (GRADIENTS * ACTIVATIONS).sum(1) + BIASES
ROWS = np.arange(0, 30, 2)


def test_the_direction_has_the_greatest_summed_cosine():
    fit = fit_node(ACTIVATIONS, unit(GRADIENTS), OUTPUTS, BIASES, ROWS, 0.1)
    assert np.linalg.norm(fit.direction) == pytest.approx(1)
    ours = (unit(GRADIENTS)[ROWS] @ fit.direction).sum()
    for other in unit(GENERATOR.normal(size=(500, 5)) + 0.5):
        assert (unit(GRADIENTS)[ROWS] @ other).sum() <= ours + 1e-12


@pytest.mark.parametrize("penalty", [0.05, 0.4])
def test_the_conditions_of_the_lasso_hold(penalty):
    """Where alpha > 0 the slope of the squares is minus lambda, elsewhere no steeper; the bias is the images' own."""
    fit = fit_node(ACTIVATIONS, unit(GRADIENTS), OUTPUTS, BIASES, ROWS, penalty)
    shares = ACTIVATIONS[ROWS] * fit.direction
    alpha = np.divide(fit.weights, fit.direction)
    assert (alpha >= 0).all()
    residual = fit.predict(ACTIVATIONS[ROWS]) - OUTPUTS[ROWS]
    assert fit.bias == pytest.approx(BIASES[ROWS].mean())
    slope = 2 * shares.T @ residual / len(ROWS) + penalty
    assert (alpha > 0).any()
    np.testing.assert_allclose(slope[alpha > 0], 0, atol=1e-3)
    assert (slope[alpha == 0] > -1e-3).all()


def test_more_penalty_leaves_fewer_filters_and_at_last_none():
    kept = [
        int((fit_node(ACTIVATIONS, unit(GRADIENTS), OUTPUTS, BIASES, ROWS, penalty).weights != 0).sum())
        for penalty in (0.0, 0.4, 100.0)
    ]
    assert kept[0] >= kept[1] > kept[2] == 0


def test_opposite_gradients_have_no_direction_and_leave_the_bias():
    directions, biases = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1.0, 3.0])
    fit = fit_node(np.ones((2, 2)), directions, np.array([1.0, 3.0]), biases, np.array([0, 1]), 0.1)
    assert fit.direction.tolist() == [0, 0]
    assert fit.predict(np.ones((1, 2))).tolist() == [2]


def test_without_a_penalty_images_of_one_model_have_it_back():
    gradients = np.tile(GRADIENTS[:1], (30, 1))
    gradients[:, 0] = 0
    outputs = (gradients * ACTIVATIONS).sum(1) + 0.3
    fit = fit_node(ACTIVATIONS, unit(gradients), outputs, np.full(30, 0.3), ROWS, 0.0)
    np.testing.assert_allclose(fit.predict(ACTIVATIONS), outputs)
    np.testing.assert_allclose(fit.weights, gradients[0], atol=1e-9)


def test_images_given_several_times_change_nothing():
    once = fit_node(ACTIVATIONS, unit(GRADIENTS), OUTPUTS, BIASES, ROWS, 0.1)
    often = fit_node(ACTIVATIONS, unit(GRADIENTS), OUTPUTS, BIASES, np.tile(ROWS, 20), 0.1)
    np.testing.assert_allclose(often.weights, once.weights, atol=1e-6)


def test_zeros_stay_zeros():
    assert unit(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 0], [0.6, 0.8]]
