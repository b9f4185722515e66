"""Causal truth: take away the part on which an x-feature's map lies; does what it adds fall more than for another part?

A heat map claims that an x-feature comes from a place. Painted birds can be painted again without one part, and without
another that can be seen as well; nothing else changes. Three others stand beside the part that the map names, each
harder to beat than the one before:

    other    another part, drawn at random
    blind    the part that a map would name which is the same everywhere: the largest. Without it any contribution falls
    rival    the parts that the maps of the class's other x-features name in the same picture

Only what a map beats the last two by is to its credit: large parts and parts that matter to the class are named often.
"""

from collections.abc import Sequence
from statistics import mean
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
    """One x-feature in one picture, and the changed pictures by their places in the list of all."""

    row: int
    feature: int
    without_part: int
    without_other: int
    without_blind: int
    without_rivals: tuple[int, ...]


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
    """How much x-features fall with the part that their map names, and with others, in units of the logit.

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
        `causal_named`, `causal_other` and `causal_blind`, the mean falls; `causal_more`, the share of trials in which
        the named part cost more than the random other; `causal_trials`, how many there were. `causal_own` and
        `causal_rival`, the mean falls by the named part and by rivals, over the trials that have a rival, where one
        has. Nothing where no trial could be made.
    """
    contributions = mine.contributions(readings.activations[list(rows)])
    mains = parts.main_parts(maps[parts.places], names)
    blind = parts.main_parts(torch.ones_like(maps[parts.places][:, :1]), names)
    changed = _Changed(without_part, seed)
    trials = []
    for at, place in enumerate(parts.places):
        row = rows[place]
        for feature in range(maps.shape[1]):
            if float(contributions[place, feature]) <= 0:
                continue
            own = changed.places(row, mains[at][feature])
            if own is None or (largest := changed.places(row, blind[at][0])) is None:
                continue
            rivals = dict.fromkeys(part for part in mains[at] if part != mains[at][feature])
            others = (changed.places(row, part) for part in rivals)
            without_rivals = tuple(one[0] for one in others if one is not None)
            trials.append(_Trial(place, feature, *own, largest[0], without_rivals))
    if not trials:
        return {}
    added = mine.contributions(_read(explained, changed.pictures))

    def fall(one: _Trial, *pictures: int) -> float:
        """Mean over some changed pictures."""
        before = float(contributions[one.row, one.feature])
        return before - sum(float(added[picture, one.feature]) for picture in pictures) / len(pictures)

    named = [fall(one, one.without_part) for one in trials]
    other = [fall(one, one.without_other) for one in trials]
    figures = {
        "causal_named": mean(named),
        "causal_other": mean(other),
        "causal_blind": mean(fall(one, one.without_blind) for one in trials),
        "causal_more": mean(float(mine > theirs) for mine, theirs in zip(named, other, strict=True)),
        "causal_trials": float(len(trials)),
    }
    if disputed := [one for one in trials if one.without_rivals]:
        figures["causal_own"] = mean(fall(one, one.without_part) for one in disputed)
        figures["causal_rival"] = mean(fall(one, *one.without_rivals) for one in disputed)
    return figures


class _Changed:
    """The changed pictures, each painted once."""

    def __init__(self, without_part: WithoutPart, seed: int) -> None:
        self.without_part, self.seed = without_part, seed
        self.pictures: list[Picture] = []
        self._places: dict[tuple[int, str], tuple[int, int] | None] = {}

    def places(self, row: int, part: str | None) -> tuple[int, int] | None:
        """Of the picture without a part and of that without another; None where there are none."""
        if part in (None, CONTEXT):
            return None
        key = (row, str(part))
        if key not in self._places:
            changed = self.without_part(*key, self.seed)
            self._places[key] = None if changed is None else (len(self.pictures), len(self.pictures) + 1)
            self.pictures += [] if changed is None else [one.image for one in changed]
        return self._places[key]


def _read(explained: ExplainedLayer, pictures: Sequence[Picture]) -> Reading:
    introspection = Introspection(explained.subject, (explained.layer,), probabilities=False)
    preprocess = explained.subject.preprocess
    batches = [pictures[start : start + BATCH_SIZE] for start in range(0, len(pictures), BATCH_SIZE)]
    return torch.cat([introspection.read(preprocess(batch))[0].cpu() for batch in batches])
