from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whynet.base.errors import DataError, SettingError
from whynet.data.split import stratified_split


@given(
    counts=st.lists(st.integers(2, 30), min_size=1, max_size=6),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
    order=st.randoms(use_true_random=False),
)
def test_every_class_is_split(counts: list[int], fraction: float, seed: int, order: object) -> None:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    order.shuffle(labels)
    kept, held_out = stratified_split(labels, fraction, seed)
    assert sorted(kept + held_out) == list(range(len(labels)))
    assert kept == sorted(kept)
    assert held_out == sorted(held_out)
    share = Counter(labels[index] for index in held_out)
    for label, count in enumerate(counts):
        assert 1 <= share[label] <= count - 1
        assert abs(share[label] - count * fraction) <= 1
    assert (kept, held_out) == stratified_split(labels, fraction, seed)


def test_seeds_differ() -> None:
    labels = [0] * 50 + [1] * 50
    assert stratified_split(labels, 0.2, 0) != stratified_split(labels, 0.2, 1)


def test_a_class_more_changes_nothing_for_the_others() -> None:
    _, few = stratified_split([0] * 20 + [1] * 20, 0.25, 7)
    _, more = stratified_split([0] * 20 + [1] * 20 + [2] * 20, 0.25, 7)
    assert [index for index in more if index < 40] == few


def test_a_class_with_one_example() -> None:
    with pytest.raises(DataError, match="needs 2 examples, 1 to hold out and 1 to keep, but class 3 has 1;"):
        stratified_split([0, 0, 3, 5, 5], 0.5, 0)


@pytest.mark.parametrize("count", [3, 4, 5, 10])
def test_enough_is_kept_for_a_second_part(count: int) -> None:
    kept, held_out = stratified_split([0] * count + [1] * 3, 0.9, 0, min_kept=2)
    assert sum(index < count for index in kept) >= 2
    assert [index for index in held_out if index >= count]
    again, _ = stratified_split([int(index >= count) for index in kept], 0.9, 0)
    assert again
    with pytest.raises(DataError, match="needs 3 examples, 1 to hold out and 2 to keep, but class 1 has 2"):
        stratified_split([0] * count + [1] * 2, 0.9, 0, min_kept=2)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(SettingError, match="must lie between 0 and 1, but is"):
        stratified_split([0, 0], fraction, 0)


def test_other_refusals() -> None:
    with pytest.raises(SettingError, match="the seed must be at least 0, but is -1"):
        stratified_split([0, 0], 0.5, -1)
    with pytest.raises(SettingError, match="at least 1 example of each class must be kept, not 0"):
        stratified_split([0, 0], 0.5, 0, min_kept=0)
    with pytest.raises(DataError, match="expected examples to split"):
        stratified_split([], 0.5, 0)
    with pytest.raises(DataError, match="class indices start at 0, but there is -1"):
        stratified_split([-1, -1], 0.5, 0)


@given(
    sizes=st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=12), min_size=1, max_size=4),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
    order=st.randoms(use_true_random=False),
)
def test_groups_stay_together(sizes: list[list[int]], fraction: float, seed: int, order: object) -> None:
    """`sizes`: of the groups of each class."""
    examples = [
        (label, f"{label}/{number}")
        for label, own in enumerate(sizes)
        for number, size in enumerate(own)
        for _ in range(size)
    ]
    order.shuffle(examples)
    labels, groups = [label for label, _ in examples], [group for _, group in examples]
    kept, held_out = stratified_split(labels, fraction, seed, groups=groups)
    assert sorted(kept + held_out) == list(range(len(examples)))
    assert kept == sorted(kept)
    assert held_out == sorted(held_out)
    aside = {groups[index] for index in held_out}
    assert not aside & {groups[index] for index in kept}
    share = Counter(int(group.split("/")[0]) for group in aside)
    for label, own in enumerate(sizes):
        assert 1 <= share[label] <= len(own) - 1
        assert abs(share[label] - len(own) * fraction) <= 1


@given(
    sizes=st.lists(st.integers(2, 12), min_size=2, max_size=4),
    mixed=st.lists(st.sets(st.integers(0, 3), min_size=2), max_size=12),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
    min_kept=st.integers(1, 2),
)
def test_groups_of_several_classes_stay_together_too(
    sizes: list[int], mixed: list[set[int]], fraction: float, seed: int, min_kept: int
) -> None:
    """`sizes`: how many groups of each class alone; `mixed`: the classes of the others."""
    groups_of = {f"{label}/{number}": {label} for label, size in enumerate(sizes) for number in range(size + 1)}
    groups_of |= {f"mixed/{number}": {label % len(sizes) for label in labels} for number, labels in enumerate(mixed)}
    examples = [(label, group) for group, own in groups_of.items() for label in own]
    labels, groups = [label for label, _ in examples], [group for _, group in examples]
    kept, held_out = stratified_split(labels, fraction, seed, min_kept=min_kept, groups=groups)
    aside, left = {groups[index] for index in held_out}, {groups[index] for index in kept}
    assert aside | left == set(groups)
    assert not aside & left
    for label in range(len(sizes)):
        own = {group for group, several in groups_of.items() if label in several}
        assert len(own & left) >= min_kept
        assert len(own & aside) >= 1
        alone = len(own) - sum(len(groups_of[group]) > 1 for group in own)
        assert len(own & aside) >= min(max(round(len(own) * fraction), 1), alone - min_kept)


def test_groups_of_one_are_no_groups() -> None:
    labels = [0, 1] * 20
    groups = [str(index) for index in range(40)]
    assert stratified_split(labels, 0.3, 5, groups=groups) == stratified_split(labels, 0.3, 5)


def test_groups_that_cannot_be() -> None:
    with pytest.raises(DataError, match="needs 2 groups, 1 to hold out and 1 to keep, but class 1 has 1; add examples"):
        stratified_split([0, 0, 1, 1], 0.5, 0, groups=["a", "b", "c", "c"])
    with pytest.raises(
        DataError, match="no group of class 2 can be held out, since each is of a class of which 1 must"
    ):
        stratified_split([0, 1, 1, 2, 2, 0], 0.5, 0, groups=["a", "a", "b", "b", "c", "c"])
    with pytest.raises(DataError, match="one group for each of 4 examples was expected, but there are 3"):
        stratified_split([0, 0, 1, 1], 0.5, 0, groups=["a", "b", "c"])


def test_the_split_without_groups_is_what_it_always_was() -> None:
    """Written down before there were groups: a run that was begun then goes on with the same pictures."""
    _, held_out = stratified_split([0, 1, 0, 1, 0, 1, 0, 1, 2, 2] * 3, 0.25, 11)
    assert held_out == [1, 4, 13, 19, 20, 23, 24, 28]
