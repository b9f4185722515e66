"""One thread that computes for one network, so that pages answer meanwhile and no two requests share the network.

Requests of one key are one job. A job that nobody waits for any more is dropped from the queue, or broken off at the
next step of its loops (`base.progress`).
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from whynet.base.progress import listening

_PATIENCE_SECONDS = 3.0


class Abandoned(Exception):  # noqa: N818 - no fault of anyone
    """Nobody waits for this work any more."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the worker is at.

    Args:
        title: Of the present job; "" where there is none.
        step: What its present loop does.
        done: Of its steps.
        total: How many there are, if that is known.
        waiting: Jobs behind it.
    """

    title: str = ""
    step: str = ""
    done: int = 0
    total: int | None = None
    waiting: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is computed."""
        return not self.title


@dataclass(eq=False)
class _Job:
    key: str
    title: str
    work: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)
    waiters: int = 0
    is_abandoned: bool = False


class Worker:
    """A thread with a queue, begun by the first request and ended by `close`."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._jobs: dict[str, _Job] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._state = State()

    @property
    def state(self) -> State:
        """What it is at, and how many jobs wait at this moment."""
        state = self._state
        return state if state.is_idle else replace(state, waiting=len(self._queue))

    @contextmanager
    def asked(self, key: str, title: str, work: Callable[[], Any]) -> Iterator[Future[Any]]:
        """Inside, somebody waits for the answer.

        Args:
            key: Of what is asked; the same question at the same time is answered once.
            title: What people read while it is computed, as in "Explaining bird3.png".
            work: Computes it, in the worker's thread.

        Yields:
            Where the answer will be, or the error, `Abandoned` if the worker is closed.
        """
        with self._condition:
            job = self._jobs.get(key)
            if job is None or job.is_abandoned:
                job = _Job(key=key, title=title, work=work)
                self._put(job)
            job.waiters += 1
        try:
            yield job.future
        finally:
            with self._condition:
                job.waiters -= 1
                if not job.waiters and not job.future.done():
                    self._abandon(job)

    def close(self) -> None:
        """Break off what is computed, refuse what waits, and end the thread, which is left behind if it takes long."""
        with self._condition:
            self._is_closed = True
            for job in list(self._jobs.values()):
                self._abandon(job)
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_PATIENCE_SECONDS)

    def _put(self, job: _Job) -> None:
        if self._is_closed:
            job.future.set_exception(Abandoned())
            return
        self._jobs[job.key] = job
        self._queue.append(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="whynet-worker", daemon=True)
            self._thread.start()
        self._condition.notify()

    def _abandon(self, job: _Job) -> None:
        job.is_abandoned = True
        if job in self._queue:
            self._queue.remove(job)
            self._finish(job)
            job.future.set_exception(Abandoned())

    def _finish(self, job: _Job) -> None:
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]

    def _run(self) -> None:
        while True:
            with self._condition:
                self._state = State()
                while not self._queue and not self._is_closed:
                    self._condition.wait()
                if not self._queue:
                    return
                job = self._queue.popleft()
                self._state = State(title=job.title)
            self._answer(job)

    def _answer(self, job: _Job) -> None:
        def listener(step: str, done: int, total: int | None) -> None:
            if job.is_abandoned:
                raise Abandoned
            self._state = State(title=job.title, step=step, done=done, total=total)

        answer, fault = None, None
        try:
            with listening(listener):
                answer = job.work()
        except BaseException as error:  # whoever waits is told, and the thread goes on
            fault = error
        with self._condition:
            self._finish(job)
        if fault is None:
            job.future.set_result(answer)
        else:
            job.future.set_exception(fault)
