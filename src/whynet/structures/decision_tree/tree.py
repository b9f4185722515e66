"""The decision tree of one class: which mode decided for an image, roughly at the root and exactly at the leaves.

Zhang et al. 2019, arXiv:1802.00121 (recalled). The parse path of an image goes from the root always to the child that
is nearest to the image's gradient in direction, down to a leaf. At each node v of the path the logit is explained as

    y^ = w_v . x + b_v,        rho^_d = w_v,d x_d,        beside what the network does itself: rho_d = g_d x_d

Differs from the paper: nearness is the cosine with the node's direction g_v, not with its weights w_v, of which the
lasso leaves a few; a single image's dense gradient would always be nearer than those, and no path would leave the
root's leaves. Layers of the tree are counted from the root, which is the first and has no model.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import SettingError, SubjectError
from whynet.base.explanation import Explanation, Explanations
from whynet.base.reason import Reason
from whynet.base.types import ImageBatches, Images
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.structures.decision_tree import saving
from whynet.structures.decision_tree.explaining import maps_of, reasons_of
from whynet.structures.decision_tree.fitness import fitness
from whynet.structures.decision_tree.node_fit import unit
from whynet.structures.decision_tree.readings import Readings, Scales, read
from whynet.structures.tree_settings import TreeSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class ParsePath:
    """How a tree explains one image.

    What filters add at the nodes is worked out when it is asked for: a path is kept for each of many images, and a tree
    that grew by likelihood can have as many layers as images.

    Args:
        nodes: From the second layer of the tree down to a leaf.
        predictions: y^ at each of them, in units of the logit.
        activations: x.
        weights: w of all nodes of the tree, which all its paths share.
        actual: rho of each filter in the network itself, in units of the logit.
        output: y.
        logits: Of all classes.
    """

    nodes: tuple[int, ...]
    predictions: Float[Tensor, " path"]
    activations: Float[Tensor, " filters"]
    weights: Float[Tensor, "nodes filters"]
    actual: Float[Tensor, " filters"]
    output: float
    logits: Float[Tensor, " classes"]

    @property
    def contributions(self) -> Float[Tensor, "path filters"]:
        """rho^ of each filter at each of the nodes, in units of the logit."""
        return self.weights[list(self.nodes)] * self.activations

    def contributions_at(self, level: int | None) -> Float[Tensor, " filters"]:
        """rho^ of each filter in one layer of the tree; `level` as of `place`."""
        return self.weights[self.nodes[self.place(level)]] * self.activations

    def place(self, level: int | None) -> int:
        """Which of the nodes lies in this layer of the tree; a path that ends before it stays at its leaf.

        Args:
            level: From 2, the children of the root; None is the leaf.
        """
        last = len(self.nodes) - 1
        return last if level is None else min(max(level - 2, 0), last)


@dataclass(frozen=True, kw_only=True, eq=False)
class DecisionTree:
    """A fitted tree. Nodes are numbered: the leaves in the order of the fitted images, then the others, the root last.

    Args:
        layer: Whose filters it speaks of.
        class_index: Which class it explains.
        class_name: Its name.
        settings: How it was grown.
        scales: s of each filter.
        directions: Of each node but the root.
        weights: w, likewise.
        biases: b, likewise.
        children: Of each node, the root last.
        image_names: Of the fitted images, one a leaf.
        network: `weights_fingerprint` of the network.
    """

    layer: str
    class_index: int
    class_name: str
    settings: TreeSettings
    scales: Scales
    directions: Float[Tensor, "nodes filters"]
    weights: Float[Tensor, "nodes filters"]
    biases: Float[Tensor, " nodes"]
    children: tuple[tuple[int, ...], ...]
    image_names: tuple[str, ...]
    network: str

    @property
    def root(self) -> int:
        """The number of the root."""
        return len(self.children) - 1

    @property
    def depth(self) -> int:
        """How many layers it has; the root is the first."""
        layers = [1] * len(self.children)
        for node in range(self.root, -1, -1):
            for child in self.children[node]:
                layers[child] = layers[node] + 1
        return max(layers)

    @property
    def has_one_mode(self) -> bool:
        """Whether the network decides for all fitted images alike, as where the logit is linear in the pooled maps."""
        leaves = self.directions[: len(self.image_names)]
        return bool((leaves @ leaves[0] > 1 - 1e-6).all()) and len(leaves) > 1

    def covered(self, node: int) -> tuple[int, ...]:
        """The fitted images below a node, by their numbers."""
        waiting, found = [node], []
        while waiting:
            one = waiting.pop()
            waiting += self.children[one]
            if not self.children[one]:
                found.append(one)
        return tuple(sorted(found))

    def save(self, folder: Path | str) -> None:
        """Write `tree.json` and `tree.safetensors` to a folder, which is made if need be.

        Raises:
            StorageError: That cannot be done.
        """
        saving.save_tree(Path(folder), vars(self))

    @classmethod
    def load(cls, folder: Path | str) -> "DecisionTree":
        """The tree that `save` wrote; raises `RunError` if a file is absent or damaged."""
        return cls(**saving.load_tree(Path(folder)))

    def parse(self, subject: Subject, images: ImageBatches) -> list[ParsePath]:
        """The parse path of each image.

        An image whose logit owes nothing to any filter is equally near to all nodes: it goes down by the first child of
        each, which is told in the log.

        Args:
            subject: The network that the tree was fitted to.
            images: Preprocessed; batches of them, where they are many.

        Raises:
            SubjectError: The network's weights are others than when the tree was fitted.
            WhynetError: What `read_for_fitting` raises.
        """
        return self.parse_readings(self.read(subject, images))

    def read(self, subject: Subject, images: ImageBatches) -> Readings:
        """What the tree sees of images; arguments and errors as of `parse`."""
        self.check(subject)
        return read(subject, self.layer, images, self.class_index, self.settings.pooling, self.scales)

    def explain(
        self,
        subject: Subject,
        images: Images,
        *,
        level: int | None = None,
        parts: Mapping[str, Sequence[int]] | None = None,
        names: Sequence[str] | None = None,
    ) -> Explanations:
        """Why the network gives each image the logit of the class, in the words of one layer of the tree.

        Args:
            subject: The network that the tree was fitted to.
            images: Preprocessed.
            level: From 2, the children of the root, which is rough; None is the leaf.
            parts: The filters of each part; a filter of none is a reason of its own, by its number.
            names: Of the images; their numbers, if None.

        Returns:
            One explanation an image. Reasons weigh what they add to the logit; the figures `tree_logit` (y^), `logit`
            (y) and `tree_fitness` say how far to trust them.

        Raises:
            SettingError: There is no image, or not one name for each.
            SubjectError: The network's weights are others than when the tree was fitted.
        """
        names = [f"image {row}" for row in range(len(images))] if names is None else names
        if len(names) != len(images):
            raise SettingError(f"one name for each of {len(images)} images was expected, not {len(names)}")
        paths, maps = self.parse(subject, images), maps_of(subject, self.layer, images)
        return Explanations(
            Explanation(
                image_name=name,
                class_index=self.class_index,
                class_name=self.class_name,
                probability=float(path.logits.softmax(0)[self.class_index]),
                reasons=self.reasons(path, own, level=level, parts=parts),
                faithfulness={
                    "logit": path.output,
                    "tree_logit": float(path.predictions[path.place(level)]),
                    "tree_fitness": float(fitness(path.contributions_at(level), path.actual)),
                },
            )
            for name, path, own in zip(names, paths, maps, strict=True)
        )

    def reasons(
        self,
        path: ParsePath,
        maps: Float[Tensor, "filters rows columns"],
        *,
        level: int | None = None,
        parts: Mapping[str, Sequence[int]] | None = None,
    ) -> tuple[Reason, ...]:
        """What one layer of the tree names for an image, the weightiest first; with the node's bias they give y^.

        Args:
            path: Of the image.
            maps: Of the layer that the tree speaks of, in the image.
            level: As of `explain`.
            parts: As of `explain`.
        """
        node = path.nodes[path.place(level)]
        return reasons_of(self.weights[node] / self.scales, maps, parts or {})

    def check(self, subject: Subject) -> None:
        """Raise `SubjectError` unless this is the network that the tree was fitted to."""
        if weights_fingerprint(subject.network) != self.network:
            raise SubjectError(
                f"the tree of {self.class_name} was fitted to another network than {subject.name}: its weights differ; "
                "fit it again"
            )

    def parse_readings(self, readings: Readings) -> list[ParsePath]:
        """The parse path of each image that was read already."""
        directions = torch.from_numpy(unit(readings.gradients.numpy()))
        if num_still := int((~directions.any(1)).sum()):
            _log.warning(
                "the logit of %s does not depend on layer %s in %d of %d images: the tree explains nothing of them",
                self.class_name, self.layer, num_still, len(directions),
            )  # fmt: skip
        paths = [self._nodes_of(direction) for direction in directions]
        found = []
        for row, nodes in enumerate(paths):
            places, activations = list(nodes), readings.activations[row]
            found.append(
                ParsePath(
                    nodes=nodes,
                    predictions=(self.weights[places] * activations).sum(1) + self.biases[places],
                    activations=activations,
                    weights=self.weights,
                    actual=readings.gradients[row] * activations,
                    output=float(readings.outputs[row]),
                    logits=readings.logits[row],
                )
            )
        return found

    def _nodes_of(self, direction: Float[Tensor, " filters"]) -> tuple[int, ...]:
        found: list[int] = []
        children = self.children[self.root]
        while children:
            nearness = self.directions[list(children)] @ direction
            found.append(children[int(nearness.argmax())])
            children = self.children[found[-1]]
        return tuple(found)
