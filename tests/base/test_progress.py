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


@pytest.fixture
def clock(monkeypatch):
    """A clock that each item moves on."""
    now = [0.0]
    monkeypatch.setattr("whynet.base.progress.time.monotonic", lambda: now[0])
    return now


def test_where_no_bar_can_be_drawn_a_long_loop_tells_how_far_it_is(clock, capsys):
    for _ in track(range(8), "Reading"):
        clock[0] += 10
    for _ in track(iter(range(8)), "Counting"):
        clock[0] += 10
    assert capsys.readouterr().err.splitlines() == ["Reading: 3 of 8", "Reading: 6 of 8", "Counting: 3", "Counting: 6"]
    with reporting("Painting") as on_progress:
        for done in range(8):
            on_progress(done, 8)
            clock[0] += 10
    assert capsys.readouterr().err.splitlines() == ["Painting: 3 of 8", "Painting: 6 of 8"]


def test_a_short_loop_says_nothing(capsys):
    list(track(range(100), "Reading"))
    assert capsys.readouterr().err == ""


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
