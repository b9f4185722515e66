"""Holding out a part of the examples, the same share of every class."""

from collections.abc import Sequence

import numpy as np

from whynet.base.errors import DataError, SettingError


def stratified_split(labels: Sequence[int], fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Hold out a share of each class, at random but the same for the same seed.

    The share of one class does not depend on the other classes: adding a class leaves their split as it was.

    Args:
        labels: Class index of each example, at least 0.
        fraction: The share to hold out, between 0 and 1, rounded to whole examples a class; at least one is held out
            and at least one kept.
        seed: At least 0.

    Returns:
        The indices that are kept and those that are held out, each ascending.

    Raises:
        SettingError: `fraction` or `seed` is out of its range.
        DataError: There are no examples, a label is negative, or a class has only one example.
    """
    if not 0 < fraction < 1:
        raise SettingError(f"the fraction to hold out must lie between 0 and 1, but is {fraction}; choose 0.1, say")
    if seed < 0:
        raise SettingError(f"the seed must be at least 0, but is {seed}; choose another")
    if not len(labels):
        raise DataError("expected examples to split, but there are none; add some")
    every = np.asarray(labels)
    held_out: list[int] = []
    for label, count in zip(*np.unique(every, return_counts=True), strict=True):
        if label < 0:
            raise DataError(f"class indices start at 0, but there is {label}; correct the labels")
        if count < 2:
            raise DataError(
                f"class {label} has only one example, but a split needs two; add another or remove the class"
            )
        share = min(max(round(int(count) * fraction), 1), int(count) - 1)
        order = np.random.default_rng([seed, int(label)]).permutation(np.flatnonzero(every == label))
        held_out.extend(order[:share].tolist())
    aside = set(held_out)
    return [index for index in range(len(labels)) if index not in aside], sorted(aside)
