"""The parts of birds that CUB marks, at the scale at which filters of a top convolution can tell them apart.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 5.2, merge the small parts of PASCAL VOC Part into head, torso, legs and
tail before filters are measured. CUB's fifteen landmarks, which painted birds have, too, are likewise those of a head,
a torso, wings, legs and a tail.
"""

from collections.abc import Mapping
from types import MappingProxyType

_HEAD = ("beak", "crown", "forehead", "left eye", "nape", "right eye", "throat")
_TORSO = ("back", "belly", "breast")
LARGE_PARTS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(_HEAD, "head") | dict.fromkeys(_TORSO, "torso")  # wings, legs and tail are large themselves
)
"""Each small part with the large one that it counts with."""
