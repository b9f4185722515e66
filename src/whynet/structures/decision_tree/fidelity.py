"""How true a decision tree is to its network, layer by layer.

Zhang et al. 2019, arXiv:1802.00121 (recalled). At a layer of the tree, over images of the class,

    relative error = mean |y^ - y| / (max y - min y)                                        lower is better
    fitness        = mean of how well the contributions of filters fit (`fitness`)          higher is better
    part error     = mean of sum_p |R^_p - R_p| / sum_p |R_p|                               lower is better
    accuracy       = share of images in which the tree decides as the network does             higher is better

R_p is rho summed over the filters of part p. The tree decides for the class where y^ is above the network's logits of
all other classes.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import SettingError
from whynet.structures.decision_tree.fitness import fitness
from whynet.structures.decision_tree.tree import ParsePath

LEVELS: Mapping[str, int | None] = {"top": 2, "5": 5, "10": 10, "50": 50, "leaves": None}
"""Layers of the tree at which it is looked at, by name."""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """At one layer of a tree.

    Args:
        relative_error: Of y^; 0 is exact. None where the logit is the same in all images.
        fitness: In [0, 1].
        part_error: At least 0; None where no filter has a part, or all contributions of parts are 0.
        accuracy: In [0, 1].
    """

    relative_error: float | None
    fitness: float
    part_error: float | None
    accuracy: float


def fidelity(
    paths: Sequence[ParsePath], class_index: int, level: int | None, *, parts: Mapping[str, Sequence[int]] | None = None
) -> Fidelity:
    """How true a tree is to its network at one layer.

    Args:
        paths: Of images of the class.
        class_index: The class.
        level: From 2, the children of the root; None: the leaves.
        parts: The filters of each part.

    Raises:
        SettingError: There is no image.
    """
    if not paths:
        raise SettingError("at least one image is needed to measure a tree, none came")
    outputs = torch.tensor([path.output for path in paths])
    predicted = torch.stack([path.predictions[path.place(level)] for path in paths]).to(outputs)
    span = float(outputs.max() - outputs.min())
    estimated = torch.stack([path.contributions_at(level) for path in paths])
    actual = torch.stack([path.actual for path in paths])
    others = torch.stack([path.logits for path in paths]).clone()
    others[:, class_index] = -torch.inf
    rivals = others.amax(1)
    return Fidelity(
        relative_error=float((predicted - outputs).abs().mean()) / span if span else None,
        fitness=float(fitness(estimated, actual).mean()),
        part_error=_part_error(estimated, actual, parts or {}),
        accuracy=float(((predicted > rivals) == (outputs > rivals)).float().mean()),
    )


def reads_monotone(levels: Sequence[Fidelity]) -> bool:
    """Whether, from the top down, the error never rises and the fitness never falls."""
    errors = [level.relative_error for level in levels if level.relative_error is not None]
    fits = [level.fitness for level in levels]
    return all(below <= above for above, below in itertools.pairwise(errors)) and all(
        below >= above for above, below in itertools.pairwise(fits)
    )


def _part_error(
    estimated: Float[Tensor, "images filters"],
    actual: Float[Tensor, "images filters"],
    parts: Mapping[str, Sequence[int]],
) -> float | None:
    filters = [list(own) for own in parts.values() if own]
    if not filters:
        return None
    theirs = torch.stack([actual[:, own].sum(1) for own in filters], 1)  # (images, parts)
    ours = torch.stack([estimated[:, own].sum(1) for own in filters], 1)
    weight = theirs.abs().sum(1)
    told = weight > 0
    if not bool(told.any()):
        return None
    return float(((ours - theirs).abs().sum(1)[told] / weight[told]).mean())
