"""Numbers that say how far an explanation can be trusted: of tensors, strings and sets, never of a data set.

Each name is imported when it is first used: torchmetrics alone takes longer than everything else here.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whynet.metrics.attribute_truth import AttributeTruth
    from whynet.metrics.floors import most_frequent, random_same_class
    from whynet.metrics.language import LanguageMetrics, has_words, language_scores
    from whynet.metrics.meteor import Meteor, MeteorScores

_HOMES = {
    "AttributeTruth": "attribute_truth",
    "LanguageMetrics": "language",
    "Meteor": "meteor",
    "MeteorScores": "meteor",
    "has_words": "language",
    "language_scores": "language",
    "most_frequent": "floors",
    "random_same_class": "floors",
}

__all__ = [
    "AttributeTruth",
    "LanguageMetrics",
    "Meteor",
    "MeteorScores",
    "has_words",
    "language_scores",
    "most_frequent",
    "random_same_class",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
