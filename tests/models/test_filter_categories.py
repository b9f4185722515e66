"""Which category each filter stands for: against the best of all assignments, counted out."""

from collections import Counter
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from whynet.models.filter_categories import filter_categories


def test_the_paper_takes_the_category_whose_images_activate_a_filter_most():
    strengths = torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.5]])
    assert filter_categories(strengths, "arg-max").tolist() == [1, 0, 0, 0]


def best_value(relative, places):
    """The most that filters can have if each category has so many places and no more than one stays free."""
    count, categories = len(relative), len(relative[0])
    slots = [category for category in range(categories) for _ in range(places)]
    best = -1.0
    for order in set(permutations(slots, count)):
        taken = Counter(order)
        if all(taken[category] >= places - 1 for category in range(categories)):
            best = max(best, sum(row[category] for row, category in zip(relative, order, strict=True)))
    return best


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2), min_size=1, max_size=5))
def test_the_balanced_assignment_is_the_best_that_gives_each_category_as_many(rows):
    strengths = torch.tensor(rows, dtype=torch.float)
    found = filter_categories(strengths, "balanced").tolist()
    counts = Counter(found)
    assert max(counts[0], counts[1]) - min(counts[0], counts[1]) <= 1
    relative = [[value / ((sum(row) / 2) or 1) for value in row] for row in rows]
    own = sum(row[category] for row, category in zip(relative, found, strict=True))
    assert own == pytest.approx(best_value(relative, -(-len(rows) // 2)))


def test_every_category_owns_filters_where_all_would_choose_the_same():
    strengths = torch.rand(64, 20)
    strengths[:, 3] += 10
    counts = Counter(filter_categories(strengths, "balanced").tolist())
    assert set(counts) == set(range(20))
    assert set(counts.values()) == {3, 4}
    assert set(filter_categories(strengths, "arg-max").tolist()) == {3}


def test_fewer_filters_than_categories_take_one_each():
    found = filter_categories(torch.rand(3, 7), "balanced").tolist()
    assert len(set(found)) == 3
