"""Penalties of reconstruction errors: their equations, and the slopes that stand in for them."""

import math

import pytest
import torch

from whynet.training.penalties import PENALTIES, slopes
from whynet.training.srae_settings import PENALTY_NAMES


def _kl(error: float, q: float) -> float:
    error = max(error, 1 / q)
    rho, share = 1 / (1 + q), error / (1 + error)
    return rho * math.log(rho / share) + (1 - rho) * math.log((1 - rho) / (1 - share))


EQUATIONS = {
    "log": lambda error, q: math.log(1 + q * error),
    "l1": lambda error, q: math.sqrt(error),
    "epsilon_l1": lambda error, q: math.sqrt(error + 1 / q),
    "kl": _kl,
    "squared": lambda error, q: error,
}


def test_the_settings_know_every_penalty() -> None:
    assert set(PENALTY_NAMES) == set(PENALTIES) == set(EQUATIONS)


@pytest.mark.parametrize("name", PENALTY_NAMES)
@pytest.mark.parametrize("error", [0.01, 0.3, 1.0, 20.0])
def test_a_penalty_is_its_equation(name: str, error: float) -> None:
    found = PENALTIES[name](torch.tensor([error], dtype=torch.double), torch.tensor(10.0, dtype=torch.double))
    assert float(found) == pytest.approx(EQUATIONS[name](error, 10.0), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", PENALTY_NAMES)
def test_a_slope_is_the_difference_quotient(name: str) -> None:
    errors = torch.tensor([[0.05, 0.4, 1.0, 3.0]])
    found = slopes([name], errors, torch.tensor([5.0]))
    step = 1e-4
    quotient = [
        (EQUATIONS[name](error + step, 5.0) - EQUATIONS[name](error - step, 5.0)) / (2 * step)
        for error in errors[0].tolist()
    ]
    torch.testing.assert_close(found[0], torch.tensor(quotient), rtol=1e-3, atol=1e-4)


def test_kl_does_not_drive_what_is_reconstructed_well_to_an_error() -> None:
    """A dead entry has none."""
    errors = torch.tensor([[0.0, 0.05, 0.09]])
    assert slopes(["kl"], errors, torch.tensor([10.0])).tolist() == [[0.0, 0.0, 0.0]]
    assert PENALTIES["kl"](errors, torch.tensor(10.0)).tolist() == [[pytest.approx(0, abs=1e-6)] * 3]


@pytest.mark.parametrize("name", ["log", "l1", "epsilon_l1", "squared"])
def test_a_tangent_lies_above_the_penalty(name: str) -> None:
    """So the surrogate that an epoch minimises is a bound from above."""
    errors = torch.rand(1, 200, dtype=torch.double) * 5
    here = torch.rand(1, 200, dtype=torch.double) * 5
    q = torch.tensor([7.0], dtype=torch.double)
    tangent = PENALTIES[name](here, q) + slopes([name], here, q) * (errors - here)
    assert (PENALTIES[name](errors, q) <= tangent + 1e-9).all()


def test_each_module_has_its_own_penalty_and_width() -> None:
    errors = torch.full((3, 2), 0.5)
    found = slopes(["log", "log", "squared"], errors, torch.tensor([1.0, 10.0, 1.0]))
    torch.testing.assert_close(found[:, 0], torch.tensor([1 / 1.5, 10 / 6, 1.0]))
