"""The reasons that a node of a decision tree gives for an image: its parts, or its filters where they have no part.

Zhang et al. 2019, arXiv:1802.00121 (recalled). A part's share of the logit is the sum of rho^_d = w_v,d x_d over its
filters. As x_d = sum_ij x_ijd / s_d, the share lies in the image where the filters fire:

    heat_ij = sum over the part's filters d of w_v,d x_ijd / s_d
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from whynet.base.reason import Reason
from whynet.base.types import Images
from whynet.models.introspection import Introspection
from whynet.models.subject import Subject


def maps_of(subject: Subject, layer: str, images: Images) -> Tensor:
    """The maps of a layer, (batch, filters, rows, columns), on the CPU."""
    return Introspection(subject, [layer], probabilities=False).record(images).activations[layer].double().cpu()


def reasons_of(slopes: Tensor, maps: Tensor, parts: Mapping[str, Sequence[int]]) -> tuple[Reason, ...]:
    """What the parts, and each filter that is of none, add to the logit; the weightiest first, without zeros.

    Args:
        slopes: w_v over s, one a filter.
        maps: x of one image: filters, rows, columns.
        parts: The filters of each part.
    """
    heat = slopes[:, None, None] * maps
    placed = {d for own in parts.values() for d in own}
    groups = {
        **{(name, True): list(own) for name, own in parts.items() if own},
        **{(f"filter {d}", False): [d] for d in range(len(slopes)) if d not in placed},
    }
    found = []
    for (name, is_named), filters in groups.items():
        own = heat[filters].sum(0)
        if bool(own.any()):
            found.append(Reason(name=name, weight=float(own.sum()), heat_map=own.float().numpy(), is_named=is_named))
    return tuple(sorted(found, key=lambda reason: -abs(reason.weight)))
