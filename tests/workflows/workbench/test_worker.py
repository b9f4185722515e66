import threading

import pytest

from whynet.base.progress import track
from whynet.workflows.workbench.worker import Abandoned, Worker

WAIT = 120


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.close()


class Gate:
    """Work that tells when it has begun, and goes on when it is let."""

    def __init__(self, steps=1):
        self.begun, self.open, self.steps, self.runs = threading.Event(), threading.Event(), steps, 0

    def __call__(self):
        self.runs += 1
        for _ in track(range(self.steps), "Waiting"):
            self.begun.set()
            assert self.open.wait(WAIT)
        return self.steps


def test_what_is_asked_at_the_same_time_is_computed_once(worker):
    gate = Gate()
    with worker.asked("a", "One", gate) as first, worker.asked("a", "One", gate) as second:
        assert first is second
        gate.open.set()
        assert first.result(WAIT) == 1
    assert gate.runs == 1


def test_pages_see_what_is_computed_and_what_waits(worker):
    gate = Gate(steps=3)
    with worker.asked("a", "One", gate) as first, worker.asked("b", "Two", lambda: 2) as second:
        assert gate.begun.wait(WAIT)
        state = worker.state
        assert (state.title, state.step, state.done, state.total, state.waiting) == ("One", "Waiting", 0, 3, 1)
        gate.open.set()
        assert (first.result(WAIT), second.result(WAIT)) == (3, 2)
    with worker.asked("c", "Three", lambda: 3) as third:
        assert third.result(WAIT) == 3


def test_work_that_nobody_waits_for_is_broken_off_at_its_next_step(worker):
    gate = Gate(steps=1000)
    with worker.asked("a", "One", gate) as future:
        assert gate.begun.wait(WAIT)
    gate.open.set()
    assert isinstance(future.exception(WAIT), Abandoned)


def test_work_that_nobody_waits_for_is_never_begun(worker):
    gate, never = Gate(), Gate()
    with worker.asked("a", "One", gate) as first:
        assert gate.begun.wait(WAIT)
        with worker.asked("b", "Two", never) as second:
            pass
        assert isinstance(second.exception(WAIT), Abandoned)
        gate.open.set()
        assert first.result(WAIT) == 1
    assert never.runs == 0


def test_work_goes_on_while_one_of_two_still_waits(worker):
    gate = Gate(steps=2)
    with worker.asked("a", "One", gate) as future:
        with worker.asked("a", "One", gate):
            assert gate.begun.wait(WAIT)
        gate.open.set()
        assert future.result(WAIT) == 2


def test_an_error_reaches_whoever_waits_and_the_next_work_is_done(worker):
    def fail():
        raise KeyError("no")

    with worker.asked("a", "One", fail) as future:
        assert isinstance(future.exception(WAIT), KeyError)
    with worker.asked("a", "One", lambda: 1) as future:
        assert future.result(WAIT) == 1


def test_a_closed_worker_refuses_and_ends():
    worker = Worker()
    gate = Gate(steps=1000)
    with worker.asked("a", "One", gate) as running, worker.asked("b", "Two", Gate()) as waiting:
        assert gate.begun.wait(WAIT)
        gate.open.set()
        worker.close()
        assert isinstance(running.exception(WAIT), Abandoned)
        assert isinstance(waiting.exception(WAIT), Abandoned)
    with worker.asked("c", "Three", lambda: 3) as late:
        assert isinstance(late.exception(WAIT), Abandoned)
