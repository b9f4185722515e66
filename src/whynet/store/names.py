"""What concepts are called, and were called before: steps forward and steps back, none of them erased."""

from typing import Any

from sqlalchemy import Connection, select

from whynet.base.errors import SettingError
from whynet.store.appending import append, latest, latest_of_each
from whynet.store.database import Database
from whynet.store.records import Naming
from whynet.store.tables import names
from whynet.store.validity import checked_id, cleaned_name, cleaned_person, folded


class Names:
    """The names of a store. Every method may raise `StorageError`, if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def name(self, concept: str, name: str | None, author: str) -> Naming:
        """Call a concept something else.

        Saying again what it is called already is kept as one more step; an undo goes back past both.

        Args:
            concept: The id of the concept, 1 to 200 printable ASCII characters without spaces.
            name: The name, 1 to 120 characters of any script; None takes the present one away.
            author: Who says so, 1 to 80 characters.

        Returns:
            The step that was added, with the name and the author as they are kept.

        Raises:
            SettingError: Something given is out of its range.
        """
        concept = checked_id(concept, "concept")
        name = None if name is None else cleaned_name(name)
        author = cleaned_person(author, "an author")
        with self._database.writing("names", concept) as connection:
            last = latest(connection, names, concept=concept)
            present = _present(connection, last)
            beneath = None
            if present is not None:
                beneath = present["previous"] if present["name"] == name else present["id"]
            row = append(
                connection, names, last, concept=concept, name=name, author=author, is_undo=False, previous=beneath
            )
        return Naming(**row)

    def undo(self, concept: str, author: str) -> Naming:
        """Go back to what a concept was called before; again, and it goes further back.

        Args:
            concept: The id of the concept.
            author: Who goes back, 1 to 80 characters.

        Returns:
            The step that was added, with the name that holds again (None: no name).

        Raises:
            SettingError: There is nothing to go back to, or something given is out of its range.
        """
        concept = checked_id(concept, "concept")
        author = cleaned_person(author, "an author")
        with self._database.writing("names", concept) as connection:
            last = latest(connection, names, concept=concept)
            present = _present(connection, last)
            if present is None:
                raise SettingError(f"the concept {concept} has no earlier name to go back to; name it instead")
            beneath = present["previous"]
            origin = None if beneath is None else latest(connection, names, id=beneath)
            name = None if origin is None else origin["name"]
            row = append(
                connection, names, last, concept=concept, name=name, author=author, is_undo=True, previous=beneath
            )
        return Naming(**row)

    def current(self) -> dict[str, Naming]:
        """The concepts that have a name, by their ids, in the order of the ids."""
        query = latest_of_each(names, "concept")
        with self._database.asking() as connection:
            found = [Naming(**row) for row in connection.execute(query).mappings()]
        # Sorted here, since databases sort text each in its own way.
        return {naming.concept: naming for naming in sorted(found, key=_concept) if naming.name is not None}

    def latest(self, concept: str) -> Naming | None:
        """The last step of one concept's history, also if it took the name away; None if it never had a name."""
        checked_id(concept, "concept")
        with self._database.asking() as connection:
            row = latest(connection, names, concept=concept)
        return None if row is None else Naming(**row)

    def history(self, concept: str) -> list[Naming]:
        """All steps of one concept's history, oldest first."""
        checked_id(concept, "concept")
        query = select(names).where(names.c.concept == concept).order_by(names.c.time, names.c.id)
        with self._database.asking() as connection:
            return [Naming(**row) for row in connection.execute(query).mappings()]

    def search(self, text: str) -> list[Naming]:
        """The current names that contain `text`, in capital or small letters of any script.

        Args:
            text: What to look for; spaces at its ends do not count, and without more it is in every name.

        Returns:
            In the order of the concepts' ids.
        """
        wanted = folded(text.strip())
        return [naming for naming in self.current().values() if wanted in folded(naming.name or "")]


def _concept(naming: Naming) -> str:
    return naming.concept


def _present(connection: Connection, last: dict[str, Any] | None) -> dict[str, Any] | None:
    """The naming that holds after the step `last`; None if the concept is as it was before it ever had a name."""
    if last is not None and last["is_undo"]:
        last = None if last["previous"] is None else latest(connection, names, id=last["previous"])
    if last is None or (last["name"] is None and last["previous"] is None):
        return None
    return last
