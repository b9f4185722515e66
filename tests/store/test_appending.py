"""What is acknowledged is kept, and the latest counts, whatever happens to the process or the clock."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from random import Random
from typing import Any

import pytest

from whynet.store import Naming, Records, Store, Vote
from whynet.store.exchange import add_all


def test_every_acknowledged_write_survives_the_death_of_the_writer(
    place: str, start_process: Callable[..., Any]
) -> None:
    Store(place).close()
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def write() -> None:
        with Store(place) as store:
            for number in count():
                sender.send(store.votes.vote(f"concept{number}", "Ada", True))
                sender.send(store.names.name("one", f"name {number}", "Ada"))

    writer = start_process(write)
    sender.close()
    acknowledged: list[Any] = [receiver.recv() for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(60)
    assert writer.exitcode == -signal.SIGKILL
    with pytest.raises(EOFError):
        while True:
            acknowledged.append(receiver.recv())
    receiver.close()
    with Store(place) as store:
        kept = store.records()
        assert {row.id for row in acknowledged} <= {row.id for row in (*kept.names, *kept.votes)}
        assert len(kept.names) + len(kept.votes) <= len(acknowledged) + 1
        store.votes.vote("after", "Ada", True)


def test_the_last_that_was_said_counts_though_the_clock_was_set_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        hours = 0

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2026, 1, 31, 12, tzinfo=UTC) - timedelta(hours=cls.hours)

    monkeypatch.setattr("whynet.store.appending.datetime", Clock)
    for hours, trusted in ((0, True), (1, False), (2, True), (2, False)):
        Clock.hours = hours
        store.votes.vote("a", "Ada", trusted)
    assert store.votes.tally("a", "Ada").own is False
    assert [vote.trusted for vote in store.votes.history("a")] == [True, False, True, False]
    start = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert [(vote.time - start).microseconds for vote in store.votes.history("a")] == [0, 1, 2, 3]


def test_of_rows_at_one_time_the_greater_id_counts(store: Store) -> None:
    """As a plain loop finds it, over votes with few times, concepts and people, as they may meet in imports."""
    drawn = Random(0)
    rows = [
        Vote(
            id=f"{drawn.getrandbits(128):032x}",
            concept=drawn.choice("ab"),
            voter=drawn.choice(("Ada", "Bo", "Cy")),
            trusted=drawn.choice((True, False, None)),
            time=datetime(2026, 1, 31, hour, tzinfo=UTC),
        )
        for hour in drawn.choices(range(3), k=60)
    ]
    names = [
        Naming(
            id=f"{drawn.getrandbits(128):032x}", concept="a", name=f"name {number}", author="Ada", is_undo=False,
            time=datetime(2026, 1, 31, tzinfo=UTC), previous=None,
        )
        for number in range(20)
    ]  # fmt: skip
    everything = Records(names=tuple(names), votes=tuple(rows), answers=())
    add_all(store._database, everything, lambda kind, index: f"{kind} {index}")
    last: dict[tuple[str, str], Vote] = {}
    for row in sorted(rows, key=lambda row: (row.time, row.id)):
        last[row.concept, row.voter] = row
    expected = [row for row in last.values() if row.trusted is not None]
    assert sorted(store.votes.current(), key=lambda row: row.id) == sorted(expected, key=lambda row: row.id)
    named = max(names, key=lambda row: row.id)
    assert store.names.latest("a") == store.names.current()["a"] == named
    for concept in "ab":
        tally = store.votes.tally(concept, "Bo")
        said = [row.trusted for row in expected if row.concept == concept]
        assert (tally.num_trusted, tally.num_distrusted) == (said.count(True), said.count(False))
        assert tally.own == last[concept, "Bo"].trusted
