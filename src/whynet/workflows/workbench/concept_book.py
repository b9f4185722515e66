"""The concepts of a run with what people say of them: their names, and whether they trust them.

Nothing is computed: the run's descriptions and the store are read, so that pages answer at once.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from whynet.base.errors import AbsentError
from whynet.store import Store
from whynet.store.records import Naming, Tally
from whynet.workflows.concepts.saved import Concept, DescribedConcepts, described_concepts, saved_classes
from whynet.workflows.run import Run
from whynet.workflows.workbench.concept_id import ConceptId

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownConcept:
    """One x-feature, what the run knows of it, and what people say.

    Args:
        id: Its address.
        class_name: Of the class that it is a reason for.
        concept: As the run describes it, with the name that people gave it last.
        naming: Who named it when; None where nobody did, or the name was taken back.
        tally: The present votes, one a person.
        stability_floor: Of the class, beside which the concept's stability is read; None where it was not measured.
    """

    id: ConceptId
    class_name: str
    concept: Concept
    naming: Naming | None
    tally: Tally
    stability_floor: float | None = None

    @property
    def title(self) -> str:
        """What it is called."""
        return self.concept.title

    @property
    def suggested(self) -> str | None:
        """What the parts of the pictures suggest, if anything."""
        return None if self.concept.suggestion is None else self.concept.suggestion.name


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownClass:
    """The concepts of one class.

    Args:
        described: What the run says.
        concepts: Those of `described`, in the order of the module's x-features.
        digest: Of the module.
    """

    described: DescribedConcepts
    concepts: tuple[KnownConcept, ...]
    digest: str

    @property
    def index(self) -> int:
        """Of the class."""
        return self.described.class_index

    @property
    def name(self) -> str:
        """Of the class."""
        return self.described.class_name

    @property
    def weightiest(self) -> list[KnownConcept]:
        """The concepts, the one that adds most on average first."""
        return sorted(self.concepts, key=lambda known: -known.concept.contribution)


class ConceptBook:
    """The concepts of a run, by their classes and ids.

    Args:
        run: With or without concepts; it may change meanwhile.
        store: What people say.
    """

    def __init__(self, run: Run, store: Store) -> None:
        self.run, self.store = run, store
        self._read: dict[Path, tuple[tuple[int, int], DescribedConcepts, str]] = {}

    def classes(self, person: str = "") -> list[KnownClass]:
        """All classes that have concepts, in their order.

        Args:
            person: Whose own votes are told beside the numbers.

        Raises:
            RunError: A description is damaged.
        """
        return self._classes(saved_classes(self.run), person)

    def _classes(self, folders: Sequence[Path], person: str = "") -> list[KnownClass]:
        names, tallies = self.store.names.current(), self.store.votes.tallies(person or None)
        nobody = Tally(concept="", num_trusted=0, num_distrusted=0, own=None)
        found = [
            KnownClass(
                described=described, digest=digest,
                concepts=tuple(_known(described, own, names.get(str(own)), tallies.get(str(own), nobody))
                               for own in _ids(described, digest)),
            )
            for described, digest in map(self._described, folders)
        ]  # fmt: skip
        return sorted(found, key=lambda own: own.index)

    def described(self) -> list[DescribedConcepts]:
        """What the run says of its classes, without asking the store what people say."""
        return [self._described(folder)[0] for folder in saved_classes(self.run)]

    def class_of(self, index: int) -> KnownClass:
        """One class; raises `AbsentError` if it has no concepts."""
        found = next((own for own in self._classes(saved_classes(self.run, index)) if own.index == index), None)
        if found is None:
            raise AbsentError(f"class {index} of {self.run.folder.name} has no concepts; see the list of classes")
        return found

    def concept(self, text: str, person: str = "") -> KnownConcept:
        """One concept by its id.

        Args:
            text: As the id is written.
            person: Whose own vote is told.

        Raises:
            SettingError: This is no id.
            AbsentError: There is no such concept, or its module was trained again since.
        """
        described, wanted = self._found(text)
        naming, tally = self.store.names.latest(str(wanted)), self.store.votes.tally(str(wanted), person or None)
        has_name = naming is not None and naming.name is not None
        return _known(described, wanted, naming if has_name else None, tally)

    def id_of(self, text: str) -> ConceptId:
        """The id of a concept that is there, without asking the store; raises as `concept` does."""
        return self._found(text)[1]

    def name(self, concept: str, name: str | None, author: str) -> None:
        """Name a concept, or take its name away; where it has none, that is no step of its history.

        Args:
            concept: Its id, as in the store.
            name: None takes the present one away.
            author: Who says so.

        Raises:
            SettingError: The name or the author is out of its range.
        """
        if name is None:
            present = self.store.names.latest(concept)
            if present is None or present.name is None:
                return
        self.store.names.name(concept, name, author)

    def concept_and_class(self, text: str, person: str = "") -> tuple[KnownConcept, KnownClass]:
        """One concept among those of its class; raises as `concept` does."""
        wanted = ConceptId.parse(text)
        for own in self._classes(saved_classes(self.run, wanted.class_index), person):
            for known in own.concepts:
                if known.id == wanted:
                    return known, own
        raise self._absent(wanted)

    def _found(self, text: str) -> tuple[DescribedConcepts, ConceptId]:
        wanted = ConceptId.parse(text)
        for folder in saved_classes(self.run, wanted.class_index):
            described, digest = self._described(folder)
            if wanted in _ids(described, digest):
                return described, wanted
        raise self._absent(wanted)

    def _absent(self, wanted: ConceptId) -> AbsentError:
        return AbsentError(
            f"there is no concept {wanted} in {self.run.folder.name}; if its class was explained anew, it has other "
            "concepts now"
        )

    def search(self, query: str) -> tuple[list[KnownClass], list[KnownConcept]]:
        """Classes and concepts whose names hold all words of a query, in any case."""
        words = folded(query).split()
        if not words:
            return [], []
        classes = self.classes()
        of_classes = [own for own in classes if _holds(own.name, words)]
        concepts = [
            known
            for own in classes
            for known in own.concepts
            if known.concept.is_named and _holds(f"{known.title} {known.suggested or ''}", words)
        ]
        return of_classes, concepts

    def _described(self, folder: Path) -> tuple[DescribedConcepts, str]:
        """A class's description, read again where its module has changed."""
        state = (folder / WEIGHTS).stat()
        mark = state.st_mtime_ns, state.st_size
        if folder not in self._read or self._read[folder][0] != mark:
            digest = blake2b((folder / WEIGHTS).read_bytes(), digest_size=4).hexdigest()
            self._read[folder] = mark, described_concepts(folder), digest
        return self._read[folder][1:]


def _ids(described: DescribedConcepts, digest: str) -> list[ConceptId]:
    """Of all x-features of a class, in their order."""
    return [
        ConceptId(class_index=described.class_index, number=concept.number, digest=digest)
        for concept in described.concepts
    ]


def _known(described: DescribedConcepts, own: ConceptId, naming: Naming | None, tally: Tally) -> KnownConcept:
    concept = next(concept for concept in described.concepts if concept.number == own.number)
    return KnownConcept(
        id=own, class_name=described.class_name, naming=naming, tally=tally,
        stability_floor=described.figures.get("stability_floor"),
        concept=concept if naming is None else replace(concept, name=naming.name),
    )  # fmt: skip


def folded(text: str) -> str:
    """Text as it is compared: without case, and composed in one way."""
    return unicodedata.normalize("NFKC", text).casefold()


def _holds(text: str, words: Sequence[str]) -> bool:
    return all(word in folded(text) for word in words)
