"""What decides how a decision tree grows. Light to import, because the command line reads its help from here."""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from whynet.base.errors import SettingError

Growth: TypeAlias = Literal["direction", "likelihood"]
Pooling: TypeAlias = Literal["active", "mean"]


@dataclass(frozen=True, kw_only=True)
class TreeSettings:
    """How a decision tree is grown, and how sparse its nodes are.

    Raises:
        SettingError: A number is out of its range, or a word is unknown.
    """

    growth: Growth = field(
        default="direction",
        metadata={"help": "Which modes merge first: those alike in direction, or as in the paper by likelihood."},
    )
    pooling: Pooling = field(
        default="active",
        metadata={"help": "Of a filter's gradient: weighted by where the filter fires, or its mean as in the paper."},
    )
    sparsity: float = field(
        default=1.0,
        metadata={"help": "Lasso penalty of a node, in deviations of the logit; more leaves fewer filters."},
    )
    beta: float = field(default=1.0, metadata={"help": "What each child of the root costs, in nats."})
    candidates: int = field(
        default=8,
        metadata={"help": "Nearest modes that each may merge with where likelihood decides; 0: all, which is slow."},
    )

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity < math.inf or not 0 <= self.beta < math.inf or self.candidates < 0:
            raise SettingError(
                "a finite sparsity and beta of at least 0 and candidates of at least 0 were expected, not "
                f"{self.sparsity}, {self.beta} and {self.candidates}"
            )
        for name, kind in {"growth": Growth, "pooling": Pooling}.items():
            if getattr(self, name) not in get_args(kind):
                raise SettingError(
                    f"{name} {getattr(self, name)!r} is unknown; choose one of {', '.join(get_args(kind))}"
                )
