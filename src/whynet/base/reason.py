"""A reason for a class: what it is called, how much it adds, and where it lies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, eq=False)
class Reason:
    """One named reason for a class.

    Args:
        name: What the reason is called.
        weight: Its signed share in the explained output, in units of the logit.
        heat_map: Where it lies in the image, at the resolution of the layer it was read from; None if it has no place.
        is_named: Whether the name says what it is; else it is only told from others by it.
        number: Of the x-feature that it is, from 1; None for another reason.
    """

    name: str
    weight: float
    heat_map: Float[np.ndarray, "rows columns"] | None = None
    is_named: bool = True
    number: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The reason as values that `json.dump` takes."""
        return {
            "name": self.name,
            "is_named": self.is_named,
            "number": self.number,
            "weight": self.weight,
            "heat_map": None if self.heat_map is None else self.heat_map.tolist(),
        }
