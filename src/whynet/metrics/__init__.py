"""Numbers that say how far an explanation can be trusted: of tensors, strings and sets, never of a data set.

Each name is imported when it is first used: torchmetrics alone takes longer than everything else here.
"""

import importlib
from typing import TYPE_CHECKING, Any

# At once, since each shares the name of its module, which would take its place here once something imports the module.
from whynet.metrics.class_relevance import class_relevance
from whynet.metrics.paired_test import paired_test

if TYPE_CHECKING:
    from whynet.metrics.attribute_truth import AttributeTruth
    from whynet.metrics.calibration import WordCalibration, claim_calibration
    from whynet.metrics.class_relevance import ClassRelevance
    from whynet.metrics.deletion_insertion import area, centre_map, deletion, insertion
    from whynet.metrics.diversity import copied_share, distinct_share
    from whynet.metrics.floors import most_frequent, random_same_class
    from whynet.metrics.grounded_words import GroundedWords
    from whynet.metrics.language import LanguageMetrics, TokenisedSentence, language_scores, tokenise
    from whynet.metrics.meteor import Meteor, MeteorScores
    from whynet.metrics.paired_test import PairedTest, holm
    from whynet.metrics.pointing_game import PointingGame, box_regions
    from whynet.metrics.sanity import conservation, input_shift_change, parameter_randomisation, shifted_network

_HOMES = {
    "AttributeTruth": "attribute_truth",
    "ClassRelevance": "class_relevance",
    "GroundedWords": "grounded_words",
    "LanguageMetrics": "language",
    "Meteor": "meteor",
    "MeteorScores": "meteor",
    "PairedTest": "paired_test",
    "PointingGame": "pointing_game",
    "TokenisedSentence": "language",
    "WordCalibration": "calibration",
    "area": "deletion_insertion",
    "box_regions": "pointing_game",
    "centre_map": "deletion_insertion",
    "claim_calibration": "calibration",
    "conservation": "sanity",
    "copied_share": "diversity",
    "deletion": "deletion_insertion",
    "distinct_share": "diversity",
    "holm": "paired_test",
    "input_shift_change": "sanity",
    "insertion": "deletion_insertion",
    "language_scores": "language",
    "most_frequent": "floors",
    "parameter_randomisation": "sanity",
    "random_same_class": "floors",
    "shifted_network": "sanity",
    "tokenise": "language",
}

__all__ = [
    "AttributeTruth",
    "ClassRelevance",
    "GroundedWords",
    "LanguageMetrics",
    "Meteor",
    "MeteorScores",
    "PairedTest",
    "PointingGame",
    "TokenisedSentence",
    "WordCalibration",
    "area",
    "box_regions",
    "centre_map",
    "claim_calibration",
    "class_relevance",
    "conservation",
    "copied_share",
    "deletion",
    "distinct_share",
    "holm",
    "input_shift_change",
    "insertion",
    "language_scores",
    "most_frequent",
    "paired_test",
    "parameter_randomisation",
    "random_same_class",
    "shifted_network",
    "tokenise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
