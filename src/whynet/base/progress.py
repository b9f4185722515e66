"""Progress: bars where a person looks on, a line now and then elsewhere, calls where a program listens."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
Listener: TypeAlias = Callable[[str, int, int | None], None]
"""Told what a loop does, how many of its items are done, and of how many, if that is known."""
_SILENCE_SECONDS = 30.0
"""A loop that takes longer says how far it is, where no bar can be drawn."""
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside, and in this thread alone, the listener is told of each step, and no bar is drawn.

    Args:
        listener: What it raises breaks the loop off.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def track(items: Iterable[Item], description: str, *, total: int | None = None) -> Iterator[Item]:
    """The items, with a bar on standard error while they are used; where that is no terminal, a line now and then.

    Args:
        items: What to loop over.
        description: What the loop does, such as "Opening pictures".
        total: Number of items, where `items` does not know it.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if (listener := _listening()) is not None:
        yield from _told(items, description, total, listener)
        return
    with _bar() as progress:
        yield from progress.track(items, total=total, description=description)


class SparseLines:
    """Lines on standard error that tell how far a loop is, half a minute apart at least."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def tell(self, description: str, done: int, total: int | None) -> None:
        """Tell it, if nothing was told for half a minute."""
        now = time.monotonic()
        if now - self._last >= _SILENCE_SECONDS:
            self._last = now
            sys.stderr.write(f"{description}: {done}" + (f" of {total}\n" if total else "\n"))
            sys.stderr.flush()


def _listening() -> Listener | None:
    """Who is told in place of a bar: the listener, or lines where no bar can be drawn."""
    return _listener.get() or (None if _console().is_terminal else SparseLines().tell)


def _told(items: Iterable[Item], description: str, total: int | None, listener: Listener) -> Iterator[Item]:
    done = 0
    listener(description, done, total)
    for item in items:
        yield item
        done += 1
        listener(description, done, total)


@contextmanager
def reporting(description: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by calls with the number done and the number of all."""
    if (listener := _listening()) is not None:
        yield lambda done, total: listener(description, done, total)
        return
    with _bar() as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=_console(), transient=True)


def _console() -> Console:
    return Console(stderr=True)
