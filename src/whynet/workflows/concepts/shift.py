"""The constant-shift test of x-features: their maps must not change with numbers that the network does not see.

Qi & Li 2017, arXiv:1709.05360, figure 10, after Kindermans et al. 2017; how the shifted network is made is
`metrics.sanity.input_shift`.
"""

from torch import Tensor, nn

from whynet.attribution.x_features import x_feature_maps
from whynet.metrics.sanity import input_shift_change
from whynet.models.subject import Subject
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.concepts.x_features import XFeatures

SHIFT = 0.5
"""What is added to each channel of the preprocessed pictures."""
NUM_PICTURES = 16


def shift_figure(explained: ExplainedLayer, readings: Readings, mine: XFeatures) -> float:
    """The largest relative change of an x-feature's map among some pictures of its class; 0 is good.

    Maps that are empty before and after do not change; `live` says how many there are.
    """
    rows = readings.rows_of(mine.class_index)[:NUM_PICTURES]
    images = explained.preprocessed(readings.examples, rows)
    subject = explained.subject
    encoder = mine.encoder_on(subject.device)
    found = 0.0
    for unit in mine.units:

        def explain(network: nn.Module, images: Tensor, unit: int = unit) -> Tensor:
            own = Subject(network, class_names=subject.class_names, preprocess=subject.preprocess, name=subject.name)
            return x_feature_maps(
                own, images, layer=explained.layer, map_layer=explained.map_layer, encoder=encoder, units=[unit]
            )[:, 0]

        change = input_shift_change(explain, subject.network, images, SHIFT)
        found = max(found, float(change.relative_change.max()))
    return found
