"""Who trusts which concept: one vote a person and concept, the earlier ones kept."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, case, func, null, select

from whynet.store.appending import append, latest, latest_of_each
from whynet.store.database import Database
from whynet.store.records import Tally, Vote
from whynet.store.tables import votes
from whynet.store.validity import checked_id, checked_vote, cleaned_person


class Votes:
    """The votes of a store. Every method may raise `StorageError`, if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def vote(self, concept: str, voter: str, trusted: bool | None) -> Vote:
        """Say whether one trusts a concept; it takes the place of what the same person said before.

        Args:
            concept: The id of the concept, 1 to 200 printable ASCII characters without spaces.
            voter: Who votes, 1 to 80 characters.
            trusted: Whether the person trusts the concept; None withdraws the vote.

        Returns:
            The vote as it is kept.

        Raises:
            SettingError: Something given is out of its range.
        """
        concept = checked_id(concept, "concept")
        voter = cleaned_person(voter, "a voter")
        trusted = checked_vote(trusted)
        with self._database.writing("votes", concept, voter) as connection:
            last = latest(connection, votes, concept=concept, voter=voter)
            return Vote(**append(connection, votes, last, concept=concept, voter=voter, trusted=trusted))

    def tallies(self, voter: str | None = None) -> dict[str, Tally]:
        """The current votes on each concept, counted.

        Args:
            voter: Whose own votes to tell as well.

        Returns:
            By the concepts' ids, in their order; concepts without a vote are absent.

        Raises:
            SettingError: No voter can be called that.
        """
        return self._tallies(None, voter)

    def tally(self, concept: str, voter: str | None = None) -> Tally:
        """The current votes on one concept, counted; as `tallies`, but zeros where there is no vote."""
        found = self._tallies(checked_id(concept, "concept"), voter)
        return found.get(concept) or Tally(concept=concept, num_trusted=0, num_distrusted=0, own=None)

    def current(self, concept: str | None = None) -> list[Vote]:
        """The votes that count, on one concept or on all, oldest first and without those that were withdrawn."""
        query = latest_of_each(votes, "concept", "voter", where=_on(concept))
        with self._database.asking() as connection:
            found = [Vote(**row) for row in connection.execute(query).mappings()]
        return sorted((vote for vote in found if vote.trusted is not None), key=lambda vote: (vote.time, vote.id))

    def history(self, concept: str) -> list[Vote]:
        """All votes that were ever given on a concept, oldest first, withdrawals among them."""
        query = select(votes).where(*_on(concept)).order_by(votes.c.time, votes.c.id)
        with self._database.asking() as connection:
            return [Vote(**row) for row in connection.execute(query).mappings()]

    def _tallies(self, concept: str | None, voter: str | None) -> dict[str, Tally]:
        query = _tally_query(concept is not None, voter is not None)
        given = {"concept": concept, "voter": None if voter is None else cleaned_person(voter, "a voter")}
        with self._database.asking() as connection:
            rows = sorted(connection.execute(query, given).all(), key=lambda row: str(row[0]))
        return {
            concept: Tally(
                concept=concept,
                num_trusted=num_trusted,
                num_distrusted=num_distrusted,
                own=None if told is None else bool(told),
            )
            for concept, num_trusted, num_distrusted, told in rows
        }


@cache
def _tally_query(is_of_one: bool, tells_own: bool) -> Select[Any]:
    """Of the concept :concept or of all, and with the vote of :voter; built once."""
    where = (votes.c.concept == bindparam("concept"),) if is_of_one else ()
    latest_votes = latest_of_each(votes, "concept", "voter", where=where).subquery()
    vote = latest_votes.c
    own: ColumnElement[Any] = null()
    if tells_own:
        is_own = vote.voter == bindparam("voter")
        own = case((and_(is_own, vote.trusted.is_(True)), 1), (is_own, 0), else_=null())
    return (
        select(
            vote.concept,
            func.sum(case((vote.trusted.is_(True), 1), else_=0)),
            func.sum(case((vote.trusted.is_(False), 1), else_=0)),
            func.max(own.cast(Integer)),
        )
        .where(vote.trusted.is_not(None))
        .group_by(vote.concept)
    )


def _on(concept: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if concept is None else (votes.c.concept == checked_id(concept, "concept"),)
