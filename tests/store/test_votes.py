from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from whynet.base.errors import SettingError
from whynet.store import Store, Tally


def test_votes_are_counted_with_ones_own(store: Store) -> None:
    for concept, voter, trusted in (("a", "Ada", True), ("a", "Bo", False), ("a", "Cy", True), ("b", "Bo", True)):
        vote = store.votes.vote(concept, voter, trusted)
        assert (vote.concept, vote.voter, vote.trusted) == (concept, voter, trusted)
    assert store.votes.tallies() == {
        "a": Tally(concept="a", num_trusted=2, num_distrusted=1, own=None),
        "b": Tally(concept="b", num_trusted=1, num_distrusted=0, own=None),
    }
    assert {concept: tally.own for concept, tally in store.votes.tallies("Bo").items()} == {"a": False, "b": True}
    assert {concept: tally.own for concept, tally in store.votes.tallies(" Cy ").items()} == {"a": True, "b": None}
    assert store.votes.tally("a", "Bo") == Tally(concept="a", num_trusted=2, num_distrusted=1, own=False)
    assert store.votes.tally("c", "Bo") == Tally(concept="c", num_trusted=0, num_distrusted=0, own=None)


def test_a_second_vote_takes_the_place_of_the_first_which_is_kept(store: Store) -> None:
    first = store.votes.vote("a", "Ada", True)
    second = store.votes.vote("a", "Ada", False)
    assert store.votes.tally("a", "Ada") == Tally(concept="a", num_trusted=0, num_distrusted=1, own=False)
    assert store.votes.history("a") == [first, second]
    assert store.votes.current("a") == [second]
    assert second.time > first.time


def test_a_vote_is_withdrawn(store: Store) -> None:
    store.votes.vote("a", "Ada", True)
    store.votes.vote("a", "Ada", None)
    assert store.votes.tallies("Ada") == {}
    assert store.votes.current() == []
    assert [vote.trusted for vote in store.votes.history("a")] == [True, None]
    store.votes.vote("a", "Ada", True)
    assert store.votes.tally("a", "Ada").own is True


def test_current_votes_of_all_concepts(store: Store) -> None:
    votes = [store.votes.vote(concept, "Ada", True) for concept in ("b", "a", "c")]
    assert store.votes.current() == votes
    assert store.votes.current("b") == votes[:1]
    assert store.votes.history("d") == []


@pytest.mark.parametrize(
    ("concept", "voter", "trusted", "reason"),
    [
        ("", "Ada", True, "the id of a concept"),
        ("a", "", True, "a voter has 1 to 80 characters"),
        ("a", "Ada\u202e", True, "turns the direction of writing"),
    ],
)
def test_votes_that_are_refused(concept: str, voter: str, trusted: bool, reason: str, store: Store) -> None:
    with pytest.raises(SettingError, match=reason):
        store.votes.vote(concept, voter, trusted)
    assert store.records().votes == ()
    with pytest.raises(SettingError, match="a voter has"):
        store.votes.tallies("")
    with pytest.raises(SettingError, match="id of a concept"):
        store.votes.tally(" ")


def test_no_vote_is_lost_among_many_at_once(place: str, in_processes: Callable[..., list[Any]]) -> None:
    Store(place).close()

    def vote(person: int) -> list[str]:
        with Store(place) as store, ThreadPoolExecutor(4) as threads:
            # Two of the threads vote for the same person on the same concept, the others for people of their own.
            voters = [("shared", "same person"), (f"c{person}", "same person"), ("shared", f"person {person}")] * 8
            kept = threads.map(lambda voter: store.votes.vote(*voter, len(voter[0]) % 2 == 0).id, voters)
            return list(kept)

    acknowledged = in_processes(vote, [(person,) for person in range(3)])
    assert all(isinstance(ids, list) for ids in acknowledged), acknowledged
    with Store(place) as store:
        votes = store.records().votes
        assert sorted(vote.id for vote in votes) == sorted(row for ids in acknowledged for row in ids)
        assert len(votes) == 3 * 24
        assert store.votes.tally("shared").num_trusted == 4
        for key in {(vote.concept, vote.voter) for vote in votes}:
            times = [vote.time for vote in votes if (vote.concept, vote.voter) == key]
            assert len(set(times)) == len(times)
