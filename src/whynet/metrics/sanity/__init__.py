"""Sanity checks: what a heat map must do, whatever it shows, to say anything of the network.

parameter_randomisation   change with the network's weights              Adebayo et al. 2018
input_shift               stay where the network does not see a shift    Kindermans et al. 2017
conservation              add up to 1, where it is a probability         Zhang et al. 2016
"""

from whynet.metrics.sanity.conservation import ConservedLayer, conservation
from whynet.metrics.sanity.input_shift import ShiftChange, input_shift_change, shifted_network
from whynet.metrics.sanity.parameter_randomisation import (
    LayerLikeness,
    layers_from_top,
    parameter_randomisation,
    randomised_network,
)

__all__ = [
    "ConservedLayer",
    "LayerLikeness",
    "ShiftChange",
    "conservation",
    "input_shift_change",
    "layers_from_top",
    "parameter_randomisation",
    "randomised_network",
    "shifted_network",
]
