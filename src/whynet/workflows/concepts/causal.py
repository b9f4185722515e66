"""Causal truth: take away the part on which an x-feature's map lies; does what it adds fall more than for another part?

A heat map claims that an x-feature comes from a place. Painted birds can be painted again without one part, and without
another that can be seen as well; nothing else changes. If the map is right, the x-feature must lose more by the first.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.types import Picture, Reading
from whynet.models.introspection import Introspection
from whynet.workflows.catalogue import WithoutPart
from whynet.workflows.concepts.figures import Figures
from whynet.workflows.concepts.names import CONTEXT
from whynet.workflows.concepts.parts import ShownParts
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.concepts.x_features import XFeatures
from whynet.workflows.reading import BATCH_SIZE


class _Trial(NamedTuple):
    """One x-feature in one picture, and the two changed pictures by their places in the list of all."""

    row: int
    feature: int
    without_part: int
    without_other: int


def causal_figures(
    explained: ExplainedLayer,
    readings: Readings,
    mine: XFeatures,
    maps: Float[Tensor, "batch features rows columns"],
    rows: Sequence[int],
    parts: ShownParts,
    names: Sequence[str],
    without_part: WithoutPart,
    *,
    seed: int,
) -> Figures:
    """How much x-features fall with the part that their map names, and with another, in units of the logit.

    Args:
        explained: The network.
        readings: Of the test pictures.
        mine: The x-features of the class.
        maps: Theirs, in the pictures of `rows`.
        rows: Test pictures of the class.
        parts: Where the parts are in them.
        names: Of the regions, a left and a right part alike.
        without_part: Paints a picture without a part, and without another.
        seed: Of the other part.

    Returns:
        `causal_named` and `causal_other`, the mean falls; `causal_more`, the share of trials in which the named part
        cost more; `causal_trials`, how many there were. Nothing where no trial could be made.
    """
    contributions = mine.contributions(readings.activations[list(rows)])
    mains = parts.main_parts(maps[parts.places], names)
    pictures: list[Picture] = []
    places: dict[tuple[int, str], tuple[int, int] | None] = {}
    trials = []
    for at, place in enumerate(parts.places):
        for feature in range(maps.shape[1]):
            part = mains[at][feature]
            if part in (None, CONTEXT) or float(contributions[place, feature]) <= 0:
                continue
            key = (rows[place], str(part))
            if key not in places:
                changed = without_part(*key, seed)
                places[key] = None if changed is None else (len(pictures), len(pictures) + 1)
                pictures += [] if changed is None else [one.image for one in changed]
            if (found := places[key]) is not None:
                trials.append(_Trial(place, feature, *found))
    if not trials:
        return {}
    added = mine.contributions(_read(explained, pictures))
    before = torch.tensor([float(contributions[one.row, one.feature]) for one in trials])
    named = before - torch.tensor([float(added[one.without_part, one.feature]) for one in trials])
    other = before - torch.tensor([float(added[one.without_other, one.feature]) for one in trials])
    return {
        "causal_named": float(named.mean()),
        "causal_other": float(other.mean()),
        "causal_more": float((named > other).float().mean()),
        "causal_trials": float(len(trials)),
    }


def _read(explained: ExplainedLayer, pictures: Sequence[Picture]) -> Reading:
    introspection = Introspection(explained.subject, (explained.layer,), probabilities=False)
    preprocess = explained.subject.preprocess
    batches = [pictures[start : start + BATCH_SIZE] for start in range(0, len(pictures), BATCH_SIZE)]
    return torch.cat([introspection.read(preprocess(batch))[0].cpu() for batch in batches])
