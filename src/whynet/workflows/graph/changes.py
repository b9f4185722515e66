"""How the nodes of a graph in an image change where the image is changed.

With S the nodes told of an image before (`NodesInImage.told`), S' those told after, and p, p' the nodes' places,

    left(image)  = |S without S'| / |S|
    moved(image) = mean over V in S, found after, of ||p'_V - p_V|| / diagonal

Both look at S alone: it is what the image was explained by; of hundreds of nodes more, most were not sure to begin
with, and their places flit about under noise, too. A node that is not found any more (score 0) has no place: it counts
as left, not as moved. Places are read from cells of maps, so that a move within a cell is none, and the least that can
be seen is the step from one cell to the next.
"""

import math

from whynet.workflows.graph.explaining import NodesInImage


def share_left(before: NodesInImage, after: NodesInImage) -> float | None:
    """The share of the nodes told before that are not told after, in [0, 1]; None where none was told.

    Args:
        before: Of the image as it was.
        after: Of the same graph, in the changed image.
    """
    return 1 - len(set(before.told) & set(after.told)) / len(before.told) if before.told else None


def mean_move(before: NodesInImage, after: NodesInImage) -> float | None:
    """How far the nodes told before have moved, as a share of the image's diagonal; None where none is found after.

    Args:
        before: Of the image as it was.
        after: Of the same graph, in the changed image.
    """
    both = [node for node in before.told if after.scores[node] > 0]
    moves = (after.positions[both] - before.positions[both]).norm(dim=1) / math.hypot(*before.own.graph.image_size)
    return float(moves.mean()) if both else None
