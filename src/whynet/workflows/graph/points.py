"""What is held against each other: nodes, raw filters and places that never move, as points in each picture.

    nodes            each where it is inferred to be, with its score
    filters          those of the graph's layers, each where it fires most, with that activation over its mean peak
    node priors      each node at its mean place, whatever the picture
    constant centre  the middle of the picture

A tight prior alone keeps a node near one place. Where objects sit still that is worth much, and for nothing: the last
two tell how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.inference import LayerMaps, NodePositions
from whynet.workflows.graph.centres import UnitCentres

NODES, FILTERS, PRIORS, CENTRE = "nodes", "filters", "node priors", "constant centre"


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Points of one kind in some pictures.

    Args:
        positions: Row and column in pixels of the network's input, the first pixel's centre at 0.5.
        scores: How surely each was found there; 0 where it was not.
    """

    positions: Float[Tensor, "images points 2"]
    scores: Float[Tensor, "images points"]


def all_points(
    graph: ExplanatoryGraph, found: NodePositions, maps: Sequence[LayerMaps], centres: Sequence[UnitCentres]
) -> dict[str, Points]:
    """The points of each kind in some pictures.

    Args:
        graph: Of which the nodes are.
        found: Its nodes in these pictures.
        maps: Of each of its layers, bottom to top, of the same pictures.
        centres: Of the units of each layer.
    """
    number = len(found.scores)
    priors = _seen(graph, torch.cat([layer.mu for layer in graph.layers])[None], centres)
    peaks = [_peaks(own, layer.scales, where) for own, layer, where in zip(maps, graph.layers, centres, strict=True)]
    middle = torch.tensor(graph.image_size).float()[None, None] / 2
    return {
        NODES: node_points(graph, found, centres),
        FILTERS: Points(
            positions=torch.cat([own.positions for own in peaks], 1), scores=torch.cat([own.scores for own in peaks], 1)
        ),
        PRIORS: _still(priors, number),
        CENTRE: _still(middle, number),
    }


def node_points(graph: ExplanatoryGraph, found: NodePositions, centres: Sequence[UnitCentres]) -> Points:
    """The nodes alone, where the units of their layers look; arguments as of `all_points`."""
    return Points(positions=_seen(graph, found.positions, centres), scores=found.scores)


def _seen(
    graph: ExplanatoryGraph, positions: Float[Tensor, "images nodes 2"], centres: Sequence[UnitCentres]
) -> Float[Tensor, "images nodes 2"]:
    parts = torch.split(positions, [layer.num_nodes for layer in graph.layers], 1)
    return torch.cat([where.seen(own) for where, own in zip(centres, parts, strict=True)], 1)


def _peaks(maps: LayerMaps, scales: Float[Tensor, " filters"], where: UnitCentres) -> Points:
    """Of the filters that fire on the pictures that the graph was fitted on."""
    live = scales > 0
    peaks, units = maps.cpu()[:, live].flatten(2).max(2)
    return Points(positions=where.of_units(units, maps.shape[3]), scores=peaks.clamp(min=0) / scales[live])


def _still(places: Float[Tensor, "1 points 2"], number: int) -> Points:
    return Points(positions=places.expand(number, -1, -1), scores=torch.ones(number, places.shape[1]))
