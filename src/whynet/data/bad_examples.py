"""Finding the examples that cannot be opened before hours of training meet them."""

import logging
from collections.abc import Callable

from whynet.base.errors import DataError
from whynet.data.example import ExampleDataset

Progress = Callable[[int, int], None]
"""Called with the number of examples done and the number of all."""

_LISTED = 10
_log = logging.getLogger("whynet")


def find_bad_examples(dataset: ExampleDataset, on_progress: Progress | None = None) -> dict[int, str]:
    """Open every example and collect the messages of those that cannot be used.

    Args:
        dataset: The data set; each picture is read once.
        on_progress: Called after each example.

    Returns:
        The message of each bad example by its index; empty if all are good.
    """
    bad: dict[int, str] = {}
    for index in range(len(dataset)):
        try:
            dataset[index]
        except DataError as error:
            bad[index] = str(error)
        if on_progress is not None:
            on_progress(index + 1, len(dataset))
    return bad


def without_bad(dataset: ExampleDataset, skip_bad: bool, on_progress: Progress | None = None) -> ExampleDataset:
    """The data set if all its examples can be opened; else an error, or the others.

    Args:
        dataset: The data set; each picture is read once.
        skip_bad: Leave bad examples out, and log their names as a warning, instead of raising an error.
        on_progress: Called after each example.

    Returns:
        `dataset` itself, or its good examples in their order.

    Raises:
        DataError: There are bad examples and `skip_bad` is false, or leaving them out empties a class.
    """
    bad = find_bad_examples(dataset, on_progress)
    if not bad:
        return dataset
    listed = list(bad.items())[:_LISTED]
    named = [text if dataset.names[i] in text else f"{dataset.names[i]}: {text}" for i, text in listed]
    messages = "\n".join(f"  {text}" for text in named)
    rest = f"\n  and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    if not skip_bad:
        raise DataError(
            f"{len(bad)} of {len(dataset)} examples cannot be used; correct them, or leave them out with --skip-bad:\n"
            f"{messages}{rest}"
        )
    good = [index for index in range(len(dataset)) if index not in bad]
    left = {dataset.labels[index] for index in good}
    if emptied := [dataset.class_names[label] for label in sorted(set(dataset.labels) - left)]:
        raise DataError(f"leaving out bad pictures empties the classes {', '.join(emptied)}; add good pictures to them")
    _log.warning("leaving out %d bad examples: %s", len(bad), ", ".join(dataset.names[index] for index in bad))
    return dataset.subset(good)
