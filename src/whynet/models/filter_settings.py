"""What decides how filters become interpretable. Light to import, because the command line reads its help from here."""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from whynet.base.errors import SettingError

Norm: TypeAlias = Literal["l1", "l2"]
Gradient: TypeAlias = Literal["released", "equation4", "exact"]
Assignment: TypeAlias = Literal["arg-max", "balanced"]


@dataclass(frozen=True, kw_only=True)
class FilterSettings:
    """The masks of interpretable filters, and the loss that pushes them towards parts.

    Raises:
        SettingError: A number is out of its range, or a word is unknown.
    """

    norm: Norm = field(
        default="l1", metadata={"help": "Distance of the templates: l1, as in the paper, or l2, which are round."}
    )
    beta: float = field(
        default=4.0,
        metadata={"help": "How fast masks fall: they end at 1 / beta of the map's side from the peak; 0: no masks."},
    )
    strength: float = field(
        default=0.3,
        metadata={"help": "Norm of the filter loss's gradient over the task's, in the first epoch; 0: masks alone."},
    )
    decay: bool = field(
        default=True, metadata={"help": "Whether that falls as one over the number of the epoch, as in the paper."}
    )
    gradient: Gradient = field(
        default="released",
        metadata={"help": "Of the filter loss: released (the authors' code), equation4 (the paper) or exact."},
    )
    assignment: Assignment = field(
        default="balanced", metadata={"help": "Of filters to categories: balanced, or arg-max as in the paper."}
    )
    momentum: float = field(
        default=0.9, metadata={"help": "How much of the running means of the filter loss a batch leaves."}
    )
    learned_beta: bool = field(
        default=False, metadata={"help": "Whether beta follows the spread of a filter, as in the authors' code."}
    )

    def __post_init__(self) -> None:
        if self.beta and not 1 <= self.beta < math.inf:
            raise SettingError(f"a finite beta of at least 1, or 0 for no masks, was expected, not {self.beta}")
        if not self.beta and (self.strength or self.learned_beta):
            raise SettingError(
                "without masks (beta 0) there is no part to push a filter towards; give strength 0 and no learned beta"
            )
        if not 0 <= self.strength < math.inf or not 0 <= self.momentum < 1:
            raise SettingError(
                "a finite strength of at least 0 and a momentum from 0 to below 1 were expected, not "
                f"{self.strength} and {self.momentum}"
            )
        kinds = {"norm": Norm, "gradient": Gradient, "assignment": Assignment}
        for name, kind in kinds.items():
            if getattr(self, name) not in get_args(kind):
                raise SettingError(
                    f"{name} {getattr(self, name)!r} is unknown; choose one of {', '.join(get_args(kind))}"
                )
