"""A data set of one class against the others: its pictures, and as many of the other classes.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 5.1, classify single categories so.

Differs from the paper: it takes the images of all other categories as negatives. Here only as many are drawn as there
are pictures of the class, from each of the others about alike, in training and in test pictures: so both classes weigh
the same in the loss, and an accuracy of a half is chance. It is not the accuracy against all others.
"""

from dataclasses import replace

from whynet.base.errors import SettingError
from whynet.base.seeding import numpy_generator
from whynet.data.example import Example, ExampleDataset, digest_of

OTHERS = "others"


class OneAgainstOthers(ExampleDataset):
    """All pictures of a class, and as many of the other classes, each of which gives about as many.

    Args:
        whole: The data set.
        category: Name of the class; it is class 0, and `OTHERS` is class 1.
        seed: Of which pictures of the others are drawn.

    Raises:
        SettingError: There is no such class, or no other.
    """

    def __init__(self, whole: ExampleDataset, category: str, seed: int) -> None:
        if category not in whole.class_names or len(whole.class_names) < 2:
            raise SettingError(
                f"one of the classes {', '.join(whole.class_names[:10])} was expected as the task, and another beside "
                f"it, not {category!r}; name one of them, or multi"
            )
        self.whole, self.category = whole, category
        own = whole.class_names.index(category)
        positives = [row for row, label in enumerate(whole.labels) if label == own]
        self.indices = sorted([*positives, *_drawn(whole, own, len(positives), seed)])
        self.class_names = (category, OTHERS if category != OTHERS else f"all {OTHERS}")
        self.part_names = whole.part_names
        self.counted_with = whole.counted_with
        self.names = [whole.names[row] for row in self.indices]
        self.labels = [int(whole.labels[row] != own) for row in self.indices]
        self.captions = [() for _ in self.indices]  # they tell all classes apart
        self.sources = [whole.sources[row] for row in self.indices] if whole.sources else ()

    def __getitem__(self, index: int) -> Example:
        return replace(self.whole[self.indices[index]], label=self.labels[index], captions=())

    def fingerprint(self) -> str:
        """A hex digest of the whole data set's fingerprint, the class and the indices."""
        return digest_of("one against others", self.whole.fingerprint(), self.category, self.indices)


def _drawn(whole: ExampleDataset, own: int, count: int, seed: int) -> list[int]:
    """Pictures of other classes, one of each class in turn, until there are enough or none is left."""
    queues = []
    for label in range(len(whole.class_names)):
        rows = [row for row, of in enumerate(whole.labels) if of == label]
        order = numpy_generator(seed, "others", whole.class_names[own], label).permutation(len(rows))
        if label != own:
            queues.append([rows[place] for place in order])
    found: list[int] = []
    while len(found) < count and any(queues):
        found += [queue.pop() for queue in queues if queue][: count - len(found)]
    return found
