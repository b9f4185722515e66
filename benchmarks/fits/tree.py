"""Decision trees on made-up readings of a class that has a few modes of decision, with noise in each image.

Measured is the growth alone, in both its ways: reading the images takes a pass through the network for each.
"""

import math
import sys
from functools import partial
from itertools import product
from typing import Any, TypeAlias, get_args

import numpy as np
from harness.peak_memory import peak_of
from harness.timing import Clock, seconds, spread

from whynet.base.seeding import numpy_generator
from whynet.structures.decision_tree.growth import grow
from whynet.structures.tree_settings import Growth, TreeSettings

GROWTHS: tuple[Growth, ...] = get_args(Growth)
NUM_MODES = 8
TOLD_AT = 1000
"""Images at which the two ways of growing are held against each other, where they are among the numbers."""

Readings: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]


def tree_readings(images: int, filters: int) -> Readings:
    """Activations as behind a ReLU, half of them 0; gradients near that of one of the modes; and logits."""
    random = numpy_generator(0, "readings")
    fires = random.random((images, filters)) < 0.5
    activations = random.gamma(1.0, 1.0, (images, filters)) * fires
    modes = np.maximum(random.normal(size=(NUM_MODES, filters)), 0)
    own = modes[random.integers(NUM_MODES, size=images)]
    gradients = (own + 0.3 * random.normal(size=(images, filters))) / filters
    outputs = (activations * gradients).sum(1) + 0.5 + 0.1 * random.normal(size=images)
    return activations, gradients, outputs


def fit_tree(readings: Readings, growth: Growth) -> None:
    """One tree with the usual settings."""
    grow(*readings, TreeSettings(growth=growth))


def exponent(counts: list[int], spent: list[float]) -> float:
    """Of the number of images in the time, by least squares of the logarithms."""
    found: float = np.polyfit([math.log(count) for count in counts], [math.log(own) for own in spent], 1)[0]
    return float(found)


def tree_figures(
    script: str, counts: list[int], filters: int, growths: list[Growth], rounds: int, clock: Clock
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ratios of decision trees, and their time and memory by the way of growing and the number of images.

    Args:
        script: That grows one tree and tells its peak when it is given `--grow-tree IMAGES --tree-filters FILTERS
            --growths GROWTH`.
        counts: Numbers of images, rising; two at least.
        filters: Of the layer.
        growths: Ways of growing.
        rounds: In each of which every tree is grown once.
        clock: What is told by.
    """
    spent: dict[tuple[Growth, int], list[float]] = {key: [] for key in product(growths, counts)}
    for growth in growths:
        fit_tree(tree_readings(counts[0], filters), growth)  # the first call of a library takes longer
    for number in range(1, rounds + 1):
        for images in counts:
            readings = tree_readings(images, filters)
            for growth in growths:
                duration = seconds(partial(fit_tree, readings, growth), clock)
                spent[growth, images].append(duration)
                told = f"tree by {growth}, {images} images, round {number} of {rounds}: {duration:.2f} s"
                print(told, file=sys.stderr)
    found, ratios = {}, {}
    few, many = counts[0], counts[-1]
    for growth in growths:
        peaks = {
            images: peak_of(script, "--grow-tree", str(images), "--tree-filters", str(filters), "--growths", growth)
            for images in counts
        }
        found[growth] = {
            "exponent": spread(
                [exponent(counts, [spent[growth, images][row] for images in counts]) for row in range(rounds)]
            ),
            "images": {
                str(images): {"seconds": spread(spent[growth, images]), "peak_gigabytes": peaks[images]}
                for images in counts
            },
        }  # fmt: skip
        ratios[f"tree.{growth}.time"] = _over(spent[growth, many], spent[growth, few])
        ratios[f"tree.{growth}.memory"] = spread([peaks[many] / peaks[few]])
    if len(growths) == len(GROWTHS):
        at = TOLD_AT if TOLD_AT in counts else many
        ratios["tree.likelihood_over_direction"] = _over(spent["likelihood", at], spent["direction", at])
    return ratios, {"filters": filters, **found}


def _over(one: list[float], other: list[float]) -> dict[str, float]:
    """Round by round."""
    return spread([above / below for above, below in zip(one, other, strict=True)])
