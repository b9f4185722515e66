"""Array aliases: axes are words, and each shape is written down once."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

Picture: TypeAlias = UInt8[np.ndarray, "_ _ 3"]
"""One RGB picture (rows, columns, 3), 0 to 255; the axes bear no name, since pictures side by side differ in size."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels from the top left corner."""

PartMap: TypeAlias = UInt8[np.ndarray, "rows columns"]
"""For each pixel 0 (no part) or 1 + the index of the part that is seen there."""

Landmarks: TypeAlias = Float[np.ndarray, "parts 3"]
"""One row a part: x and y in pixels from the top left corner, and 1 where the part can be seen, else 0."""

PartBoxes: TypeAlias = Float[np.ndarray, "parts 4"]
"""One row a part: left, top, right and bottom in pixels, as in `Box`; NaN where the part has none annotated."""

Images: TypeAlias = Float[Tensor, "batch 3 height width"]
"""Preprocessed pictures, ready for a network."""

ImageBatches: TypeAlias = Float[Tensor, "_ 3 _ _"] | Sequence[Float[Tensor, "_ 3 _ _"]]
"""Preprocessed pictures in one batch, or in several where they are many."""

Labels: TypeAlias = Int[Tensor, " batch"]
Logits: TypeAlias = Float[Tensor, "batch classes"]
Probabilities: TypeAlias = Float[Tensor, "batch classes"]

Reading: TypeAlias = Float[Tensor, "batch reading"]
"""r(x): the recorded activations of a network, concatenated."""

TokenIds: TypeAlias = Int[Tensor, "batch time"]
Mask: TypeAlias = Bool[Tensor, "batch time"]
