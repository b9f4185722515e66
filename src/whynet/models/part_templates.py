"""Templates of an interpretable filter's map: where the activations of a part's filter are expected to lie.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 3. For a map of R x C positions the template of position mu is

    T_mu:   t_ij = tau max(1 - beta d([i, j], mu), -1),        tau = 0.5 / (R C)

and that of an image without the part is T-: t_ij = -tau. The prior is alpha / (R C) for each T_mu and 1 - alpha for T-,
with alpha = R C / (1 + R C), so all R C + 1 are alike.

Differs from the paper: its maps are square, n x n, and its distance the L1 norm over n; here d adds |i - i'| / R and
|j - j'| / C, which is the same where R = C. The round templates of the paper's figure 3 take the L2 norm.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whynet.models.filter_settings import Norm


def tau(rows: int, columns: int) -> float:
    """The height of the templates of a map."""
    return 0.5 / (rows * columns)


def shapes(
    peaks: Int[Tensor, "*batch"], rows: int, columns: int, beta: Float[Tensor, "..."] | float, norm: Norm
) -> Float[Tensor, "*batch {rows} {columns}"]:
    """T_mu / tau around each peak: 1 at the peak, falling to -1.

    Args:
        peaks: mu as the position's number, row by row.
        rows: Of the map.
        columns: Likewise.
        beta: One number, or one that broadcasts to `peaks`.
        norm: Of the distance.
    """
    kind = beta.dtype if isinstance(beta, Tensor) else torch.get_default_dtype()
    slope = beta[..., None, None] if isinstance(beta, Tensor) else beta
    distance = _distances(peaks, rows, columns, kind, norm)
    # In place: at inference, what a mask allocates takes longer than what it computes.
    return distance.mul_(-slope).add_(1).clamp_min_(-1)


def templates(
    rows: int, columns: int, beta: Float[Tensor, " filters"], norm: Norm
) -> Float[Tensor, "filters templates positions"]:
    """All R C + 1 templates of each filter over the R C positions; the last is T-.

    Args:
        rows: Of the map.
        columns: Likewise.
        beta: Of each filter.
        norm: Of the distance.
    """
    count = rows * columns
    places = torch.arange(count, device=beta.device)
    positive = shapes(places.expand(len(beta), -1), rows, columns, beta[:, None], norm).flatten(2)  # (F, R C, P)
    return torch.cat([positive, -torch.ones_like(positive[:, :1])], 1).mul_(tau(rows, columns))


def _distances(
    peaks: Int[Tensor, "*batch"], rows: int, columns: int, kind: torch.dtype, norm: Norm
) -> Float[Tensor, "*batch {rows} {columns}"]:
    """Of each position from each peak."""
    across = (torch.arange(rows, device=peaks.device, dtype=kind) - (peaks // columns)[..., None].to(kind)) / rows
    along = (torch.arange(columns, device=peaks.device, dtype=kind) - (peaks % columns)[..., None].to(kind)) / columns
    if norm == "l1":
        return across.abs()[..., :, None] + along.abs()[..., None, :]
    return (across.square()[..., :, None] + along.square()[..., None, :]).sqrt()
