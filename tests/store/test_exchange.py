from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from whynet.base.errors import StorageError
from whynet.store import Added, Records, Store
from whynet.store.database import Database
from whynet.store.exchange import add_all, read_all
from whynet.store.records import Naming

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def naming(number: int, name: str | None, previous: int | None, **others: Any) -> Naming:
    row = Naming(
        id=f"{number:032x}",
        concept="a",
        name=name,
        author="Ada",
        time=START + timedelta(seconds=number),
        is_undo=False,
        previous=None if previous is None else f"{previous:032x}",
    )
    return replace(row, **others)


@pytest.fixture
def add(place: str) -> Any:
    """Adds namings to the store at the place."""
    database = Database(place)

    def run(*names: Naming) -> Added:
        return add_all(database, Records(names=names), lambda kind, index: f"{kind}, row {index + 1}")

    yield run
    database.close()


def fill(store: Store, person: str) -> None:
    for name in ("head", "beak", f"{person}'s"):
        store.names.name("a", name, person)
    store.names.undo("a", person)
    store.names.name(f"{person}s-own", "wing", person)
    store.votes.vote("a", person, True)
    store.votes.vote("a", "both", person == "Ada")
    store.answers.answer("study", person, "item", ("head",))
    store.answers.answer("study", person, "item", ())


def test_two_stores_that_take_each_others_rows_agree(store: Store, other_store: Store) -> None:
    fill(store, "Ada")
    fill(other_store, "Bo")
    here, there = store.records(), other_store.records()

    def add(target: Store, records: Records) -> Added:
        return add_all(target._database, records, lambda kind, index: f"{kind} {index}")

    assert add(store, there) == Added(num_names=5, num_votes=2, num_answers=2)
    assert add(other_store, here) == Added(num_names=5, num_votes=2, num_answers=2)
    assert store.records() == other_store.records()
    assert store.names.current() == other_store.names.current()
    assert store.names.current()["a"].name == "beak"
    assert store.votes.tally("a", "both") == other_store.votes.tally("a", "both")
    assert store.votes.tally("a", "both").own is False  # what Bo's store said was later
    # A second time, there is nothing to add.
    assert add(store, there) == Added(num_names=0, num_votes=0, num_answers=0)
    # Both go on from the same place.
    assert store.names.undo("a", "Cy").name == other_store.names.undo("a", "Cy").name == "head"


def test_older_rows_do_not_become_the_current_ones(store: Store, add: Callable[..., Added]) -> None:
    store.names.name("a", "now", "Ada")
    assert add(naming(1, "long ago", None)) == Added(num_names=1, num_votes=0, num_answers=0)
    assert store.names.current()["a"].name == "now"
    assert [step.name for step in store.names.history("a")] == ["long ago", "now"]


def test_rows_may_come_in_any_order(store: Store, add: Callable[..., Added]) -> None:
    add(naming(3, "head", 1, is_undo=True), naming(2, "beak", 1), naming(1, "head", None))
    assert [step.name for step in store.names.history("a")] == ["head", "beak", "head"]
    assert store.names.undo("a", "Ada").name is None


def test_a_row_that_comes_twice_is_added_once(store: Store, add: Callable[..., Added]) -> None:
    assert add(naming(1, "head", None), naming(1, "head", None)).num_names == 1
    assert add(naming(1, "head", None)).num_names == 0
    assert len(store.records().names) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (naming(1, "other", None), f"row 2: there is another row with the id {1:032x}, and no row is ever overwritten"),
        (naming(3, "head", 9), f"row 2: the naming {9:032x} that it follows is in neither the file nor the store"),
        (naming(3, "head", 1, concept="b"), "row 2: .* is not an earlier naming of the same concept"),
        (naming(3, "head", 1, time=START), "row 2: .* is not an earlier naming of the same concept"),
        (naming(5, "head", 4), "row 2: .* is not an earlier naming of the same concept"),
        (
            naming(5, "beak", 1, is_undo=True),
            "row 2: it goes back to a naming with the name 'head', but has the name 'b",
        ),
        (
            naming(5, "beak", None, is_undo=True),
            "row 2: an undo that goes back to nothing has no name, but it has 'beak'",
        ),
    ],
)
def test_a_bad_row_keeps_all_rows_out(bad: Naming, reason: str, store: Store, add: Callable[..., Added]) -> None:
    add(naming(1, "head", None), naming(2, "beak", 1), naming(4, "head", 1, is_undo=True))
    before = store.records()
    with pytest.raises(StorageError, match=reason):
        add(naming(6, "wing", 1), bad)
    assert store.records() == before


def test_imports_and_votes_at_once(place: str, in_processes: Callable[..., list[Any]]) -> None:
    Store(place).close()

    def vote(person: str) -> bool:
        with Store(place) as store:
            for number in range(10):
                store.names.name("a", f"{person} {number}", person)
            return True

    def take_in(first: int) -> bool:
        database = Database(place)
        for number in range(first, first + 5):
            add_all(database, Records(names=(naming(number, "head", None),)), lambda kind, index: f"{kind} {index}")
        database.close()
        return True

    assert all(
        told is True
        for told in in_processes(
            lambda work, value: work(value), [(vote, "Ada"), (vote, "Bo"), (take_in, 0), (take_in, 50)]
        )
    )
    database = Database(place)
    assert len(read_all(database).names) == 30
    database.close()
