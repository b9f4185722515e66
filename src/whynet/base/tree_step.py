"""A step down a decision tree: what one of its layers says of an image."""

from dataclasses import dataclass
from typing import Any

from whynet.base.reason import Reason

_TOLD = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeStep:
    """What a layer of a decision tree says of an image.

    Args:
        layer: Which, from "below the root" to "leaves".
        logit: That the tree gives the class here.
        bias: What no filter adds.
        reasons: What adds up to the rest of the logit; the weightiest first.
        like: Of the last step: the training image that the network decides for most alike.
    """

    layer: str
    logit: float
    bias: float
    reasons: tuple[Reason, ...]
    like: str | None = None

    @property
    def text(self) -> str:
        """The step in one line: "5th layer: logit 8.6 by head +5.1, wing +2.0, bias +1.5"."""
        told = ", ".join(f"{reason.name} {reason.weight:+.1f}" for reason in self.reasons[:_TOLD])
        told = ", ".join(filter(None, (told, f"bias {self.bias:+.1f}")))
        like = f"; decided like {self.like}" if self.like else ""
        return f"{self.layer}: logit {self.logit:.1f} by {told}{like}"

    def to_json(self) -> dict[str, Any]:
        """The step as values that `json.dump` takes."""
        return {
            "layer": self.layer,
            "logit": self.logit,
            "bias": self.bias,
            "reasons": [reason.to_json() for reason in self.reasons],
            "like": self.like,
        }
