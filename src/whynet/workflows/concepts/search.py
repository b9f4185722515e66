"""Which settings each kind of module gets: chosen by cross-validation on the training pictures, for all kinds alike.

Qi & Li 2017, arXiv:1709.05360, section 4.2: all were "tuned to the optimal parameters by cross-validation on the
training set"; what was optimal is not said. Here, of the settings that are faithful enough on held-out pictures, the
one whose heat maps are the most orthogonal on them, O_1. Faithful enough is an F_cls of 99.5 % and an F_reg of a
quarter of the logit's standard deviation; nine in ten of the x-features must have maps at all, since whatever is dead
overlaps with nothing. A row of which no setting comes so far, on few pictures, is held to its own best instead, and is
marked as not faithful. No test picture and no part annotation is looked at.

The budget: as many candidates for each row, each once for each of `NUM_CLASSES` classes at most, all as one stack of
modules. Classes differ by more than folds do, so each class has one fold of `FOLDS` held out, the next class the next.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from whynet.base.seeding import generator
from whynet.models.srae import ExplanationModule
from whynet.training.fitting import FitContext
from whynet.training.srae import train_modules
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.concepts.figures import faithfulness_figures, map_figures
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.concepts.x_features import XFeatures

FOLDS, NUM_CLASSES = 2, 10
MIN_F_CLS, MAX_F_REG, MIN_LIVE = 0.995, 0.25, 0.9
"""Least F_cls, largest F_reg as a share of the logit's standard deviation, least share of live x-features."""

SLACK_F_CLS, SLACK_F_REG = 0.005, 1.25
"""How far from the best of its row a setting may be, where none is faithful enough."""

_SQUARED = ModuleSettings(penalty="squared")
_DECAYS = (1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
GRIDS: Mapping[str, Sequence[ModuleSettings]] = {
    "SRAE": (
        *(ModuleSettings(penalty="log", q=100.0, beta=beta) for beta in (0.3, 1.0, 1.5, 2.0)),
        *(ModuleSettings(penalty="l1", beta=beta) for beta in (3.0, 5.0)),
        ModuleSettings(penalty="epsilon_l1", q=10.0, beta=3.0),
        ModuleSettings(penalty="kl", q=10.0, beta=3.0),
    ),
    "NN": tuple(replace(_SQUARED, beta=0.0, weight_decay=decay) for decay in _DECAYS),
    "SAE": tuple(replace(_SQUARED, beta=beta) for beta in (0.1, 0.3, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0)),
    "CAE": tuple(replace(_SQUARED, beta=1.0, faithfulness=0.0, weight_decay=decay) for decay in _DECAYS),
}


def search(
    explained: ExplainedLayer,
    train: Readings,
    classes: Sequence[int],
    fit: FitSettings,
    context: FitContext,
    *,
    grids: Mapping[str, Sequence[ModuleSettings]] = GRIDS,
) -> tuple[dict[str, ModuleSettings], list[dict[str, Any]]]:
    """The chosen settings of each row, and what was measured of every candidate, but for `o1` where maps were empty.

    Args:
        explained: The network.
        train: Its training pictures.
        classes: That may be looked at; the first `NUM_CLASSES` are.
        fit: How long each module is trained.
        context: Where, and the seed of folds and weights.
        grids: The candidates of each row.
    """
    candidates = [(row, settings) for row, grid in grids.items() for settings in grid]
    looked_at = [(index, place % FOLDS) for place, index in enumerate(list(classes)[:NUM_CLASSES])]
    fold = _folds(train, context.seed)
    held_out = [[int(row) for row in (fold == number).nonzero()[:, 0]] for number in range(FOLDS)]
    wanted = [
        explained.wanted(train, index, settings, seed=context.seed, held_out=fold == number)
        for _, settings in candidates
        for index, number in looked_at
    ]
    modules = iter(train_modules(train.activations, wanted, fit, context))
    table = []
    for row, settings in candidates:
        figures = [
            _held_out_figures(explained, train, held_out[number], next(modules).module, index)
            for index, number in looked_at
        ]
        mean = {key: sum(own[key] for own in figures) / len(figures) for key in figures[0]}
        known = {key: value for key, value in mean.items() if math.isfinite(value)}  # a file holds no infinity
        table.append({"row": row, "settings": asdict(settings), **known})
    return {row: _chosen(row, candidates, table) for row in grids}, table


def _folds(train: Readings, seed: int) -> Tensor:
    """The fold of each picture: every class is spread over all folds."""
    fold = torch.empty(len(train.labels), dtype=torch.long)
    for label in sorted(set(train.labels.tolist())):
        rows = train.is_of(label).nonzero()[:, 0]
        order = torch.randperm(len(rows), generator=generator(seed, "folds", label))
        fold[rows[order]] = torch.arange(len(rows)) % FOLDS
    return fold


def _held_out_figures(
    explained: ExplainedLayer, train: Readings, held_out: list[int], module: ExplanationModule, index: int
) -> dict[str, float]:
    own = XFeatures.of_module(module, index)
    readings = Readings(
        examples=train.examples.subset(held_out), activations=train.activations[held_out], logits=train.logits[held_out]
    )
    (figures,) = faithfulness_figures([own], readings)
    maps = own.maps(explained, readings, readings.rows_of(index))
    relative = figures["f_reg"] / float(readings.logits[:, index].std())
    of_maps = map_figures(maps, None)
    return {
        **figures,
        "f_reg_relative": relative,
        "o1": of_maps.get("o1", math.inf),
        "live": of_maps["live"] / module.num_features,
    }


def is_faithful(found: Mapping[str, Any]) -> bool:
    """Whether what was measured of a candidate is faithful enough, by the bars that hold for all rows."""
    close = float(found.get("f_reg_relative", math.inf)) <= MAX_F_REG
    return close and float(found["f_cls"]) >= MIN_F_CLS and float(found["live"]) >= MIN_LIVE


def _chosen(
    row: str, candidates: Sequence[tuple[str, ModuleSettings]], table: Sequence[Mapping[str, Any]]
) -> ModuleSettings:
    own = [(settings, found) for (name, settings), found in zip(candidates, table, strict=True) if name == row]
    enough = [(settings, found) for settings, found in own if is_faithful(found)]
    if not enough:
        best = {key: max(found[key] for _, found in own) for key in ("f_cls", "live")}
        lowest = min(found["f_reg"] for _, found in own)
        enough = [
            (settings, found)
            for settings, found in own
            if found["f_cls"] >= best["f_cls"] - SLACK_F_CLS
            and found["live"] >= min(MIN_LIVE, best["live"])
            and found["f_reg"] <= SLACK_F_REG * lowest
        ] or [min(own, key=lambda one: float(one[1]["f_reg"]))]
    return min(enough, key=lambda one: float(one[1].get("o1", math.inf)))[0]
