"""The modes of decision that a page shows of a tree: its top, cut where it has a few branches, with parts and pictures.

From the top the branch that covers most pictures is split again and again. What filters add is what they add in the
network itself, on average over the pictures that the node covers, as a share of all that they add, for and against;
beside it stand the filters that the node keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.structures.decision_tree import DecisionTree
from whynet.structures.decision_tree.readings import Readings

NUM_MODES, NUM_PICTURES, NUM_FILTERS = 8, 4, 8
"""Branches that are shown, pictures of each, and filters that stand alone in a bar."""
NO_PART = "no part"


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a filter, or several, add to the logit.

    Args:
        name: "filter 12", or "8 more for".
        part: That they stand for.
        value: Signed, over the sum of the sizes of all, or of what else they are compared with.
    """

    name: str
    part: str
    value: float

    @property
    def is_one(self) -> bool:
        """Whether it is a single filter."""
        return self.name.startswith("filter ")


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A node that is shown.

    Args:
        node: Its number.
        depth: 0 for the children of the root.
        children: Those that are shown, too.
        pictures: Fitted pictures that it covers, those nearest to its direction first, by their numbers.
        num_pictures: How many it covers.
        logit: Mean of what it predicts for them.
        shares: What filters add on average; the sizes add up to 1, or there are none.
        kept: Filters with which the node makes do.
    """

    node: int
    depth: int
    children: tuple[int, ...]
    pictures: tuple[int, ...]
    num_pictures: int
    logit: float
    shares: tuple[Share, ...]
    kept: int


def modes(tree: DecisionTree, fitted: Readings, parts: Mapping[str, Sequence[int]]) -> list[Mode]:
    """The nodes that are shown, each before its children, branch by branch.

    Args:
        tree: A tree.
        fitted: What it sees of the pictures that it was fitted to.
        parts: The filters of each part.
    """
    covered = {node: tree.covered(node) for node in range(tree.root)}
    largest = sorted(tree.children[tree.root], key=lambda node: -len(covered[node]))
    tops = sorted(largest[:NUM_MODES])
    shown: dict[int, tuple[int, ...]] = dict.fromkeys(tops, ())
    ends = set(tops)
    while len(ends) < NUM_MODES and (inner := [node for node in ends if tree.children[node]]):
        split = max(inner, key=lambda node: (len(covered[node]), node))
        shown[split] = tree.children[split]
        shown |= dict.fromkeys(tree.children[split], ())
        ends = ends - {split} | set(tree.children[split])
    found: list[Mode] = []

    def add(node: int, depth: int) -> None:
        rows = list(covered[node])
        predicted = fitted.activations[rows] @ tree.weights[node] + tree.biases[node]
        actual = fitted.gradients[rows] * fitted.activations[rows]
        nearness = torch.nn.functional.normalize(fitted.gradients[rows]) @ tree.directions[node]
        order = [rows[place] for place in nearness.argsort(descending=True, stable=True).tolist()]
        found.append(
            Mode(
                node=node,
                depth=depth,
                children=shown[node],
                pictures=tuple(order[:NUM_PICTURES]),
                num_pictures=len(rows),
                logit=float(predicted.mean()),
                shares=shares(actual.mean(0), parts),
                kept=int((tree.weights[node] != 0).sum()),
            )
        )
        for child in shown[node]:
            add(child, depth + 1)

    for node in tops:
        add(node, 0)
    return found


def shares(
    contributions: Float[Tensor, " filters"], parts: Mapping[str, Sequence[int]], *, total: float | None = None
) -> tuple[Share, ...]:
    """What filters add, part by part, the weightiest part first; of a part's filters the weightiest stand alone.

    Args:
        contributions: Of each filter.
        parts: The filters of each part.
        total: What they are shares of; None: the sum of their sizes.
    """
    part_of = {d: name for name, own in parts.items() for d in own}
    values = dict(enumerate(contributions.tolist()))
    own_total = sum(map(abs, values.values()))
    total = own_total if total is None else total
    if not own_total:
        return ()
    alone = set(sorted(values, key=lambda d: -abs(values[d]))[:NUM_FILTERS])
    filters: dict[str, list[int]] = {}
    for d in sorted(values, key=lambda d: -abs(values[d])):
        if values[d]:
            filters.setdefault(part_of.get(d, NO_PART), []).append(d)
    found = []
    for part in sorted(filters, key=lambda part: -sum(abs(values[d]) for d in filters[part])):
        own = [d for d in filters[part] if d in alone]
        rest = [d for d in filters[part] if d not in alone]
        found += [Share(name=f"filter {d}", part=part, value=values[d] / total) for d in own]
        for told, some in (
            ("for", [values[d] for d in rest if values[d] > 0]),
            ("against", [values[d] for d in rest if values[d] < 0]),
        ):
            if some:
                found.append(Share(name=f"{len(some)} more {told}", part=part, value=sum(some) / total))
    return tuple(found)


def of_parts(told: Sequence[Share]) -> dict[str, float]:
    """What each part adds in all, the largest size first."""
    sums: dict[str, float] = {}
    for share in told:
        sums[share.part] = sums.get(share.part, 0.0) + share.value
    return dict(sorted(sums.items(), key=lambda item: -abs(item[1])))
