"""Progress bars of loops that are not Lightning's; shown only where a person looks on."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, *, total: int | None = None) -> Iterator[Item]:
    """The items, with a bar on standard error while they are used; nothing is drawn where that is no terminal.

    Args:
        items: What to loop over.
        description: What the loop does, such as "Opening pictures".
        total: Number of items, where `items` does not know it.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with _bar() as progress:
        yield from progress.track(items, total=total, description=description)


@contextmanager
def reporting(description: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by calls with the number done and the number of all."""
    with _bar() as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
