"""The explanatory graph as plain data: a node for each part pattern of a filter, edges between what moves together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from whynet.base.errors import DataError, SettingError, SubjectError
from whynet.base.files import write_text_atomically
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.structures.explanatory_graph import saving
from whynet.structures.explanatory_graph.gaussian_product import edge_weights
from whynet.structures.explanatory_graph.inference import LayerMaps, NodePositions, node_positions
from whynet.structures.explanatory_graph.layer import GraphLayer
from whynet.structures.explanatory_graph.layer_maps import layer_maps
from whynet.structures.graph_settings import GraphSettings

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A node and one of its parents, by their numbers in the graph.

    Args:
        parent: In the layer above.
        child: The node.
        weight: How much of the parent's move the child follows, in (0, 1]; of all its edges together 1.
        sigma: What the parent is trusted with, in pixels; lower is more trusted.
        offset: Rows and columns from the parent to the child, on average, in pixels.
    """

    parent: int
    child: int
    weight: float
    sigma: float
    offset: tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplanatoryGraph:
    """The graph that `fit_explanatory_graph` returns. Nodes are counted over all layers, bottom to top, from 0.

    Args:
        layers: Bottom to top.
        image_size: Rows and columns of the images that it was fitted on, in pixels.
        network: `weights_fingerprint` of the network.
        settings: How it was fitted.
    """

    layers: tuple[GraphLayer, ...]
    image_size: tuple[int, int]
    network: str
    settings: GraphSettings

    @property
    def num_nodes(self) -> int:
        """Of all layers."""
        return sum(layer.num_nodes for layer in self.layers)

    def nodes_of(self, layer: str) -> range:
        """The numbers of a layer's nodes, in its own order; raises `SettingError` if the graph has no such layer."""
        names = [own.name for own in self.layers]
        if layer not in names:
            raise SettingError(f"the graph has layers {', '.join(names)}, not {layer!r}; name one of them")
        first = self._first()[names.index(layer)]
        return range(first, first + self.layers[names.index(layer)].num_nodes)

    def locate(self, node: int) -> tuple[GraphLayer, int]:
        """A node's layer, and its index there; raises `SettingError` if there is no such node."""
        level, index = self._locate(node)
        return self.layers[level], index

    def parents_of(self, node: int) -> tuple[Edge, ...]:
        """The edges to a node's neighbours in the layer above, the most trusted first; none in the top layer.

        Raises:
            SettingError: There is no such node.
        """
        level, index = self._locate(node)
        layer = self.layers[level]
        if level == len(self.layers) - 1:
            return ()
        parents, first = layer.parents[index], self._first()[level + 1]
        offsets = (layer.mu[index] - self.layers[level + 1].mu[parents]).tolist()
        sigmas = layer.edge_sigmas[index]
        columns = (parents.tolist(), edge_weights(sigmas[None])[0].tolist(), sigmas.tolist(), offsets)
        return tuple(
            Edge(parent=first + parent, child=node, weight=weight, sigma=sigma, offset=(row, column))
            for parent, weight, sigma, (row, column) in zip(*columns, strict=True)
        )

    def children_of(self, node: int) -> tuple[Edge, ...]:
        """The edges to a node's neighbours in the layer below, in the order of their numbers; none in the lowest layer.

        Raises:
            SettingError: There is no such node.
        """
        level, index = self._locate(node)
        if level == 0:
            return ()
        below, first = self.layers[level - 1], self._first()[level - 1]
        children = (below.parents == index).any(1).nonzero()[:, 0].tolist()
        edges = (edge for child in children for edge in self.parents_of(first + child))
        return tuple(edge for edge in edges if edge.parent == node)

    def infer(self, subject: Subject, images: Tensor | Iterable[Tensor], *, batch_size: int = 32) -> NodePositions:
        """Where all nodes are in images, and how surely.

        Args:
            subject: The network that the graph was fitted on.
            images: Preprocessed, of the size that the graph was fitted on: one batch or several.
            batch_size: Images in one forward pass, at most.

        Raises:
            SettingError: The images are no batches, or of another size.
            SubjectError: The network is another one, or its weights changed; or a layer holds NaN.
        """
        if weights_fingerprint(subject.network) != self.network:
            raise SubjectError(
                f"the graph was fitted on a network with other weights than {subject.name} has; fit a graph to it anew"
            )
        found = []
        for batch, maps in layer_maps(subject, [layer.name for layer in self.layers], images, batch_size):
            size = (batch.shape[2], batch.shape[3])
            if size != self.image_size:
                raise SettingError(
                    f"images of {self.image_size[0]} x {self.image_size[1]} pixels, as the graph was fitted on, were "
                    f"expected, but {size[0]} x {size[1]} came; preprocess them alike, or fit a graph to this size"
                )
            found.append(self.infer_maps(maps))
        return NodePositions(
            positions=torch.cat([torch.zeros(0, self.num_nodes, 2), *(own.positions for own in found)]),
            scores=torch.cat([torch.zeros(0, self.num_nodes), *(own.scores for own in found)]),
        )

    def infer_maps(self, maps: Sequence[LayerMaps]) -> NodePositions:
        """Where all nodes are, from recorded maps: one tensor a layer, bottom to top, of the same images.

        Raises:
            DataError: There are maps of more or fewer layers, of another number of filters, rows or columns, of
                different numbers of images, or with NaN or infinity.
        """
        expected = [(layer.num_filters, *layer.map_size) for layer in self.layers]
        if [tuple(own.shape[1:]) for own in maps] != expected or len({len(own) for own in maps}) != 1:
            raise DataError(
                f"maps of {expected} filters, rows and columns, one tensor a layer, of the same images, were expected, "
                f"but {[tuple(own.shape) for own in maps]} came; record the layers that the graph was fitted on"
            )
        if not all(bool(own.isfinite().all()) for own in maps):
            raise DataError("maps without NaN or infinity were expected, but one has some; check where it was computed")
        return node_positions(self.layers, maps, self.image_size)

    def to_networkx(self) -> "networkx.DiGraph":
        """A directed graph of networkx with an edge from each parent to its child.

        Returns:
            Nodes by their numbers with `layer`, `filter`, `row`, `column`, `sigma` (pixels) and `share`; edges with
            `weight`, `sigma`, `row` and `column` (pixels from parent to child); the graph with `height`, `width`,
            `network`.
        """
        import networkx

        made = networkx.DiGraph(height=self.image_size[0], width=self.image_size[1], network=self.network)
        number = 0
        for layer in self.layers:
            columns = (layer.filters.tolist(), layer.mu.tolist(), layer.sigma.tolist(), layer.shares.tolist())
            for own, (row, column), sigma, share in zip(*columns, strict=True):
                made.add_node(number, layer=layer.name, filter=own, row=row, column=column, sigma=sigma, share=share)
                number += 1
        for edge in (edge for node in range(number) for edge in self.parents_of(node)):
            row, column = edge.offset
            made.add_edge(edge.parent, edge.child, weight=edge.weight, sigma=edge.sigma, row=row, column=column)
        return made

    def write_graphml(self, path: Path | str) -> None:
        """Write what `to_networkx` returns as GraphML, whole or not at all; raises `StorageError` if it cannot be."""
        import networkx

        write_text_atomically(Path(path), "\n".join(networkx.generate_graphml(self.to_networkx())) + "\n")

    def save(self, folder: Path | str) -> None:
        """Write `graph.json` and `graph.safetensors` to a folder, which is made if need be.

        Raises:
            StorageError: That cannot be done.
        """
        saving.save_graph(
            Path(folder), layers=self.layers, image_size=self.image_size, network=self.network, settings=self.settings
        )

    @classmethod
    def load(cls, folder: Path | str) -> "ExplanatoryGraph":
        """The graph that `save` wrote; raises `RunError` if a file is absent or damaged, or they do not match."""
        return cls(**saving.load_graph(Path(folder)))

    def _first(self) -> list[int]:
        """The number of each layer's first node."""
        return list(accumulate((layer.num_nodes for layer in self.layers[:-1]), initial=0))

    def _locate(self, node: int) -> tuple[int, int]:
        if not 0 <= node < self.num_nodes:
            raise SettingError(f"a node from 0 to {self.num_nodes - 1} was expected, not {node}")
        level = max(level for level, first in enumerate(self._first()) if first <= node)
        return level, node - self._first()[level]
