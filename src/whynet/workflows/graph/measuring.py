"""How well points keep to parts: location instability, part hits and one-shot localisation, on one footing.

Of each kind of points the `CHOSEN` that wander least on the training pictures are chosen, and measured on the test
pictures: so nodes are chosen as filters are, and nothing is chosen on what it is measured on. There are more nodes than
filters, which makes it easier to find steady ones: so beside that stands what comes out where there are as many to
choose from, drawn at random, and the instability of all.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whynet.base.errors import DataError
from whynet.base.progress import track
from whynet.base.seeding import generator
from whynet.data.example import ExampleDataset
from whynet.metrics.location_instability import LocationInstability, LocationInstabilityFigures
from whynet.metrics.one_shot import one_shot_error
from whynet.metrics.part_hits import HIT_SHARE, part_hits
from whynet.models.preprocessing import Preprocessing
from whynet.workflows.filters.measuring import MIN_IMAGES, MOST_CELLS, whole_parts
from whynet.workflows.graph.points import CENTRE, FILTERS, Points
from whynet.workflows.seen_parts import landmarks_of, part_masks

CHOSEN = 10
"""Points of each kind, those that wander least on the training pictures."""
NUM_DRAWS = 20
"""How often as many points as there are filters are drawn, to choose among them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenParts:
    """What is known of the parts in some pictures.

    Args:
        size: Height and width of what the network sees, in pixels.
        landmarks: Row, column and whether it is visible.
        names: Of the parts, a left and a right one alike.
        masks: Of these.
        present: Which each picture is known to show.
    """

    size: tuple[int, int]
    landmarks: Float[Tensor, "images landmarks 3"]
    names: tuple[str, ...]
    masks: Bool[Tensor, "images parts rows columns"]
    present: Bool[Tensor, "images parts"]


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredPoints:
    """What was measured of points of one kind.

    Args:
        figures: By the keys of the results files; what could not be measured is absent.
        chosen: The points chosen on the training pictures, the steadiest first.
        instability: Of each point on the test pictures, NaN for none.
        part: The part that each hits most often, by its place among the names; -1 for none.
        hits: In which share of the test pictures that show it; NaN for none.
    """

    figures: dict[str, float]
    chosen: list[int]
    instability: Float[Tensor, " points"]
    part: Tensor
    hits: Float[Tensor, " points"]


def seen_parts(
    preprocess: Preprocessing, examples: ExampleDataset, landmarks: Sequence[str], what: str
) -> SeenParts | None:
    """The landmarks and masks of parts in some pictures; None where there are no pictures, or none has parts.

    Args:
        preprocess: Of the network.
        examples: The pictures, of one class.
        landmarks: Names of the parts from which points must not wander.
        what: Which pictures, for the progress bar.
    """
    if not len(examples) or not examples.part_names or not landmarks:
        return None
    size = (preprocess.height, preprocess.width)
    grid = min(size[0], MOST_CELLS), min(size[1], MOST_CELLS)
    names = whole_parts(examples.part_names, examples.counted_with)
    points, masks = [], []
    for row in track(range(len(examples)), f"Finding parts in the {what} pictures"):
        example = examples[row]
        points.append(torch.from_numpy(landmarks_of(preprocess, example, examples.part_names, landmarks)))
        own, _ = part_masks(preprocess, example, len(examples.part_names), *grid)
        masks.append(torch.stack([own[places].any(0) for places in names.values()]))
    merged = torch.stack(masks)
    return SeenParts(
        size=size, landmarks=torch.stack(points).float()[..., [1, 0, 2]], names=tuple(names), masks=merged,
        present=merged.flatten(2).any(2),
    )  # fmt: skip


def measure_points(
    learned: Mapping[str, Points], tested: Mapping[str, Points], parts: SeenParts, test_parts: SeenParts
) -> dict[str, MeasuredPoints]:
    """Measure the points of each kind.

    Args:
        learned: By kind, in the training pictures.
        tested: The same points in the test pictures.
        parts: Of the training pictures.
        test_parts: Of the test pictures.
    """
    few = tested[FILTERS].scores.shape[1]
    return {
        kind: _measured(kind, own, tested[kind], parts, test_parts, few)
        for kind, own in track(learned.items(), "Measuring nodes")
    }


def _measured(
    kind: str, learned: Points, tested: Points, parts: SeenParts, test_parts: SeenParts, few: int
) -> MeasuredPoints:
    steady = _wandering(learned, parts).score
    chosen = _steadiest(steady)
    on_test = _wandering(tested, test_parts)
    shares = part_hits(
        tested.positions, tested.scores, test_parts.masks, test_parts.present, size=test_parts.size,
        min_images=MIN_IMAGES,
    )  # fmt: skip
    hits, part = shares.nan_to_num(-1).max(1)
    some = shares.isfinite().any(1)
    figures = {
        "location_instability": _mean(on_test.score[chosen]),
        "constant_centre": _mean(on_test.centre_per_category[chosen, 0]),
        "instability_of_few": _among_few(steady, on_test.score, few),
        "instability_of_all": _mean(on_test.score),
        "one_shot_error": _from_middle(test_parts) if kind == CENTRE else _one_shot(tested, test_parts),
        "candidates": float(tested.scores.shape[1]),
    }
    if bool(some.any()):
        hitting = some & (hits > HIT_SHARE)
        figures |= {
            "hits_a_part": float(hitting.sum() / some.sum()),
            "num_hitting": float(hitting.sum()),
            "parts_hit": float(len(set(part[hitting].tolist()))),
        }
    return MeasuredPoints(
        figures={key: value for key, value in figures.items() if math.isfinite(value)},
        chosen=chosen, instability=on_test.score, part=part.where(some & (hits > 0), -1),
        hits=hits.where(some, torch.nan),
    )  # fmt: skip


def _steadiest(steady: Float[Tensor, " points"]) -> list[int]:
    order = steady.argsort(stable=True)  # NaN comes last
    return [point for point in order[:CHOSEN].tolist() if not math.isnan(steady[point])]


def _among_few(steady: Float[Tensor, " points"], on_test: Float[Tensor, " points"], few: int) -> float:
    """The mean instability of those chosen among `few` points, over several draws of these."""
    if len(steady) <= few:
        return _mean(on_test[_steadiest(steady)])
    draws = generator(0, "candidates")
    found = []
    for _ in range(NUM_DRAWS):
        some = torch.randperm(len(steady), generator=draws)[:few]
        found.append(_mean(on_test[some[_steadiest(steady[some])]]))
    return _mean(torch.tensor(found))


def _wandering(points: Points, parts: SeenParts) -> LocationInstabilityFigures:
    number = points.scores.shape[1]
    metric = LocationInstability(number, parts.landmarks.shape[1], size=parts.size, min_images=MIN_IMAGES)
    metric.update_places(points.scores, points.positions, parts.landmarks)
    found: LocationInstabilityFigures = metric.compute()
    return found


def _one_shot(points: Points, parts: SeenParts) -> float:
    """NaN where no landmark is visible twice; points that never move tell the place in the annotated picture."""
    try:
        return one_shot_error(points.positions, points.scores, parts.landmarks, size=parts.size)
    except DataError:
        return math.nan


def _from_middle(parts: SeenParts) -> float:
    """The error of one who says that every landmark is in the middle of the picture, which asks for no annotation."""
    seen = parts.landmarks[..., 2] > 0
    away = (parts.landmarks[..., :2] - torch.tensor(parts.size) / 2).norm(dim=-1)
    return _mean(away[seen]) / math.hypot(*parts.size)


def _mean(values: Tensor) -> float:
    return float(values.double().nanmean())
