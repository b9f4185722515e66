"""The pictures of a class's graph: each node's patches, its parents' in the same pictures, and all over one picture.

As in Zhang et al., arXiv:1708.01785, a node is shown by what lies around its place in several pictures. A ring marks
the field that a unit of its layer answers to (`UnitGeometry`); the patch shows twice as much, to tell where it lies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.overlay import resized
from whynet.base.errors import SubjectError
from whynet.base.graph_node import node_name
from whynet.base.types import Picture
from whynet.data.example import ExampleDataset
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.structures.explanatory_graph.inference import NodePositions
from whynet.workflows.filters.geometry import unit_geometry
from whynet.workflows.graph.centres import UnitCentres, unit_centres
from whynet.workflows.graph.saved import ClassGraph
from whynet.workflows.reading import BATCH_SIZE
from whynet.workflows.report.filter_pictures import Tile
from whynet.workflows.view import View

NUM_PATCHES, NUM_PARENTS = 8, 2
"""Pictures that a node is shown in, and how many of its parents are shown beside it."""
SIDE, OVER = 96, 480
"""Pixels of a patch's side, and of the longer side of the picture under a graph."""
NUM_CALIBRATED = 32
"""Pictures among which the strongest are covered to measure receptive fields."""
_LEAST_SHOWN = 0.3
"""A patch's side as a share of what the network sees, at least."""
_RING, _EDGE = (255, 255, 255), (32, 32, 32)


