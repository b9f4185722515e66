"""Training explanation modules: SRAE and, by other settings, its baselines NN, SAE and CAE; many at once.

Qi & Li 2017, arXiv:1709.05360, sections 2.2 and 2.3; the objective, equation (4), is `srae_objective`.

Differs from the paper: Z is divided by its root mean square and y standardised while training, so that beta and q mean
the same in any network. The weights w that lift the positives hold for the reconstruction, too. Adam for the paper's
unnamed method, its rate falling along a cosine. CAE, which learns no prediction, gets v by least squares afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, TensorDataset

from whynet.base.errors import DataError, SubjectError
from whynet.base.seeding import seeded
from whynet.models.srae import ExplanationModule
from whynet.models.srae_stack import ModuleStack
from whynet.training.fitting import FitContext, fit_epochs
from whynet.training.sampling import EpochSampler
from whynet.training.srae_objective import Objective, Problem
from whynet.training.srae_settings import FitSettings, ModuleSettings

_RIDGE = 1e-6
_CONSTANT = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """One module to be trained.

    Args:
        name: What messages call it, such as the class.
        logits: y of each image.
        is_positive: Whether each image shows the class.
        settings: Of which kind.
        seed: Of its initial weights.
        held_out: Images that it must not learn from; None learns from all.
    """

    name: str
    logits: Float[Tensor, " batch"]
    is_positive: Bool[Tensor, " batch"]
    settings: ModuleSettings
    seed: int
    held_out: Bool[Tensor, " batch"] | None = None


class Trained(NamedTuple):
    """A trained module, and what each term of its objective was in the end, over the whole training set."""

    module: ExplanationModule
    terms: dict[str, float]


def train_modules(
    activations: Float[Tensor, "batch entries"], wanted: Sequence[Wanted], fit: FitSettings, context: FitContext
) -> list[Trained]:
    """Train modules of the same sizes together; each comes out as it would alone, up to rounding.

    Args:
        activations: Z of each training image.
        wanted: The modules.
        fit: How long.
        context: Where, and the seed of the order of the images.

    Raises:
        DataError: A class has fewer than two positives or no negative, or a logit is the same in all images.
        SubjectError: All entries of Z are 0.
        SettingError: Their sizes differ.
        TrainingError: The loss became NaN.
    """
    scale = float(activations.double().square().mean().sqrt())
    if not scale > 0:
        raise SubjectError(
            "every entry of the layer is 0 in every image, so nothing can be explained by it; name another"
        )
    problem = _problem(activations / scale, wanted, fit)
    modules = [_initial(activations.shape[1], one) for one in wanted]
    training = Objective(ModuleStack(modules), problem, fit)
    fit_epochs(training, _loader(problem, fit, context.seed), fit.epochs, context, description="x-features")
    training.to("cpu")
    terms = training.terms()
    found = []
    for place, module in enumerate(training.stack.unstacked()):
        mean, deviation = float(problem.means[place]), float(problem.deviations[place])
        if wanted[place].settings.faithfulness == 0:
            _fit_readout(module, problem, place)
        module.scaled(activations=scale, mean=mean, deviation=deviation).signed_for()
        found.append(Trained(module.eval(), {name: float(values[place]) for name, values in terms.items()}))
    return found


def check_wanted(one: Wanted) -> None:
    """Raise `DataError` if a module has nothing to learn: under two positives, no negative, or a constant logit."""
    learned = _learned(one)
    positive, negative = int((one.is_positive & learned).sum()), int((~one.is_positive & learned).sum())
    if positive < 2 or negative < 1:
        raise DataError(
            f"{one.name}: at least 2 training images of the class and 1 of another were expected, not {positive} and "
            f"{negative}{'' if one.held_out is None else ' beside those held out'}; leave the class out, or add images"
        )
    if not bool(one.logits.isfinite().all()):
        raise DataError(f"{one.name}: its logit is NaN or infinite in an image; check the network and its input")
    deviation, mean = torch.std_mean(one.logits[learned].double(), correction=0)
    if float(deviation) <= _CONSTANT * max(1.0, abs(float(mean))):
        raise DataError(
            f"{one.name}: its logit is {float(mean):.4g} in every image, so there is nothing to explain; leave the "
            "class out"
        )


def _learned(one: Wanted) -> Tensor:
    return torch.ones_like(one.is_positive) if one.held_out is None else ~one.held_out


def image_weights(one: Wanted, fit: FitSettings) -> Float[Tensor, " batch"]:
    """w: what each image weighs; the positives together their share, all 1. Raises `DataError` as `check_wanted`."""
    check_wanted(one)
    learned = _learned(one)
    shares = (one.is_positive & learned, fit.positive_share), (~one.is_positive & learned, 1 - fit.positive_share)
    weights: Tensor = sum((own * (share / own.sum()) for own, share in shares), torch.zeros(len(learned)))
    return weights


def _problem(activations: Tensor, wanted: Sequence[Wanted], fit: FitSettings) -> Problem:
    targets, weights, means, deviations = [], [], [], []
    for one in wanted:
        weights.append(image_weights(one, fit))
        deviation, mean = torch.std_mean(one.logits[_learned(one)].double(), correction=0)
        targets.append(((one.logits - mean) / deviation).float())
        means.append(mean.float())
        deviations.append(deviation.float())
    return Problem(
        activations=activations, targets=torch.stack(targets, 1), weights=torch.stack(weights, 1),
        means=torch.stack(means), deviations=torch.stack(deviations), settings=[one.settings for one in wanted],
    )  # fmt: skip


def _initial(entries: int, one: Wanted) -> ExplanationModule:
    own = one.settings
    with seeded(one.seed, "srae", one.name):
        return ExplanationModule(entries, num_features=own.num_features, hidden=own.sizes, mirrored=own.mirrored)


def _loader(problem: Problem, fit: FitSettings, seed: int) -> "DataLoader[tuple[Tensor, ...]]":
    data = TensorDataset(problem.activations, problem.targets, problem.weights)
    order = EpochSampler(torch.arange(len(data)), per_group=None, seed=seed)
    return DataLoader(data, sampler=_Batches(order, fit.batch_size), batch_size=None)


class _Batches(BatchSampler):
    """Indices a batch at a time; Lightning's word of the epoch goes on to the order."""

    def __init__(self, order: EpochSampler, batch_size: int) -> None:
        super().__init__(order, batch_size, drop_last=False)
        self.order = order

    def set_epoch(self, epoch: int) -> None:
        self.order.set_epoch(epoch)


@torch.no_grad()
def _fit_readout(module: ExplanationModule, problem: Problem, place: int) -> None:
    """Weighted least squares of y on the x-features, with a touch of ridge for those that are always the same."""
    size = module.num_features + 1
    gram, crossed = torch.zeros(size, size, dtype=torch.double), torch.zeros(size, dtype=torch.double)
    for activations, targets, weights in problem.chunks():
        features = module.encoder(activations).double()
        basis = torch.cat([features, features.new_ones(len(features), 1)], 1)
        weighted = basis * weights[:, place, None]
        gram += weighted.T @ basis
        crossed += weighted.T @ targets[:, place].double()
    found = torch.linalg.solve(gram + _RIDGE * torch.eye(size), crossed)
    module.readout.weight.copy_(found[None, :-1])
    module.readout.bias.copy_(found[-1:])
