"""Numbers that say how far an explanation can be trusted: of tensors, strings and sets, never of a data set.

Each name is imported when it is first used: torchmetrics alone takes longer than everything else here.
"""

import importlib
from typing import TYPE_CHECKING, Any

# At once, since each shares the name of its module, which would take its place here once something imports the module.
from whynet.metrics.class_relevance import class_relevance
from whynet.metrics.paired_test import paired_test
from whynet.metrics.part_hits import part_hits
from whynet.metrics.stability import stability

if TYPE_CHECKING:
    from whynet.metrics.attribute_truth import AttributeTruth
    from whynet.metrics.calibration import WordCalibration, claim_calibration
    from whynet.metrics.class_relevance import ClassRelevance
    from whynet.metrics.completeness import (
        Completeness,
        CompletenessFigures,
        kept_by_area,
        kept_by_threshold,
        masked_and_inpainted,
    )
    from whynet.metrics.deletion_insertion import area, centre_map, deletion, insertion
    from whynet.metrics.dissection import Dissection, DissectionFigures
    from whynet.metrics.diversity import copied_share, distinct_share
    from whynet.metrics.faithfulness import Faithfulness, FaithfulnessFigures
    from whynet.metrics.filter_activity import FilterActivity, FilterActivityFigures
    from whynet.metrics.floors import most_frequent, random_same_class
    from whynet.metrics.grounded_words import GroundedWords
    from whynet.metrics.language import LanguageMetrics, TokenisedSentence, language_scores, tokenise
    from whynet.metrics.locality import Locality, LocalityFigures
    from whynet.metrics.location_instability import LocationInstability, LocationInstabilityFigures
    from whynet.metrics.meteor import Meteor, MeteorScores
    from whynet.metrics.one_shot import one_shot_error
    from whynet.metrics.orthogonality import Orthogonality, OrthogonalityFigures
    from whynet.metrics.paired_test import PairedTest, holm
    from whynet.metrics.part_interpretability import PartInterpretability, PartInterpretabilityFigures, discs
    from whynet.metrics.part_weights import box_weights, mask_weights, point_weights, pulled_back
    from whynet.metrics.pointing_game import PointingGame, box_regions
    from whynet.metrics.quantile_sketch import QuantileFigures, QuantileSketch
    from whynet.metrics.sanity import conservation, input_shift_change, parameter_randomisation, shifted_network
    from whynet.metrics.stability import MatchedFeatures, Stability, matched_features

_HOMES = {
    "AttributeTruth": "attribute_truth",
    "ClassRelevance": "class_relevance",
    "Completeness": "completeness",
    "CompletenessFigures": "completeness",
    "Dissection": "dissection",
    "DissectionFigures": "dissection",
    "Faithfulness": "faithfulness",
    "FaithfulnessFigures": "faithfulness",
    "FilterActivity": "filter_activity",
    "FilterActivityFigures": "filter_activity",
    "GroundedWords": "grounded_words",
    "LanguageMetrics": "language",
    "Locality": "locality",
    "LocalityFigures": "locality",
    "LocationInstability": "location_instability",
    "LocationInstabilityFigures": "location_instability",
    "MatchedFeatures": "stability",
    "Meteor": "meteor",
    "MeteorScores": "meteor",
    "Orthogonality": "orthogonality",
    "OrthogonalityFigures": "orthogonality",
    "PairedTest": "paired_test",
    "PartInterpretability": "part_interpretability",
    "PartInterpretabilityFigures": "part_interpretability",
    "PointingGame": "pointing_game",
    "QuantileFigures": "quantile_sketch",
    "QuantileSketch": "quantile_sketch",
    "Stability": "stability",
    "TokenisedSentence": "language",
    "WordCalibration": "calibration",
    "area": "deletion_insertion",
    "box_regions": "pointing_game",
    "box_weights": "part_weights",
    "centre_map": "deletion_insertion",
    "claim_calibration": "calibration",
    "conservation": "sanity",
    "copied_share": "diversity",
    "deletion": "deletion_insertion",
    "discs": "part_interpretability",
    "distinct_share": "diversity",
    "holm": "paired_test",
    "input_shift_change": "sanity",
    "insertion": "deletion_insertion",
    "kept_by_area": "completeness",
    "kept_by_threshold": "completeness",
    "language_scores": "language",
    "mask_weights": "part_weights",
    "masked_and_inpainted": "completeness",
    "matched_features": "stability",
    "most_frequent": "floors",
    "one_shot_error": "one_shot",
    "parameter_randomisation": "sanity",
    "point_weights": "part_weights",
    "pulled_back": "part_weights",
    "random_same_class": "floors",
    "shifted_network": "sanity",
    "tokenise": "language",
}

__all__ = [
    "AttributeTruth",
    "ClassRelevance",
    "Completeness",
    "CompletenessFigures",
    "Dissection",
    "DissectionFigures",
    "Faithfulness",
    "FaithfulnessFigures",
    "FilterActivity",
    "FilterActivityFigures",
    "GroundedWords",
    "LanguageMetrics",
    "Locality",
    "LocalityFigures",
    "LocationInstability",
    "LocationInstabilityFigures",
    "MatchedFeatures",
    "Meteor",
    "MeteorScores",
    "Orthogonality",
    "OrthogonalityFigures",
    "PairedTest",
    "PartInterpretability",
    "PartInterpretabilityFigures",
    "PointingGame",
    "QuantileFigures",
    "QuantileSketch",
    "Stability",
    "TokenisedSentence",
    "WordCalibration",
    "area",
    "box_regions",
    "box_weights",
    "centre_map",
    "claim_calibration",
    "class_relevance",
    "conservation",
    "copied_share",
    "deletion",
    "discs",
    "distinct_share",
    "holm",
    "input_shift_change",
    "insertion",
    "kept_by_area",
    "kept_by_threshold",
    "language_scores",
    "mask_weights",
    "masked_and_inpainted",
    "matched_features",
    "most_frequent",
    "one_shot_error",
    "paired_test",
    "parameter_randomisation",
    "part_hits",
    "point_weights",
    "pulled_back",
    "random_same_class",
    "shifted_network",
    "stability",
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
