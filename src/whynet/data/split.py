"""Holding out a part of the examples, the same share of every class."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

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
            one. Groups are then what is counted, whatever their sizes. A group of several classes counts for each of
            them, so that more of a class may be held out than its share. None: each example by itself.

    Returns:
        The indices that are kept and those that are held out, each ascending.

    Raises:
        SettingError: `fraction`, `seed` or `min_kept` is out of its range.
        DataError: There are no examples, a label is negative, a class has no more than `min_kept` examples or groups,
            or none of its groups can be held out without taking another class's last ones.
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
    units = _units(len(every), groups)
    units_of = {label: np.unique(units[every == label]) for label in np.unique(every).tolist()}
    _refuse_small_classes(units_of, min_kept, "examples" if groups is None else "groups")
    classes_of: dict[int, set[int]] = {}
    for unit, label in zip(units.tolist(), every.tolist(), strict=True):
        classes_of.setdefault(unit, set()).add(label)
    num_held = dict.fromkeys(units_of, 0)
    held_out: set[int] = set()
    for label, own in units_of.items():
        share = min(max(round(len(own) * fraction), 1), len(own) - min_kept)
        for unit in np.random.default_rng([seed, label]).permutation(own).tolist():
            if num_held[label] >= share:
                break
            mates = classes_of[unit]
            if unit in held_out or any(num_held[mate] >= len(units_of[mate]) - min_kept for mate in mates):
                continue
            held_out.add(unit)
            for mate in mates:
                num_held[mate] += 1
        if not num_held[label]:
            raise DataError(
                f"no group of class {label} can be held out, since each is of a class of which {min_kept} must be "
                "kept; add groups of one class"
            )
    return (
        [index for index, unit in enumerate(units.tolist()) if unit not in held_out],
        [index for index, unit in enumerate(units.tolist()) if unit in held_out],
    )


def _refuse_small_classes(units_of: dict[int, Int[np.ndarray, "_"]], min_kept: int, counted: str) -> None:
    for label, own in units_of.items():
        if label < 0:
            raise DataError(f"class indices start at 0, but there is {label}; correct the labels")
        if len(own) <= min_kept:
            raise DataError(
                f"each class needs {min_kept + 1} {counted}, 1 to hold out and {min_kept} to keep, but class {label} "
                f"has {len(own)}; add examples or remove the class"
            )


def _units(count: int, groups: Sequence[str] | None) -> Int[np.ndarray, " examples"]:
    """What is held out as one: for each example the first one of its group; itself where there are no groups."""
    if groups is None:
        return np.arange(count)
    if len(groups) != count:
        raise DataError(f"one group for each of {count} examples was expected, but there are {len(groups)}")
    firsts: dict[str, int] = {}
    return np.array([firsts.setdefault(group, index) for index, group in enumerate(groups)])
