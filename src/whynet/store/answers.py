"""What people see in the items of a study: one answer a person and item, the earlier ones kept."""

from collections.abc import Sequence

from sqlalchemy import select

from whynet.store.appending import append, latest, latest_of_each
from whynet.store.database import Database
from whynet.store.records import Answer
from whynet.store.tables import answers
from whynet.store.validity import checked_id, cleaned_parts, cleaned_person

_KEY = ("study", "person", "item")


class Answers:
    """The study answers of a store. Every method may raise `StorageError`, if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answer(self, study: str, person: str, item: str, parts: Sequence[str]) -> Answer:
        """Keep which parts a person sees in an item; it takes the place of the same person's answer before.

        Args:
            study: The id of the study, 1 to 200 printable ASCII characters without spaces.
            person: Who answers, 1 to 80 characters.
            item: The id of the item, as that of the study.
            parts: The parts that were ticked, each 1 to 120 characters and each once; may be none.

        Returns:
            The answer as it is kept.

        Raises:
            SettingError: Something given is out of its range.
        """
        key = {
            "study": checked_id(study, "study"),
            "person": cleaned_person(person, "a person"),
            "item": checked_id(item, "study's item"),
        }
        kept = cleaned_parts(parts)
        with self._database.writing("answers", *key.values()) as connection:
            last = latest(connection, answers, **key)
            return Answer(**append(connection, answers, last, **key, parts=kept))

    def current(self, study: str) -> list[Answer]:
        """The answers of a study that count, one a person and item, oldest first."""
        query = latest_of_each(answers, *_KEY, where=(answers.c.study == checked_id(study, "study"),))
        with self._database.asking() as connection:
            found = [Answer(**row) for row in connection.execute(query).mappings()]
        return sorted(found, key=lambda answer: (answer.time, answer.id))

    def latest(self, study: str, person: str, item: str) -> Answer | None:
        """A person's answer that counts for an item; None where there is none. Raises as `answer`."""
        key = {
            "study": checked_id(study, "study"),
            "person": cleaned_person(person, "a person"),
            "item": checked_id(item, "study's item"),
        }
        with self._database.asking() as connection:
            row = latest(connection, answers, **key)
        return None if row is None else Answer(**row)

    def answered(self, study: str, person: str) -> frozenset[str]:
        """The ids of the items that a person has answered, to go on with the others; raises as `answer`."""
        query = select(answers.c.item).where(
            answers.c.study == checked_id(study, "study"), answers.c.person == cleaned_person(person, "a person")
        )
        with self._database.asking() as connection:
            return frozenset(connection.execute(query.distinct()).scalars())

    def history(self, study: str) -> list[Answer]:
        """All answers that were ever given in a study, oldest first."""
        query = select(answers).where(answers.c.study == checked_id(study, "study"))
        with self._database.asking() as connection:
            rows = connection.execute(query.order_by(answers.c.time, answers.c.id)).mappings()
            return [Answer(**row) for row in rows]

    def studies(self) -> list[str]:
        """The ids of the studies that have answers, in their order."""
        with self._database.asking() as connection:
            return sorted(connection.execute(select(answers.c.study).distinct()).scalars())
