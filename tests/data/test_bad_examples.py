import logging

import numpy as np
import pytest

from whynet.base.errors import DataError, ImageError
from whynet.data.bad_examples import find_bad_examples, without_bad
from whynet.data.example import Example, ExampleDataset


class Pictures(ExampleDataset):
    """Pictures of which some cannot be opened."""

    def __init__(self, labels: list[int], bad: set[int], error: Exception | None = None) -> None:
        self.class_names = ("jay", "owl")
        self.labels = labels
        self.names = [f"{index}.jpg" for index in range(len(labels))]
        self.captions = [()] * len(labels)
        self.bad = bad
        self.error = error

    def __getitem__(self, index: int) -> Example:
        if index in self.bad:
            raise self.error or ImageError(f"/data/{index}.jpg: the picture is damaged")
        return Example(name=self.names[index], image=np.zeros((2, 2, 3), np.uint8), label=self.labels[index])


def test_bad_examples_are_found() -> None:
    seen: list[tuple[int, int]] = []
    bad = find_bad_examples(Pictures([0, 1, 0], {1}), lambda done, total: seen.append((done, total)))
    assert bad == {1: "/data/1.jpg: the picture is damaged"}
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_mistake_in_the_program_is_not_a_bad_example() -> None:
    with pytest.raises(ZeroDivisionError):
        find_bad_examples(Pictures([0], {0}, ZeroDivisionError()))


@pytest.mark.parametrize("skip_bad", [True, False])
def test_a_good_data_set_stays_as_it_is(skip_bad: bool) -> None:
    dataset = Pictures([0, 1], set())
    assert without_bad(dataset, skip_bad) is dataset


def test_up_to_ten_are_named() -> None:
    with pytest.raises(
        DataError, match=r"(?s)^12 of 20 .* --skip-bad.*/0\.jpg.*/9\.jpg: [^\n]*\n  and 2 more$"
    ) as caught:
        without_bad(Pictures([0] * 20, set(range(12))), skip_bad=False)
    assert "10.jpg" not in str(caught.value)


def test_a_message_without_the_name_gets_it() -> None:
    with pytest.raises(DataError, match=r"0\.jpg: odd$"):
        without_bad(Pictures([0, 0], {0}, DataError("odd")), skip_bad=False)


def test_skipping(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="whynet"):
        good = without_bad(Pictures([0, 1, 0, 1], {0, 3}), skip_bad=True)
    assert good.names == ["1.jpg", "2.jpg"]
    assert [good[index].name for index in range(2)] == ["1.jpg", "2.jpg"]
    assert [record.getMessage() for record in caplog.records] == ["leaving out 2 bad examples: 0.jpg, 3.jpg"]


def test_skipping_must_not_empty_a_class() -> None:
    with pytest.raises(DataError, match="empties the classes owl; add good pictures"):
        without_bad(Pictures([0, 1, 0], {1}), skip_bad=True)
