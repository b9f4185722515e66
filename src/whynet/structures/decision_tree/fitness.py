"""Fitness of filter contributions: how much of what the filters add in the network a tree accounts for.

Zhang et al. 2019, arXiv:1802.00121 (recalled):

    sum_d min(|rho^_d|, |rho_d|) / sum_d max(|rho^_d|, |rho_d|)

Our reading: an estimate of the wrong sign adds nothing to the upper sum, since the ratio would otherwise reward it.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def fitness(
    estimated: Float[Tensor, "*batch filters"], actual: Float[Tensor, "*batch filters"]
) -> Float[Tensor, "*batch"]:
    """In [0, 1], higher is better; 1 where both are 0 throughout.

    Args:
        estimated: rho^.
        actual: rho.
    """
    ours, theirs = estimated.abs(), actual.abs()
    most = torch.maximum(ours, theirs).sum(-1)
    least = torch.minimum(ours, theirs).where(estimated * actual > 0, 0).sum(-1)
    return torch.where(most > 0, least / most.clamp_min(torch.finfo(most.dtype).tiny), 1.0)
