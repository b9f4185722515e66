"""Two floors for every metric of sentences: what a reader gets without looking at the image.

Captions of one species resemble each other, so a sentence can score well and say nothing of the bird at hand. A caption
of another image of the class shows what the class alone is worth (and grants the class for free); the most frequent
caption shows what one sentence for all is worth. An explainer that does not clear both has not been shown to look.
"""

import random
from collections import Counter
from collections.abc import Sequence

from whynet.base.errors import DataError


def random_same_class(
    labels: Sequence[int], train_labels: Sequence[int], train_captions: Sequence[Sequence[str]], seed: int
) -> list[str]:
    """For each test image a caption of the training set, drawn evenly from all captions of its class.

    Args:
        labels: Class index of each test image.
        train_labels: Class index of each training image.
        train_captions: The captions of each training image, possibly none.
        seed: Of the draw; the same seed gives the same captions.

    Returns:
        One caption a test image.

    Raises:
        DataError: Training labels and captions differ in number, or a class of a test image has no training caption.
    """
    if len(train_labels) != len(train_captions):
        raise DataError(
            f"each training image needs a label and captions, but there are {len(train_labels)} labels and captions of "
            f"{len(train_captions)} images; give as many of the one as of the other"
        )
    of_class: dict[int, list[str]] = {}
    for label, captions in zip(train_labels, train_captions, strict=True):
        of_class.setdefault(label, []).extend(captions)
    generator = random.Random(seed)  # noqa: S311 (no secret)
    drawn = []
    for index, label in enumerate(labels):
        if not of_class.get(label):
            raise DataError(
                f"test image {index} is of class {label}, of which no training image has a caption; "
                "leave it out or add a captioned image of that class"
            )
        drawn.append(generator.choice(of_class[label]))
    return drawn


def most_frequent(train_captions: Sequence[Sequence[str]]) -> str:
    """The training caption that occurs most often, word for word; of equally frequent ones the first.

    Args:
        train_captions: The captions of each training image, possibly none.

    Raises:
        DataError: There is no caption at all.
    """
    counts = Counter(caption for captions in train_captions for caption in captions)
    if not counts:
        raise DataError(f"expected training captions, but {len(train_captions)} images have none; use a captioned set")
    return counts.most_common(1)[0][0]  # equal counts stay in order of first appearance
