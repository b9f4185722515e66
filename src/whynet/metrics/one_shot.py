"""One-shot localisation: how far off is a part that is looked for with what one annotated image tells?

    e(a, k) = mean over the other images I that show landmark k of ||q_k(I) - p_k(I)|| / sqrt(height^2 + width^2)
    q_k(I)  = sum_v s_v(I) (p_v(I) + p_k(a) - p_v(a)) / sum_v s_v(I)

In image a alone landmark k is annotated, at p_k(a). The points v are the few that lie nearest to it there: nodes of an
explanatory graph, say, or peaks of filters. In another image I, v is at p_v(I), found with score s_v(I), and is taken
to lie as far from the landmark as in a. The error is the mean over landmarks and over the images that are annotated in
turn.

Our own measure, in the spirit of the multi-shot learning of Zhang, Cao, Wu & Zhu, "Growing Interpretable Part Graphs on
ConvNets via Multi-Shot Learning", AAAI 2017, arXiv:1611.04246, who choose nodes of a graph with a few annotated images.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError
from whynet.base.seeding import generator
from whynet.metrics.filter_maps import check_numbers

CHOSEN, ANNOTATED = 10, 20
"""Points that are chosen, and images that are annotated in turn, at most."""


def one_shot_error(
    positions: Float[Tensor, "images points 2"],
    scores: Float[Tensor, "scored points_scored"],
    landmarks: Float[Tensor, "annotated landmarks 3"],
    *,
    size: tuple[int, int],
    chosen: int = CHOSEN,
    annotated: int = ANNOTATED,
    seed: int = 0,
) -> float:
    """The error of one-shot localisation, as a share of the image's diagonal; lower is better.

    Args:
        positions: Row and column of each point, in pixels of the image.
        scores: How surely it was found there, at least 0, on one scale for all points; where it is 0 the point is not
            chosen and does not count, unless that holds for all that were chosen.
        landmarks: Row, column and whether it is visible (above 0), in the same pixels.
        size: Height and width of the images, in pixels.
        chosen: How many points are, those nearest to the landmark.
        annotated: So many of the images that show a landmark are annotated in turn, at most.
        seed: Of the draw of these images, which depends on nothing else but which images show the landmark.

    Raises:
        SettingError: A number is below 1.
        DataError: Shapes do not fit, a number is NaN or infinite, or no landmark is visible in two images.
    """
    check_numbers(height=size[0], width=size[1], chosen=chosen, annotated=annotated)
    if positions.shape[:2] != scores.shape or len(landmarks) != len(positions):
        raise DataError(
            f"positions, scores and landmarks of the same images were expected, but {tuple(positions.shape)}, "
            f"{tuple(scores.shape)} and {tuple(landmarks.shape)} came; give one row an image"
        )
    visible = landmarks[..., 2] > 0
    if not all(bool(own.isfinite().all()) for own in (positions, scores, landmarks[visible])):
        raise DataError("finite positions, scores and landmarks were expected, but one is NaN or infinite")
    positions, scores = positions.double(), scores.double()
    errors = []
    for number, (points, seen) in enumerate(zip(landmarks.double().unbind(1), visible.unbind(1), strict=True)):
        rows = seen.nonzero()[:, 0]
        order = torch.randperm(len(rows), generator=generator(seed, "one shot", number))[:annotated]
        for row in rows[order.to(rows.device)].tolist() if len(rows) > 1 else ():
            best = _nearest(positions[row], scores[row], points[row, :2], chosen)
            others = rows[rows != row]
            if len(best):
                offset = points[row, :2] - positions[row, best]
                told = _told(positions[others][:, best] + offset, scores[others][:, best])
                errors.append((told - points[others, :2]).norm(dim=1).mean())
    if not errors:
        raise DataError(
            "one-shot localisation needs a landmark that is visible in 2 images, and points found there, but there is "
            "none; give more images"
        )
    return float(torch.stack(errors).mean()) / math.hypot(*size)


def _nearest(
    positions: Float[Tensor, "points 2"], scores: Float[Tensor, " points"], place: Float[Tensor, "2"], chosen: int
) -> Tensor:
    """The points that were found nearest to a place, of equally near ones the surer."""
    found = (scores > 0).nonzero()[:, 0]
    found = found[scores[found].argsort(descending=True, stable=True)]
    return found[(positions[found] - place).norm(dim=1).argsort(stable=True)[:chosen]]


def _told(
    places: Float[Tensor, "images points 2"], scores: Float[Tensor, "images points"]
) -> Float[Tensor, "images 2"]:
    """The mean of the places by their scores; of all where no point was found."""
    weights = scores.where((scores > 0).any(1, keepdim=True), 1)
    told: Tensor = (places * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)
    return told