@dataclass(frozen=True, kw_only=True)
class LayerFields:
    """Where the units of a layer look, and how large their round fields are, in pixels of the network's input."""

    centres: UnitCentres
    radius: float


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A node over a picture, in pixels of what is shown; `level` counts layers from the bottom."""

    node: int
    level: int
    x: float
    y: float
    label: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """Some nodes of a graph over a picture, with lines from each to its parents, as pairs of dots."""

    picture: Tile
    width: int
    height: int
    dots: list[Dot]
    lines: list[tuple[Dot, Dot]]


def layer_fields(
    subject: Subject, layers: Mapping[str, tuple[int, int]], examples: ExampleDataset
) -> dict[str, LayerFields]:
    """The fields of some layers, measured on some pictures.

    Args:
        subject: The network.
        layers: The size of each one's maps.
        examples: Any pictures.
    """
    assert isinstance(subject.preprocess, Preprocessing)
    size = (subject.preprocess.height, subject.preprocess.width)
    number = min(NUM_CALIBRATED, len(examples))
    rows = [place * len(examples) // number for place in range(number)]
    images = subject.preprocess([examples[row].image for row in rows]).to(subject.device)
    found = {}
    for layer, map_size in layers.items():
        centres = unit_centres(subject, layer, map_size, size)
        try:
            radius = unit_geometry(subject, layer.partition(":")[0], images).radius
        except SubjectError:
            radius = float(np.hypot(*centres.cell)) / 2  # what leaves no gaps
        found[layer] = LayerFields(centres=centres, radius=radius)
    return found


class GraphPictures:
    """A class's pictures, drawn with its graph.

    Args:
        subject: The network; it has a `Preprocessing`.
        own: The graph.
        examples: Pictures of the class.
        fields: Of the graph's layers.
    """

    def __init__(
        self, subject: Subject, own: ClassGraph, examples: ExampleDataset, fields: Mapping[str, LayerFields]
    ) -> None:
        assert isinstance(subject.preprocess, Preprocessing)
        self.subject, self.own, self.examples, self.fields = subject, own, examples, fields
        self.preprocess: Preprocessing = subject.preprocess
        self._pictures: dict[int, Picture] = {}

    def label(self, node: int) -> str:
        """What a node is called."""
        layer, index = self.own.graph.locate(node)
        return node_name(layer.name, int(layer.filters[index]))

    def rows(self, node: int) -> list[int]:
        """The pictures where a node is found most surely, the surest first."""
        scores = self._found.scores[:, node]
        order = scores.argsort(descending=True, stable=True)[:NUM_PATCHES].tolist()
        return [row for row in order if float(scores[row]) > 0]

    def patch(self, node: int, row: int) -> Tile:
        """What lies around a node in a picture, with a ring around the field of its unit."""
        layer, _ = self.own.graph.locate(node)
        picture = self._picture(row)
        (x, y), scale = self._in_picture(node, row), self._scale(row)
        radius = self.fields[layer.name].radius * scale
        least = _LEAST_SHOWN * scale * min(self.preprocess.height, self.preprocess.width)
        side = int(min(max(4 * radius, least), *picture.shape[:2]))
        left = int(np.clip(round(x - side / 2), 0, picture.shape[1] - side))
        top = int(np.clip(round(y - side / 2), 0, picture.shape[0] - side))
        enlarged = SIDE / side
        cut = picture[top : top + side, left : left + side]
        method = cv2.INTER_CUBIC if enlarged > 1 else cv2.INTER_AREA
        patch = np.ascontiguousarray(cv2.resize(cut, (SIDE, SIDE), interpolation=method))
        centre = round((x - left) * enlarged), round((y - top) * enlarged)
        for colour, thick in ((_EDGE, 3), (_RING, 1)):
            cv2.circle(patch, centre, max(2, round(radius * enlarged)), colour, thick, cv2.LINE_AA)
        return Tile(picture=np.asarray(patch, dtype=np.uint8), alt=f"{self.examples.names[row]}, around node {node}")

    def drawing(self, nodes: Sequence[int], *, side: int = OVER) -> Drawing | None:
        """Some nodes with their parents over the picture where they are found most surely; None without a picture."""
        if not len(self.examples) or not nodes:
            return None
        scores = self._found.scores
        row = int(scores[:, list(nodes)].mean(1).argmax())
        picture = resized(self._picture(row), side)
        enlarged = max(picture.shape[:2]) / max(self._picture(row).shape[:2])
        pairs, shown = [], [node for node in nodes if float(scores[row, node]) > 0]
        queue, number = list(shown), NUM_PARENTS
        while queue:
            above = [
                (node, edge.parent)
                for node in queue
                for edge in self.own.graph.parents_of(node)[:number]
                if float(scores[row, edge.parent]) > 0
            ]
            pairs += above
            queue, number = [parent for _, parent in dict.fromkeys(above) if parent not in shown], 1
            queue = list(dict.fromkeys(queue))
            shown += queue
        dots = {node: self._dot(node, row, enlarged) for node in shown}
        height, width = picture.shape[:2]
        alt = f"{self.examples.names[row]} with {len(dots)} nodes, each joined to its parents in the layer above"
        return Drawing(
            picture=Tile(picture=picture, alt=alt), width=width, height=height,
            dots=sorted(dots.values(), key=lambda dot: -dot.level),
            lines=[(dots[child], dots[parent]) for child, parent in dict.fromkeys(pairs)],
        )  # fmt: skip

    def _dot(self, node: int, row: int, enlarged: float) -> Dot:
        x, y = self._in_picture(node, row)
        layer, _ = self.own.graph.locate(node)
        return Dot(
            node=node, level=self.own.layers.index(layer.name), x=round(x * enlarged, 1), y=round(y * enlarged, 1),
            label=f"node {node}, {self.label(node)}",
        )  # fmt: skip

    @cached_property
    def _found(self) -> NodePositions:
        def batches() -> list[Tensor]:
            starts = range(0, len(self.examples), BATCH_SIZE)
            return [
                self.preprocess(
                    [self._picture(row) for row in range(start, min(start + BATCH_SIZE, len(self.examples)))]
                )
                for start in starts
            ]

        return self.own.graph.infer(self.subject, batches())

    def _seen(self, node: int, row: int) -> Float[Tensor, "2"]:
        layer, _ = self.own.graph.locate(node)
        return self.fields[layer.name].centres.seen(self._found.positions[row, node])

    def _view(self, row: int) -> View:
        return View.through(self.preprocess, self._picture(row))

    def _scale(self, row: int) -> float:
        """Pixels of the picture for one of the network's input."""
        left, _, right, _ = self._view(row).rectangle
        return (right - left) / self.preprocess.width

    def _in_picture(self, node: int, row: int) -> tuple[float, float]:
        """Where a node is, x and y in pixels of the picture."""
        ((x, y),) = self._view(row).in_picture(self._seen(node, row).flip(0)[None].numpy()).tolist()
        return x, y

    def _picture(self, row: int) -> Picture:
        if row not in self._pictures:
            self._pictures[row] = self.examples[row].image
        return self._pictures[row]
