"""Holding out a part of the examples, the same share of every class."""

from collections.abc import Sequence

import numpy as np

from whynet.base.errors import DataError, SettingError


def stratified_split(
    labels: Sequence[int],
    fraction: float,
    seed: int,
    *,
    min_kept: int = 1,
    groups: Sequence[str] | None = None,
) -> tuple[list[int], list[int]]:
    """Hold out a share of each class, at random but the same for the same seed.

    The share of one class does not depend on the other classes: adding a class leaves their split as it was.

    Args:
        labels: Class index of each example, at least 0.
        fraction: The share to hold out, between 0 and 1, rounded to whole examples a class; at least one is held out.
        seed: At least 0.
        min_kept: How many examples of each class are kept at least, 1 or more; 2 where another part is to be held out
            of those that are kept.
        groups: Which examples stay together, such as crops of one picture: those of one group are kept or held out as
            one. Groups are then what is counted, whatever their sizes. None: each example by itself.

    Returns:
        The indices that are kept and those that are held out, each ascending.

    Raises:
        SettingError: `fraction`, `seed` or `min_kept` is out of its range.
        DataError: There are no examples, a label is negative, a group has several classes, or a class has no more than
            `min_kept` examples or groups.
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
    first = _first_of_group(every, groups)
    counted = "examples" if groups is None else "groups"
    held_out: set[int] = set()
    for label in np.unique(every):
        units = np.unique(first[every == label])
        if label < 0:
            raise DataError(f"class indices start at 0, but there is {label}; correct the labels")
        if len(units) <= min_kept:
            raise DataError(
                f"each class needs {min_kept + 1} {counted}, 1 to hold out and {min_kept} to keep, but class {label} "
                f"has {len(units)}; add examples or remove the class"
            )
        share = min(max(round(len(units) * fraction), 1), len(units) - min_kept)
        held_out.update(np.random.default_rng([seed, int(label)]).permutation(units)[:share].tolist())
    unit_of = first.tolist()
    return (
        [index for index, unit in enumerate(unit_of) if unit not in held_out],
        [index for index, unit in enumerate(unit_of) if unit in held_out],
    )


def _first_of_group(labels: np.ndarray, groups: Sequence[str] | None) -> np.ndarray:
    """For each example the first one of its group; itself where there are no groups."""
    if groups is None:
        return np.arange(len(labels))
    if len(groups) != len(labels):
        raise DataError(f"one group for each of {len(labels)} examples was expected, but there are {len(groups)}")
    firsts: dict[str, int] = {}
    first = np.array([firsts.setdefault(group, index) for index, group in enumerate(groups)])
    mixed = np.flatnonzero(labels != labels[first])
    if len(mixed):
        raise DataError(
            f"the examples of a group must be of one class, but {groups[mixed[0]]!r} has the classes "
            f"{labels[first[mixed[0]]]} and {labels[mixed[0]]}; name the groups of each class apart"
        )
    return first
