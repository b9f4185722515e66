"""Growing a tree from the leaves up: which modes of decision merge, and when to stop.

Zhang et al. 2019, arXiv:1802.00121 (recalled). At first every image is a child of the root, with its own model (g_i,
b_i). Then two children merge again and again, and what they merge into takes their place, as long as that raises

    E = prod_i P(x_i) exp(-beta |V|),        P(x_i) = exp(gamma y_i^) / sum_j exp(gamma y_j^),        gamma = 1 / mean y

V are the children of the root, and y_i^ is what they predict for the images, all of which belong to the class.

Our reading, and what differs from the paper: gamma is one over the mean size of y, which is the same where the logit is
positive. y_i^ comes from the child that covers image i, so that a merge changes the
predictions of its own images alone and the gains of all pairs are known exactly after each merge; of each child's
pairs only those with its nearest neighbours in direction are looked at (`candidates`; 0 looks at all). P rewards
predictions that are alike, so that "likelihood" lets one mode swallow the images one by one and the tree becomes a
chain. By default ("direction") those two merge that leave the gradients of each mode most alike in direction (Ward's
linkage of the gradients at unit length), and E only says when to stop.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from whynet.base.progress import track
from whynet.structures.decision_tree.node_fit import Matrix, NodeFit, Vector, fit_node, unit
from whynet.structures.tree_settings import TreeSettings

_LEAST = np.finfo(np.double).tiny
"""Of a ratio of sums: where one image outweighs all others by hundreds of orders, the rest is lost to rounding."""

Rows = Int[np.ndarray, " covered"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GrownNode:
    """A node of a tree that grows.

    Args:
        fit: Its model.
        rows: Of the images that it covers.
        children: The two nodes that merged into it; none for a leaf, which covers one image.
    """

    fit: NodeFit
    rows: Rows
    children: tuple[int, ...] = ()


class Growing:
    """A tree that grows.

    Args:
        activations: x of the images.
        gradients: g.
        outputs: y.
        settings: How it grows.

    Attributes:
        nodes: The leaves in the order of the images, then what merged, the children always before it.
        top: Children of the root at present.
    """

    def __init__(self, activations: Matrix, gradients: Matrix, outputs: Vector, settings: TreeSettings) -> None:
        self.activations, self.outputs, self.settings = activations, outputs, settings
        self.directions = unit(gradients)
        self.penalty = settings.sparsity * float(outputs.std())
        mean = float(np.abs(outputs).mean())
        self.gamma = 1 / mean if mean else 0.0
        self._shift = self.gamma * float(outputs.max())  # of the exponents, which would overflow
        self.biases = outputs - (gradients * activations).sum(1)
        self.nodes = [
            GrownNode(
                fit=NodeFit(direction=self.directions[row], weights=gradients[row], bias=float(self.biases[row])),
                rows=np.array([row]),
            )
            for row in range(len(outputs))
        ]
        self.top = set(range(len(outputs)))
        self._scores = [self._scores_of(node) for node in self.nodes]
        self._total = sum(powers for _, powers in self._scores)

    def merged(self, first: int, second: int) -> GrownNode:
        """What two nodes would merge into."""
        rows = np.concatenate([self.nodes[first].rows, self.nodes[second].rows])
        fit = fit_node(self.activations, self.directions, self.outputs, self.biases, rows, self.penalty)
        return GrownNode(fit=fit, rows=rows, children=(first, second))

    def change(self, made: GrownNode) -> tuple[float, float]:
        """By how much a merge changes sum gamma y^ and sum exp(gamma y^), the latter in a unit of its own."""
        level, powers = self._scores_of(made)
        before = [self._scores[child] for child in made.children]
        return level - sum(one for one, _ in before), powers - sum(one for _, one in before)

    def gains(
        self, level: Float[np.ndarray, " pairs"], powers: Float[np.ndarray, " pairs"]
    ) -> Float[np.ndarray, " pairs"]:
        """By how much merges raise log E, given what they change."""
        found: Vector = (
            level - len(self.outputs) * np.log(np.maximum(1 + powers / self._total, _LEAST)) + self.settings.beta
        )
        return found

    def log_objective(self) -> float:
        """Log E."""
        level = sum(self._scores[place][0] for place in self.top)
        normaliser = np.log(self._total) + self._shift
        return float(level - len(self.outputs) * normaliser - self.settings.beta * len(self.top))

    def merge(self, made: GrownNode) -> int:
        """Put a merged node in the place of its children; returns its number."""
        _, powers = self.change(made)
        self.nodes.append(made)
        self._scores.append(self._scores_of(made))
        self._total = max(self._total + powers, _LEAST)
        self.top -= set(made.children)
        self.top.add(len(self.nodes) - 1)
        return len(self.nodes) - 1

    def _scores_of(self, node: GrownNode) -> tuple[float, float]:
        scaled = self.gamma * node.fit.predict(self.activations[node.rows])
        return float(scaled.sum()), float(np.exp(scaled - self._shift).sum())


def grow(activations: Matrix, gradients: Matrix, outputs: Vector, settings: TreeSettings) -> Growing:
    """Grow a tree from at least one image.

    Args:
        activations: x of the images.
        gradients: g, in units of the logit.
        outputs: y, likewise.
        settings: How.
    """
    growing = Growing(activations, gradients, outputs, settings)
    if len(outputs) > 1:
        (_by_direction if settings.growth == "direction" else _by_likelihood)(growing)
    return growing


def _by_direction(growing: Growing) -> None:
    """Merge what is most alike in direction, as long as E grows."""
    from scipy.cluster.hierarchy import linkage

    order = linkage(growing.directions, "ward")
    for first, second in track(order[:, :2].astype(int).tolist(), "Growing the tree"):
        made = growing.merged(first, second)
        level, powers = growing.change(made)
        if float(growing.gains(np.array([level]), np.array([powers]))[0]) <= 0:
            return
        growing.merge(made)


def _by_likelihood(growing: Growing) -> None:
    """Merge those two of the candidates that raise E most, as long as any does."""
    made: dict[tuple[int, int], GrownNode] = {}
    pairs, changes = np.empty((0, 2), int), np.empty((0, 2))
    waiting = sorted(growing.top)
    for _ in track(range(len(waiting) - 1), "Growing the tree"):
        new = {pair for place in waiting for pair in _candidates(growing, place)} - set(made)
        made |= {pair: growing.merged(*pair) for pair in sorted(new)}
        if new:
            pairs = np.concatenate([pairs, np.array(sorted(new))])
            changes = np.concatenate([changes, np.array([growing.change(made[pair]) for pair in sorted(new)])])
        gains = growing.gains(changes[:, 0], changes[:, 1])
        best = int(gains.argmax())
        if gains[best] <= 0:
            return
        chosen = tuple(pairs[best].tolist())
        waiting = [growing.merge(made[chosen])]
        is_left = ~np.isin(pairs, chosen).any(1)
        for gone in pairs[~is_left].tolist():
            del made[tuple(gone)]
        pairs, changes = pairs[is_left], changes[is_left]


def _candidates(growing: Growing, place: int) -> list[tuple[int, int]]:
    """The pairs of a child of the root with those nearest to it in direction."""
    others = np.array(sorted(growing.top - {place}), int)
    if growing.settings.candidates and len(others) > growing.settings.candidates:
        directions = np.stack([growing.nodes[other].fit.direction for other in others])
        nearness = directions @ growing.nodes[place].fit.direction
        others = others[np.argsort(-nearness, kind="stable")[: growing.settings.candidates]]
    return [(min(place, other), max(place, other)) for other in others.tolist()]
