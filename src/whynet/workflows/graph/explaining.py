"""The nodes of explanatory graphs in pictures: of a class's surest nodes those that are found most surely.

Not of all nodes: a score says how strong a pattern is, not whether it is always the same one, and the strongest ones
are often filters that answer to the background. The surest nodes of a class were chosen on its training pictures
(`finding`), and its page shows what they stand for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import RunError
from whynet.base.graph_node import GraphNode
from whynet.base.types import Images, Logits, Picture
from whynet.metrics.part_hits import HIT_SHARE
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.workflows.class_folders import class_folder
from whynet.workflows.graph.centres import unit_centres
from whynet.workflows.graph.points import node_points
from whynet.workflows.graph.saved import ClassGraph, load_class_graph, saved_graphs
from whynet.workflows.run import GRAPH, Run
from whynet.workflows.view import View

NUM_TOLD = 5
"""Nodes that are told of a picture, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NodesInImage:
    """The nodes of a graph in one image.

    Args:
        own: The graph, and what was measured of it.
        positions: Row and column of each node in pixels of the network's input, the first pixel's centre at 0.5.
        scores: How surely each was found; 0 where it was not.
    """

    own: ClassGraph
    positions: Float[Tensor, "nodes 2"]
    scores: Float[Tensor, " nodes"]

    @property
    def told(self) -> list[int]:
        """Of the class's surest nodes those that are found most surely, the surest first."""
        order = sorted(self.own.surest, key=lambda node: -float(self.scores[node]))
        return [node for node in order if self.scores[node] > 0][:NUM_TOLD]


class GraphReader:
    """The explanatory graphs of a run, opened when they are needed.

    Args:
        run: That has some.
        subject: Its classifier.

    Raises:
        RunError: It has none.
    """

    def __init__(self, run: Run, subject: Subject) -> None:
        self.run, self.subject = run, subject
        if not saved_graphs(run):
            raise RunError(f"{run.folder} has no explanatory graphs; fit them with `whynet graph {run.folder}`")
        self._opened = cache(load_class_graph)
        self._centres = cache(partial(unit_centres, subject))

    def nodes(self, images: Images, logits: Logits, pictures: Sequence[Picture]) -> list[tuple[GraphNode, ...] | None]:
        """The surest nodes in each picture, of the graph of its class; None where that class has no graph.

        Args:
            images: Preprocessed.
            logits: Of each.
            pictures: What they were made of.

        Raises:
            RunError: A graph is damaged, or of another network.
            SettingError: The network sees images of another size than the graph was fitted on.
        """
        found: list[tuple[GraphNode, ...] | None] = [None] * len(images)
        predicted = logits.argmax(1).tolist()
        for index in sorted(set(predicted)):
            rows = [row for row, own in enumerate(predicted) if own == index]
            inferred = self.found(index, images[rows])
            for row, nodes in zip(rows, inferred or [], strict=inferred is not None):
                found[row] = self._told(nodes, pictures[row])
        return found

    def found(self, index: int, images: Images) -> list[NodesInImage] | None:
        """The nodes of a class's graph in images, whatever the network makes of them; None where it has no graph.

        Raises:
            RunError, SettingError: As of `nodes`.
        """
        folder = self._folder(index)
        if not folder.is_dir():
            return None
        own = self._opened(folder, self._network)
        centres = [self._centres(layer.name, layer.map_size, own.graph.image_size) for layer in own.graph.layers]
        points = node_points(own.graph, own.graph.infer(self.subject, images), centres)
        return [
            NodesInImage(own=own, positions=positions, scores=scores)
            for positions, scores in zip(points.positions, points.scores, strict=True)
        ]

    @cached_property
    def _network(self) -> str:
        return weights_fingerprint(self.subject.network)

    def _folder(self, index: int) -> Path:
        return class_folder(self.run, GRAPH, index, self.subject.class_names[index])

    def _told(self, nodes: NodesInImage, picture: Picture) -> tuple[GraphNode, ...]:
        """The surest nodes in a picture, each with those of its parents that are found, too."""
        own, view = nodes.own, View.through(self.subject.preprocess, picture)

        def told(node: int, parents: tuple[GraphNode, ...] = ()) -> GraphNode:
            layer, place = own.graph.locate(node)
            ((x, y),) = view.in_picture(np.array([nodes.positions[node].tolist()[::-1]])).tolist()
            return GraphNode(
                node=node, layer=layer.name, filter=int(layer.filters[place]), x=x, y=y,
                score=float(nodes.scores[node]), part=_part(own, node), parents=parents,
            )  # fmt: skip

        def parents(node: int) -> tuple[GraphNode, ...]:
            above = (edge.parent for edge in own.graph.parents_of(node))
            return tuple(told(parent) for parent in above if nodes.scores[parent] > 0)

        return tuple(told(node, parents(node)) for node in nodes.told)


def _part(own: ClassGraph, node: int) -> str | None:
    """The part that a node lies on in most test pictures that show it."""
    hits = own.nodes["hits"][node] if "hits" in own.nodes else None
    return None if hits is None or hits <= HIT_SHARE else own.nodes["part"][node]
