"""What the mean squared error Q_k of reconstructing entry k of Z costs: penalties that let some entries go.

Qi & Li 2017, arXiv:1709.05360, section 2.3. Z is brought to a mean square of 1 before, so that Q_k = 1 is about the
error of an average entry that is not reconstructed at all.

    log          log(1 + q Q)                      equation (3); Lee et al. 2007
    l1           sqrt(Q)                           named there: |r|
    epsilon_l1   sqrt(Q + 1/q)                     Lee et al. 2007: smooth at 0
    kl           KL(rho || Q / (1 + Q)), rho = 1/(1 + q), of max(Q, 1/q)   after Ng 2011
    squared      Q                                 of a common autoencoder: SAE and CAE

The paper names L1, epsilon-L1 and KL without equations; that q stands for their width, and what KL is taken of (an
error of any size must become a share), is our reading. KL is least at Q = 1/q and would drive an entry that is
reconstructed better, a dead one too, to that error; below it, it is 0 here.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Penalty = Callable[[Tensor, Tensor], Tensor]

_SMALL = 1e-6


def _kl(errors: Tensor, q: Tensor) -> Tensor:
    rho = 1 / (1 + q)
    errors = errors.maximum(1 / q)
    share = ((errors + _SMALL) / (1 + errors + _SMALL)).clamp(max=1 - _SMALL)
    return rho * (rho / share).log() + (1 - rho) * ((1 - rho) / (1 - share)).log()


PENALTIES: dict[str, Penalty] = {
    "log": lambda errors, q: (q * errors).log1p(),
    "l1": lambda errors, q: (errors + _SMALL).sqrt(),
    "epsilon_l1": lambda errors, q: (errors + 1 / q).sqrt(),
    "kl": _kl,
    "squared": lambda errors, q: errors,
}


def slopes(
    penalties: list[str], errors: Float[Tensor, "modules entries"], q: Float[Tensor, " modules"]
) -> Float[Tensor, "modules entries"]:
    """The derivative of each module's penalty at its errors: what an entry's error weighs in the next epoch.

    Args:
        penalties: Of each module, by name.
        errors: Q of each module and entry, at least 0.
        q: Of each module, above 0.
    """
    own = errors.detach().clone().requires_grad_()
    with torch.enable_grad():
        total = sum(
            PENALTIES[name](row, width).sum() for name, row, width in zip(penalties, own.unbind(), q, strict=True)
        )
        assert isinstance(total, Tensor)
        (found,) = torch.autograd.grad(total, own)
    return found
