"""The mutual information of a filter's maps and the part templates, and its gradient.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, equations (1) and (2). Of a filter's maps x over images and its templates T:

    p(x | T) = exp(tr(x T)) / Z_T,    Z_T = sum_x exp(tr(x T)),    p(x) = sum_T p(T) p(x | T)
    MI = sum_T p(T) sum_x p(x | T) log(p(x | T) / p(x))

All templates are alike likely (`part_templates`). With L = log(p(x | T) / p(x)) the gradient is

    dMI / d tr(x T) = p(T) p(x | T) (L - sum_x' p(x' | T) L')

where the paper, which takes Z_T for a constant, leaves the second term out. All is computed in the logarithm.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

Templates = Float[Tensor, "#filters templates positions"]
"""Of each filter, or one set for all."""
Scores = Float[Tensor, "batch filters templates"]


def scores(maps: Float[Tensor, "batch filters rows columns"], templates: Templates) -> Scores:
    """tr(x T) of each map and template, in single precision at least."""
    return torch.einsum("bfp,ftp->bft", maps.flatten(2).to(templates.dtype), templates)


def mutual_information(
    maps: Float[Tensor, "batch filters rows columns"], templates: Templates
) -> Float[Tensor, " filters"]:
    """MI of each filter over the images of a batch, in nats, at least 0."""
    log_given, information = _information(scores(maps, templates))
    found: Tensor = (log_given.exp() * information).sum((0, 2)) / templates.shape[1]
    return found


def information_gradient(
    maps: Float[Tensor, "batch filters rows columns"], templates: Templates
) -> Float[Tensor, "batch filters rows columns"]:
    """The gradient of each filter's MI at its maps."""
    log_given, information = _information(scores(maps, templates))
    given = log_given.exp()
    weights = given * (information - (given * information).sum(0)) / templates.shape[1]
    return torch.einsum("bft,ftp->bfp", weights, templates).view_as(maps)


def _information(own: Scores) -> tuple[Scores, Scores]:
    """The logarithms of p(x | T), and of p(x | T) / p(x)."""
    log_given = own - torch.logsumexp(own, 0)
    return log_given, log_given - torch.logsumexp(log_given, 2, keepdim=True) + math.log(own.shape[2])
