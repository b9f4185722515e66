"""Lasso on Z: against scikit-learn's own solver at the alpha that was found, and the conditions of its optimum."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso
from torch import Tensor

from whynet.base.errors import DataError
from whynet.training import lasso
from whynet.training.lasso import LassoFit, fit_lasso
from whynet.training.srae import Wanted
from whynet.training.srae_settings import FitSettings, ModuleSettings

N, S = 80, 12
FIT = FitSettings(positive_share=0.4)


@pytest.fixture
def activations() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(N, S).relu() * torch.linspace(0.2, 3, S)


def _wanted(activations: Tensor, *, held_out: Tensor | None = None) -> Wanted:
    logits = 4 * activations[:, 3] - 2 * activations[:, 7] + activations[:, 1] * activations[:, 10] + 5
    return Wanted(
        name="owl", logits=logits, is_positive=torch.arange(N) % 5 == 0, settings=ModuleSettings(), seed=0,
        held_out=held_out,
    )  # fmt: skip


def _weights() -> np.ndarray:
    """Of the images: 0.4 for the 16 positives together, 0.6 for the 64 others."""
    return np.array([0.4 / 16 if row % 5 == 0 else 0.6 / 64 for row in range(N)])


def _dense(found: LassoFit) -> np.ndarray:
    coefficients = np.zeros(S)
    coefficients[list(found.units)] = found.weights.numpy()
    return coefficients


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasso, "_TOLERANCE", 1e-10)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("most", [1, 3, 6, 12])
def test_the_entries_are_those_of_scikit_learns_lasso_at_that_alpha(activations: Tensor, most: int) -> None:
    wanted = _wanted(activations)
    (found,) = fit_lasso(activations, wanted, FIT, [most])
    z, y = activations.double().numpy(), wanted.logits.double().numpy()
    slow = Lasso(alpha=found.alpha, tol=1e-10, max_iter=100_000).fit(z, y, sample_weight=_weights())
    assert 0 < len(found.units) <= most
    assert set(found.units) == set(np.flatnonzero(slow.coef_).tolist())
    np.testing.assert_allclose(_dense(found), slow.coef_, atol=1e-5)
    np.testing.assert_allclose(z @ _dense(found) + found.bias, slow.predict(z), atol=1e-4)


@pytest.mark.parametrize("most", [1, 3, 6, 12])
def test_as_it_is_solved_it_is_near_scikit_learns(activations: Tensor, most: int) -> None:
    wanted = _wanted(activations)
    (found,) = fit_lasso(activations, wanted, FIT, [most])
    z, y = activations.double().numpy(), wanted.logits.double().numpy()
    slow = Lasso(alpha=found.alpha, tol=1e-10, max_iter=100_000).fit(z, y, sample_weight=_weights())
    assert 0 < len(found.units) <= most
    assert np.abs(z @ _dense(found) + found.bias - slow.predict(z)).mean() < 0.03 * y.std()


@pytest.mark.usefixtures("exact")
def test_the_conditions_of_the_optimum_hold(activations: Tensor) -> None:
    """The weighted residual's product with an entry is alpha times the sign of its weight, and smaller for the rest."""
    wanted = _wanted(activations)
    (found,) = fit_lasso(activations, wanted, FIT, [4])
    z, coefficients = activations.double().numpy(), _dense(found)
    residual = wanted.logits.double().numpy() - z @ coefficients - found.bias
    assert float(_weights() @ residual) == pytest.approx(0, abs=1e-5), "the bias takes the weighted mean"
    for entry in range(S):
        product = float((_weights() * residual) @ z[:, entry])
        if coefficients[entry]:
            assert product == pytest.approx(np.sign(coefficients[entry]) * found.alpha, rel=1e-3)
        else:
            assert abs(product) <= found.alpha * 1.001


@pytest.mark.usefixtures("exact")
def test_the_next_alpha_of_the_path_selects_too_many(activations: Tensor) -> None:
    wanted = _wanted(activations)
    for most in (2, 4):
        (found,) = fit_lasso(activations, wanted, FIT, [most])
        z, y = activations.double().numpy(), wanted.logits.double().numpy()
        following = found.alpha * 1e-4 ** (1 / 99)
        slow = Lasso(alpha=following, tol=1e-10, max_iter=100_000).fit(z, y, sample_weight=_weights())
        assert np.count_nonzero(slow.coef_) > most


def test_several_numbers_of_entries_are_those_of_each_alone(activations: Tensor) -> None:
    wanted = _wanted(activations)
    together = fit_lasso(activations, wanted, FIT, [2, 5, 12])
    for most, found in zip((2, 5, 12), together, strict=True):
        (alone,) = fit_lasso(activations, wanted, FIT, [most])
        assert (found.units, found.bias, found.alpha) == (alone.units, alone.bias, alone.alpha)
        assert torch.equal(found.weights, alone.weights)
    assert len(together[0].units) < len(together[1].units) <= len(together[2].units)
    assert together[0].alpha > together[1].alpha >= together[2].alpha


@pytest.mark.usefixtures("exact")
def test_with_all_entries_it_is_nearly_least_squares(activations: Tensor) -> None:
    wanted = _wanted(activations)
    (found,) = fit_lasso(activations, wanted, FIT, [S])
    roots = np.sqrt(_weights())
    basis = np.column_stack([activations.double().numpy(), np.ones(N)])
    slow, *_ = np.linalg.lstsq(basis * roots[:, None], wanted.logits.double().numpy() * roots)
    np.testing.assert_allclose(_dense(found), slow[:-1], atol=0.05)


def test_images_held_out_are_not_learned_from(activations: Tensor) -> None:
    held_out = torch.arange(N) >= 60
    wanted = _wanted(activations, held_out=held_out)
    (found,) = fit_lasso(activations, wanted, FIT, [3])
    spoiled = activations.clone()
    spoiled[60:] = 100.0
    (other,) = fit_lasso(spoiled, wanted, FIT, [3])
    assert found.units == other.units
    torch.testing.assert_close(found.weights, other.weights)
    alone = Wanted(**{**vars(wanted), "held_out": None, "logits": wanted.logits[:60],
                      "is_positive": wanted.is_positive[:60]})  # fmt: skip
    (same,) = fit_lasso(activations[:60], alone, FIT, [3])
    assert found.units == same.units
    torch.testing.assert_close(found.weights, same.weights, atol=1e-3, rtol=1e-3)


def test_dead_entries_are_never_selected(activations: Tensor) -> None:
    activations[:, :3] = 0
    wanted = _wanted(activations)
    (found,) = fit_lasso(activations, wanted, FIT, [S])
    assert not set(found.units) & {0, 1, 2}


def test_classes_that_cannot_be_explained_are_told(activations: Tensor) -> None:
    wanted = _wanted(activations)
    few = Wanted(**{**vars(wanted), "is_positive": torch.arange(N) == 4})
    with pytest.raises(DataError, match="owl: at least 2 training images of the class and 1 of another"):
        fit_lasso(activations, few, FIT, [3])
    constant = Wanted(**{**vars(wanted), "logits": torch.full((N,), 2.5)})
    with pytest.raises(DataError, match=r"owl: its logit is 2\.5 in every image"):
        fit_lasso(activations, constant, FIT, [3])
