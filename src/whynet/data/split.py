"""Holding out a part of the examples, the same share of every class."""

from collections.abc import Sequence

import numpy as np

from whynet.base.errors import DataError, SettingError


def stratified_split(
    labels: Sequence[int], fraction: float, seed: int, *, min_kept: int = 1
) -> tuple[list[int], list[int]]:
    """Hold out a share of each class, at random but the same for the same seed.

    The share of one class does not depend on the other classes: adding a class leaves their split as it was.

    Args:
        labels: Class index of each example, at least 0.
        fraction: The share to hold out, between 0 and 1, rounded to whole examples a class; at least one is held out.
        seed: At least 0.
        min_kept: How many examples of each class are kept at least, 1 or more; 2 where another part is to be held out
            of those that are kept.

    Returns:
        The indices that are kept and those that are held out, each ascending.

    Raises:
        SettingError: `fraction`, `seed` or `min_kept` is out of its range.
        DataError: There are no examples, a label is negative, or a class has no more than `min_kept` examples.
    """
    if not 0 < fraction < 1:
        raise SettingError(f"the fraction to hold out must lie between 0 and 1, but is {fraction}; choose 0.1, say")
    if seed < 0:
        raise SettingError(f"the seed must be at least 0, but is {seed}; choose another")
    if min_kept < 1:
        raise SettingError(f"at least 1 example of each class must be kept, not {min_kept}; raise min_kept")
    if not len(labels):
        raise DataError("expected examples to split, but there are none; add some")
    every = np.asarray(labels)
    held_out: list[int] = []
    for label, count in zip(*np.unique(every, return_counts=True), strict=True):
        if label < 0:
            raise DataError(f"class indices start at 0, but there is {label}; correct the labels")
        if count <= min_kept:
            raise DataError(
                f"each class needs {min_kept + 1} examples, 1 to hold out and {min_kept} to keep, but class {label} "
                f"has {count}; add examples or remove the class"
            )
        share = min(max(round(int(count) * fraction), 1), int(count) - min_kept)
        order = np.random.default_rng([seed, int(label)]).permutation(np.flatnonzero(every == label))
        held_out.extend(order[:share].tolist())
    aside = set(held_out)
    return [index for index in range(len(labels)) if index not in aside], sorted(aside)
