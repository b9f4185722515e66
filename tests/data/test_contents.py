"""A digest tells pictures and annotations apart, wherever they lie."""

from dataclasses import replace

import numpy as np
import pytest

from whynet.data.contents import contents_digest
from whynet.data.example import Example, ExampleDataset


class Few(ExampleDataset):
    """Two pictures with all annotations."""

    class_names = ("owl", "jay")
    part_names = ("head",)

    def __init__(self, **changes):
        own = Example(
            name="a", image=np.zeros((4, 4, 3), np.uint8), label=0, landmarks=np.array([[1.0, 1.0, 1.0]]),
            part_map=np.zeros((4, 4), np.uint8), part_boxes=np.array([[0.0, 0.0, 2.0, 2.0]]), box=(0.0, 0.0, 3.0, 3.0),
        )  # fmt: skip
        self.examples = [own, replace(own, name="b", label=1, **changes)]
        self.names, self.labels = ["a", "b"], [0, 1]
        self.captions = [(), ()]

    def __getitem__(self, index):
        return self.examples[index]


@pytest.mark.parametrize(
    "change",
    [
        {"image": np.ones((4, 4, 3), np.uint8)}, {"landmarks": np.array([[1.0, 2.0, 1.0]])}, {"landmarks": None},
        {"part_map": np.ones((4, 4), np.uint8)}, {"part_boxes": np.array([[0.0, 0.0, 2.0, 3.0]])},
        {"box": (0.0, 0.0, 3.0, 2.0)}, {"box": None},
    ],
)  # fmt: skip
def test_whatever_changes_changes_the_digest(change):
    assert contents_digest(Few()) == contents_digest(Few()) != contents_digest(Few(**change))


def test_order_number_and_names_count():
    few = Few()
    found = {contents_digest(few.subset(rows)) for rows in ([0, 1], [1, 0], [0], [0, 1, 1])}
    other = Few()
    other.part_names = ("tail",)
    assert len(found | {contents_digest(other)}) == 5
    assert contents_digest(few) in found
