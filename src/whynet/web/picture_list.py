"""A page of test pictures: of all classes or one, all of them or those alone that the network gets wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from whynet.workflows.workbench.desk import Desk

PER_PAGE = 24


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A test picture in a list.

    Args:
        index: Among the test pictures.
        name: Of the picture.
        true_class: What the data say.
        predicted: What the network says; None where that is not known yet.
    """

    index: int
    name: str
    true_class: str
    predicted: str | None

    @property
    def is_wrong(self) -> bool:
        """Whether the network is known to name another class than the data."""
        return self.predicted is not None and self.predicted != self.true_class


@dataclass(frozen=True, kw_only=True)
class PictureList:
    """A page of a list.

    Args:
        pictures: On this page.
        number: Of the page, from 1.
        num_pages: How many there are, at least 1.
        total: How many pictures there are on all pages.
        is_marked: Whether it is known which ones are wrong.
    """

    pictures: Sequence[Listed]
    number: int
    num_pages: int
    total: int
    is_marked: bool


def listed(desk: Desk, predictions: Sequence[int] | None, class_index: int | None, only: str) -> list[Listed]:
    """Test pictures in their order.

    Args:
        desk: Whose data are open.
        predictions: The predicted class of each test picture; None where that is not known.
        class_index: The true class; None: all.
        only: "mistakes" leaves out what the network names right, as far as `predictions` tell; "" nothing.
    """
    test = desk.splits().test
    return [
        Listed(
            index=row, name=test.names[row], true_class=test.class_names[label],
            predicted=None if predictions is None else test.class_names[predictions[row]],
        )
        for row, label in enumerate(test.labels)
        if class_index in (None, label) and not (only and predictions is not None and predictions[row] == label)
    ]  # fmt: skip


def picture_list(
    desk: Desk, predictions: Sequence[int] | None, class_index: int | None, only: str, number: int
) -> PictureList:
    """A page of `listed`: the one of this number, or the last one if there are fewer."""
    found = listed(desk, predictions, class_index, only)
    num_pages = max(1, -(-len(found) // PER_PAGE))
    number = min(number, num_pages)
    return PictureList(
        pictures=found[(number - 1) * PER_PAGE : number * PER_PAGE], number=number, num_pages=num_pages,
        total=len(found), is_marked=predictions is not None,
    )  # fmt: skip
