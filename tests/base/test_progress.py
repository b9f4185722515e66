import threading

import pytest

from whynet.base.progress import listening, reporting, track


def test_a_listener_is_told_of_every_step():
    told = []
    with listening(lambda *step: told.append(step)):
        assert list(track("ab", "Reading")) == ["a", "b"]
        assert list(track(iter("c"), "Counting")) == ["c"]
        with reporting("Painting") as on_progress:
            on_progress(1, 4)
    assert told == [
        ("Reading", 0, 2), ("Reading", 1, 2), ("Reading", 2, 2),
        ("Counting", 0, None), ("Counting", 1, None),
        ("Painting", 1, 4),
    ]  # fmt: skip
    list(track("ab", "Reading"))
    assert len(told) == 6


def test_what_a_listener_raises_breaks_the_loop_off():
    def stop(_step, done, _total):
        if done == 1:
            raise InterruptedError

    seen = []
    with listening(stop), pytest.raises(InterruptedError):
        seen.extend(track(range(5), "Reading"))
    assert seen == [0]


def test_other_threads_are_not_heard():
    told = []
    with listening(lambda *step: told.append(step)):
        thread = threading.Thread(target=lambda: list(track("ab", "Elsewhere")))
        thread.start()
        thread.join()
    assert told == []
