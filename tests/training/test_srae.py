"""Training explanation modules: the objective against loops, many against one, and what cannot be trained."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from whynet.base.errors import DataError, SettingError, SubjectError
from whynet.models.srae import ExplanationModule
from whynet.training import srae
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.srae import Trained, Wanted, train_modules
from whynet.training.srae_settings import FitSettings, ModuleSettings

N, S = 90, 10
FIT = FitSettings(epochs=4, batch_size=16)
SMALL: dict[str, Any] = {"num_features": 3, "hidden": "8-6"}


@pytest.fixture
def activations() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(N, S).relu() * torch.linspace(0.5, 3, S)


@pytest.fixture
def context(tmp_path: Path) -> FitContext:
    return FitContext(folder=tmp_path, seed=3, hardware=Hardware(device="cpu"), progress=False)


def _wanted(activations: Tensor, settings: ModuleSettings, *, name: str = "owl", seed: int = 0) -> Wanted:
    logits = activations[:, 0] * 4 - activations[:, 1] * activations[:, 2] + 5
    return Wanted(name=name, logits=logits, is_positive=torch.arange(N) % 5 == 0, settings=settings, seed=seed)


@torch.no_grad()
def _slow_terms(found: Trained, activations: Tensor, wanted: Wanted, *, q: float) -> dict[str, float]:
    """Equation (4) image by image and entry by entry, for the log penalty, in the units of the training."""
    module, positive = found.module, wanted.is_positive.tolist()
    scale = float(activations.square().mean().sqrt())
    deviation = float(wanted.logits.std(correction=0))
    weights = [0.5 / positive.count(True) if own else 0.5 / positive.count(False) for own in positive]
    prediction, errors = 0.0, [0.0] * S
    for z, y, weight in zip(activations, wanted.logits, weights, strict=True):
        prediction += weight * (float(module(z[None])[0] - y) / deviation) ** 2
        decoded = module.decoder(module.encoder(z[None]))[0]
        for entry in range(S):
            errors[entry] += weight * (float(decoded[entry] - z[entry]) / scale) ** 2
    penalty = sum(float(torch.tensor(1 + q * error).log()) for error in errors) / S
    return {"prediction": prediction, "penalty": penalty, "reconstruction": sum(errors) / S}


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_terms_are_those_of_equation_4(activations: Tensor, context: FitContext, mirrored: bool) -> None:
    settings = ModuleSettings(**SMALL, beta=0.5, q=4.0, weight_decay=1e-3, mirrored=mirrored)
    wanted = _wanted(activations, settings)
    (found,) = train_modules(activations, [wanted], FIT, context)
    slow = _slow_terms(found, activations, wanted, q=4.0)
    for name, value in slow.items():
        assert found.terms[name] == pytest.approx(value, rel=1e-3, abs=1e-5), name
    assert found.terms["objective"] == pytest.approx(
        slow["prediction"] + 0.5 * slow["penalty"] + 1e-3 * found.terms["squared_weights"], rel=1e-3
    )


def test_a_gradient_step_is_on_the_whole_training_sets_penalty(activations: Tensor) -> None:
    """One batch of all images: the gradient of the surrogate is that of the objective itself, by autograd."""
    settings = ModuleSettings(**SMALL, beta=0.7, q=6.0, weight_decay=1e-3)
    fit = FitSettings(epochs=1, batch_size=N)
    problem = srae._problem(activations, [_wanted(activations, settings)], fit)
    torch.manual_seed(1)
    module = ExplanationModule(S, num_features=3, hidden=(8, 6))
    training = srae.Objective(srae.ModuleStack([module]), problem, fit)
    training.on_train_epoch_start()
    training.log = lambda *_args, **_more: None  # type: ignore[method-assign]
    training.training_step((problem.activations, problem.targets, problem.weights)).backward()
    ours = dict(zip(training.stack.names, training.stack.weights, strict=True))

    features, weights = module.encoder(problem.activations), problem.weights[:, 0]
    errors = (weights[:, None] * (module.decoder(features) - problem.activations).square()).sum(0)
    objective = (weights * (module(problem.activations) - problem.targets[:, 0]).square()).sum()
    objective = objective + 0.7 * (6 * errors).log1p().mean()
    squares = [weight.square().sum() for name, weight in module.named_parameters() if name.endswith("weight")]
    (objective + 1e-3 * sum(squares)).backward()
    for name, weight in module.named_parameters():
        assert weight.grad is not None
        assert ours[name].grad is not None
        torch.testing.assert_close(ours[name].grad[0], weight.grad, atol=1e-5, rtol=1e-3)


def test_the_gradients_of_batches_add_up_to_that_of_all_images(activations: Tensor) -> None:
    """A batch is an unbiased estimate: weighted by their sizes, the batches of an epoch give the full gradient."""
    settings = ModuleSettings(**SMALL, beta=0.7, q=6.0)
    fit = FitSettings(epochs=1, batch_size=N)
    problem = srae._problem(activations, [_wanted(activations, settings)], fit)
    training = srae.Objective(srae.ModuleStack([ExplanationModule(S, num_features=3, hidden=(8, 6))]), problem, fit)
    training.on_train_epoch_start()
    training.log = lambda *_args, **_more: None  # type: ignore[method-assign]

    def gradients(rows: slice) -> list[Tensor]:
        training.zero_grad()
        training.training_step((problem.activations[rows], problem.targets[rows], problem.weights[rows])).backward()
        return [weight.grad.clone() for weight in training.stack.weights if weight.grad is not None]

    whole, parts = gradients(slice(None)), [gradients(slice(at, at + 30)) for at in range(0, N, 30)]
    for full, *some in zip(whole, *parts, strict=True):
        torch.testing.assert_close(sum(some) / 3, full, atol=1e-5, rtol=1e-3)


def test_a_module_learns_the_logit_and_its_parts_add_up_to_it(activations: Tensor, context: FitContext) -> None:
    settings = ModuleSettings(num_features=3, hidden="32-16", beta=0.01, weight_decay=0.0)
    fit = FitSettings(epochs=200, batch_size=16, learning_rate=3e-3)
    wanted = _wanted(activations, settings)
    (found,) = train_modules(activations, [wanted], fit, context)
    error = (found.module(activations) - wanted.logits).abs().mean()
    assert error < 0.1 * wanted.logits.std()
    assert (found.module.readout.weight >= 0).all()
    added = found.module.contributions(activations).sum(1) + found.module.bias
    torch.testing.assert_close(added, found.module(activations), atol=1e-4, rtol=0)


def test_many_modules_come_out_as_each_alone(activations: Tensor, tmp_path: Path) -> None:
    kinds = [
        ModuleSettings(**SMALL, beta=0.0),
        ModuleSettings(**SMALL, penalty="squared", beta=1.0),
        ModuleSettings(**SMALL, beta=2.0, q=3.0),
        ModuleSettings(**SMALL, penalty="squared", faithfulness=0.0, beta=1.0),
    ]
    wanted = [_wanted(activations, kind, seed=seed) for seed, kind in enumerate(kinds)]

    def trained(some: list[Wanted], name: str) -> list[Trained]:
        own = FitContext(folder=tmp_path / name, seed=3, hardware=Hardware(device="cpu"), progress=False)
        return train_modules(activations, some, FIT, own)

    together = trained(wanted, "together")
    for place, one in enumerate(wanted):
        (alone,) = trained([one], f"alone{place}")
        for name, value in alone.terms.items():
            assert together[place].terms[name] == pytest.approx(value, rel=1e-3, abs=1e-5), name
        torch.testing.assert_close(together[place].module(activations), alone.module(activations), atol=1e-3, rtol=0)


def test_an_autoencoders_readout_is_the_weighted_least_squares_fit(activations: Tensor, context: FitContext) -> None:
    settings = ModuleSettings(**SMALL, penalty="squared", beta=1.0, faithfulness=0.0)
    wanted = _wanted(activations, settings)
    (found,) = train_modules(activations, [wanted], FIT, context)
    features = found.module.encoder(activations).detach()
    basis = torch.cat([features, torch.ones(N, 1)], 1).double()
    positive = wanted.is_positive
    weights = torch.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum()).double().sqrt()
    slow = torch.linalg.lstsq(basis * weights[:, None], wanted.logits.double() * weights).solution
    torch.testing.assert_close((basis @ slow).float(), found.module(activations).detach(), atol=1e-2, rtol=0)


def test_images_held_out_are_not_learned_from(activations: Tensor, tmp_path: Path) -> None:
    settings = ModuleSettings(**SMALL, beta=0.5)
    held_out = torch.arange(N) >= 60
    found = []
    for name, spoiled in (("plain", 0.0), ("spoiled", 50.0)):
        one = _wanted(activations, settings)
        own = Wanted(
            name=one.name, logits=one.logits + spoiled * held_out, is_positive=one.is_positive, settings=settings,
            seed=0, held_out=held_out,
        )  # fmt: skip
        context = FitContext(folder=tmp_path / name, seed=3, hardware=Hardware(device="cpu"), progress=False)
        found.append(train_modules(activations, [own], FIT, context)[0].module(activations))
    torch.testing.assert_close(found[0], found[1])


def test_a_fit_that_was_broken_off_ends_as_an_unbroken_one(
    activations: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [_wanted(activations, ModuleSettings(**SMALL))]

    def context(name: str) -> FitContext:
        return FitContext(folder=tmp_path / name, seed=3, hardware=Hardware(device="cpu"), progress=False)

    (whole,) = train_modules(activations, wanted, FIT, context("whole"))
    begin = srae.Objective.on_train_epoch_start

    def broken(training: Any) -> None:
        if training.current_epoch == 2:
            raise KeyboardInterrupt
        begin(training)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(srae.Objective, "on_train_epoch_start", broken)
        train_modules(activations, wanted, FIT, context("broken"))
    (resumed,) = train_modules(activations, wanted, FIT, context("broken"))
    torch.testing.assert_close(resumed.module.state_dict(), whole.module.state_dict(), rtol=0, atol=0)


def test_classes_that_cannot_be_explained_are_told(activations: Tensor, context: FitContext) -> None:
    one = _wanted(activations, ModuleSettings(**SMALL))

    def changed(**changes: Any) -> Wanted:
        return Wanted(**{**vars(one), **changes})

    with pytest.raises(DataError, match="owl: at least 2 training images of the class and 1 of another.*not 1 and 89"):
        train_modules(activations, [changed(is_positive=torch.arange(N) == 4)], FIT, context)
    with pytest.raises(DataError, match=r"owl: its logit is 2.5 in every image"):
        train_modules(activations, [changed(logits=torch.full((N,), 2.5))], FIT, context)
    with pytest.raises(SubjectError, match="every entry of the layer is 0"):
        train_modules(activations * 0, [one], FIT, context)
    with pytest.raises(SettingError, match="11 x-features of a layer of 10 entries"):
        train_modules(activations, [changed(settings=ModuleSettings(num_features=11, hidden="8"))], FIT, context)
    assert not list(context.folder.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"penalty": "l0"}, "penalty 'l0' is unknown"),
        ({"num_features": 0}, "at least 1 x-feature"),
        ({"q": 0.0}, "q above 0"),
        ({"beta": 0.0, "faithfulness": 0.0}, "must predict or reconstruct"),
    ],
)
def test_settings_out_of_range_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ModuleSettings(**changes)


@pytest.mark.parametrize("changes", [{"epochs": 0}, {"learning_rate": 0.0}, {"positive_share": 1.0}])
def test_fits_out_of_range_are_told(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="expected"):
        FitSettings(**changes)
