"""Do the words come from the picture? How often a word falls when the part it names is changed, and when another is.

The causal test that gradients alone cannot give. For each word w of a sentence, with the words before it held fixed,
p = P(w | words before, picture), and p' the same for a picture in which something was changed:

    fallen     = p' <= 0.9 p
    share      = fallen words / words,   once for the named part, once for another part
    difference = share of the named part - share of the other part
    mean log ratio = mean over the words of log p' / p, in nats

Intervals hold 95 %: the percentile bootstrap over images (Efron & Tibshirani, "An Introduction to the Bootstrap",
1993), since the words of one image are not independent. Each resample draws whole images, with all of their words.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import bootstrap
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from whynet.base.errors import DataError
from whynet.base.seeding import numpy_generator

KEPT = 0.9
"""A word has fallen when it keeps this share of its probability, or less."""
CONFIDENCE = 0.95
RESAMPLES = 2000


class GroundedWords(Metric):
    """Share of words that fall with the part they name, and with another part.

    A torchmetrics `Metric`: feed it words with `update`; words of all devices are gathered.

    Args:
        seed: Of the bootstrap.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    before: list[Tensor]
    after_named: list[Tensor]
    after_other: list[Tensor]
    image: list[Tensor]

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        for name in ("before", "after_named", "after_other", "image"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self,
        before: Float[Tensor, " words"],
        after_named: Float[Tensor, " words"],
        after_other: Float[Tensor, " words"],
        image: Int[Tensor, " words"],
    ) -> None:
        """Count some words.

        Args:
            before: Log-probability of each word given the picture, in nats.
            after_named: The same after the part that the word names was changed.
            after_other: The same after another part was changed.
            image: Which image each word is about: any number, the same for the words of one image.
        """
        self.before.append(before)
        self.after_named.append(after_named)
        self.after_other.append(after_other)
        self.image.append(image)

    def compute(self) -> dict[str, dict[str, float]]:
        """The figures of all words so far.

        Returns:
            `named_part` and `other_part`, each with `share` in [0, 1], its interval `low` to `high`, the number of
            words `n` and `mean_log_ratio` in nats; and `difference`, with `share`, `low`, `high` and `n`. Words that
            come from the picture have a high share for the named part and a low one for the other.

        Raises:
            DataError: There are words of fewer than two images, too few for an interval.
        """
        image = dim_zero_cat(self.image).cpu().numpy() if self.image else np.empty(0, np.int64)
        images, row = np.unique(image, return_inverse=True)
        if len(images) < 2:
            raise DataError(f"an interval over images needs words of at least 2, but there are {len(images)}; add some")
        before = dim_zero_cat(self.before).cpu().double()
        ratios = {
            "named_part": dim_zero_cat(self.after_named).cpu().double() - before,
            "other_part": dim_zero_cat(self.after_other).cpu().double() - before,
        }
        words = np.bincount(row)
        fallen = {
            name: np.bincount(row, (ratio <= math.log(KEPT)).numpy().astype(float)) for name, ratio in ratios.items()
        }
        figures = {
            name: {**self._share(fallen[name], words), "mean_log_ratio": float(ratios[name].mean())} for name in ratios
        }
        return figures | {"difference": self._share(fallen["named_part"] - fallen["other_part"], words)}

    def _share(self, fallen: Float[np.ndarray, " images"], words: Int[np.ndarray, " images"]) -> dict[str, float]:
        """The share of fallen words with its interval; equal data have equal intervals, whatever else was computed."""
        interval: Any = bootstrap(
            (fallen, words), _ratio_of_sums, paired=True, vectorized=True, n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE, method="percentile", rng=numpy_generator(self.seed, "bootstrap"),
        ).confidence_interval  # fmt: skip
        return {
            "share": float(fallen.sum() / words.sum()),
            "low": float(interval.low),
            "high": float(interval.high),
            "n": int(words.sum()),
        }


def _ratio_of_sums(fallen: np.ndarray, words: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(fallen.sum(axis) / words.sum(axis))
