"""How good the x-features of a class are: faithful, each somewhere else, each in few parts. Tables 1(a) and 2(a).

Qi & Li 2017, arXiv:1709.05360, section 4.1. Faithfulness is measured on all pictures, the rest on those of the class.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.metrics.faithfulness import Faithfulness
from whynet.metrics.locality import Locality
from whynet.metrics.orthogonality import Orthogonality
from whynet.workflows.concepts.parts import ShownParts
from whynet.workflows.concepts.readings import Readings
from whynet.workflows.concepts.x_features import XFeatures

Figures = dict[str, float]


def faithfulness_figures(classes: Sequence[XFeatures], readings: Readings, *, ending: str = "") -> list[Figures]:
    """`f_reg` and `f_cls` of each class on the given pictures.

    Args:
        classes: The x-features, of different classes.
        readings: The pictures.
        ending: Of the keys, such as "_train".
    """
    metric = Faithfulness([one.class_index for one in classes])
    predictions = torch.stack([one.predictions(readings.activations) for one in classes], 1)
    metric.update(readings.logits, predictions)
    found = metric.compute()
    return [
        {f"f_reg{ending}": f_reg, f"f_cls{ending}": f_cls}
        for f_reg, f_cls in zip(found.f_reg.tolist(), found.f_cls.tolist(), strict=True)
    ]


def faithfulness_of_both(classes: Sequence[XFeatures], train: Readings, test: Readings) -> list[Figures]:
    """Those of the training pictures, whose keys end in "_train", beside those of the test pictures."""
    of_train, of_test = faithfulness_figures(classes, train, ending="_train"), faithfulness_figures(classes, test)
    return [{**before, **after} for before, after in zip(of_train, of_test, strict=True)]


def map_figures(maps: Float[Tensor, "batch features rows columns"], parts: ShownParts | None) -> Figures:
    """`o1`, `o2`, `live` and, where the parts are known, `locality` of the maps of one class.

    A map that lies beside the object counts as local, since the context is one region; so `context`, the share of the
    maps there, and `locality_parts`, the entropy over the parts alone, stand beside it.
    """
    orthogonality = Orthogonality(maps.shape[1])
    orthogonality.update(maps)
    found = orthogonality.compute()
    figures = {"o1": found.o1, "o2": found.o2, "live": float(found.live)}
    if parts is not None:
        locality = Locality(maps.shape[1], parts.weights.shape[1])
        locality.update(maps[parts.places], parts.weights)
        of_parts = locality.compute()
        figures["locality"] = of_parts.locality
        figures |= _within_object(of_parts.histograms)
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _within_object(histograms: Float[Tensor, "features regions"]) -> Figures:
    seen = histograms[histograms.sum(1) > 0]
    parts = seen[:, :-1]
    totals = parts.sum(1, keepdim=True)
    entropies = torch.special.entr(parts / totals.where(totals > 0, 1)).sum(1).where(totals[:, 0] > 0, torch.nan)
    return {"context": float(seen[:, -1].mean()), "locality_parts": float(entropies.nanmean())}
