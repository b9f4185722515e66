"""Which category each filter stands for, from how strongly the images of each category activate it.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 3: the category whose images activate the filter most. Nothing keeps
many filters from choosing the same few categories, so that others own none; the balanced assignment gives each category
as many filters as any other, up to one, and lets the filters choose as well as that allows.
"""

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from whynet.models.filter_settings import Assignment

_NEVER = 1e9


def filter_categories(
    strengths: Float[Tensor, "filters categories"], assignment: Assignment
) -> Int[Tensor, " filters"]:
    """The category of each filter.

    Of equal ones arg-max takes the first.

    Args:
        strengths: Mean over the images of each category of the sum of the filter's map, at least 0.
        assignment: "arg-max", the paper's, or "balanced": linear assignment of filters to equally many places of each
            category, by the strength over the filter's mean.
    """
    if assignment == "arg-max":
        return strengths.argmax(1)
    count, categories = strengths.shape
    places = -(-count // categories)
    mean = strengths.mean(1, keepdim=True)
    relative = (strengths / mean.where(mean > 0, 1)).double().cpu()
    value = relative.repeat_interleave(places, 1)
    # What is left over goes to nobody: the last place of some categories.
    nobody = torch.full((categories * places - count, categories * places), -_NEVER, dtype=torch.double)
    nobody[:, places - 1 :: places] = 0
    _, chosen = linear_sum_assignment(torch.cat([value, nobody]).numpy(), maximize=True)
    return torch.from_numpy(chosen[:count] // places).to(strengths.device)
