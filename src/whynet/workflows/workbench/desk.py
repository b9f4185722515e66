"""A run on the desk: its network, pictures and concepts, opened when they are first needed.

The network is opened anew when the run changes. What belongs to it is touched by the worker's thread alone.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from whynet.base.errors import AbsentError, RunError, StorageError, SubjectError
from whynet.base.types import Picture
from whynet.data.example import Example
from whynet.models.saved_subject import DESCRIPTION
from whynet.store import Store
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.explainer import Explainer
from whynet.workflows.run import CLASSIFIER, CONCEPTS, EXPLAINER, GRAPH, TREES, Run
from whynet.workflows.settings import TrainSettings
from whynet.workflows.workbench.answers import Answers
from whynet.workflows.workbench.concept_book import ConceptBook
from whynet.workflows.workbench.uploads import Uploads
from whynet.workflows.workbench.whole_run import check_whole
from whynet.workflows.workbench.worker import Worker

_PARTS = (CLASSIFIER, EXPLAINER, CONCEPTS, TREES, GRAPH)
"""The folders of a run on which explanations depend."""
_OF_PARTS = "locality"
"""A figure of concepts that only data with parts have."""
STRUCTURES = {"tree": TREES, "graph": GRAPH}


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """A picture that is looked at.

    Args:
        name: What people call it.
        picture: Itself.
        key: What tells it from others: its place in the test pictures, or what an upload is asked for by.
        example: What the data know of it; None for one that somebody brought.
        true_class: Of the example.
    """

    name: str
    picture: Picture
    key: str
    example: Example | None = None
    true_class: str | None = None

    @property
    def is_kept(self) -> bool:
        """Whether what is computed of it is kept on disk: not what somebody brought."""
        return self.example is not None

    @property
    def title(self) -> str:
        """What everyone may read of it while something is computed."""
        return self.name if self.is_kept else "a picture of one's own"


class Desk:
    """One run, ready to be looked at.

    Args:
        run: Which; its data must still be where they were.
        store: Names, votes and studies.
        device: Where to compute.
        allow: "package.module:function" that may run, where the run explains the user's own network.
        cache: Where computed answers are kept; None: the user's cache folder.

    Raises:
        RunError, StorageError, SubjectError: Its network cannot be opened; see `whole_run`.
    """

    def __init__(
        self, run: Run, store: Store, *, device: str = "auto", allow: str | None = None, cache: Path | None = None
    ) -> None:
        check_whole(run, allow)
        self.run, self.store = run, store
        self.settings = TrainSettings.from_json(run.settings)
        self.book = ConceptBook(run, store)
        self.worker = Worker()
        self.answers = Answers(self.worker, cache)
        self.uploads = Uploads()
        self._device, self._allow = device, allow
        self._explainer: tuple[str, Explainer] | None = None
        self._splits: Splits | None = None

    def close(self) -> None:
        """End the worker; the store stays open."""
        self.worker.close()

    @property
    def title(self) -> str:
        """What the run is called."""
        return self.run.folder.resolve().name

    @property
    def state(self) -> str:
        """A text that changes with anything on which explanations depend."""
        files = []
        for part in _PARTS:
            for path in sorted((self.run.folder / part).rglob("*")):
                name = path.relative_to(self.run.folder)
                if path.suffix not in (".safetensors", ".json") or any(one.startswith(".") for one in name.parts):
                    continue
                with suppress(FileNotFoundError):  # what is just being replaced counts once it is there again
                    found = path.stat()
                    files.append((str(name), found.st_size, found.st_mtime_ns))
        return repr(files)

    @property
    def structures(self) -> list[str]:
        """Which of the run's structures an explanation can add."""
        return [name for name, folder in STRUCTURES.items() if any((self.run.folder / folder).glob("*/*.safetensors"))]

    @property
    def has_concepts(self) -> bool:
        """Whether any class has concepts."""
        return bool(self.book.described())

    @cached_property
    def num_classes(self) -> int:
        """Among how many classes the network chooses; known before it is open."""
        return len(self.run.read(f"{CLASSIFIER}/{DESCRIPTION}")["class_names"])

    @property
    def knows_parts(self) -> bool:
        """Whether the data name parts; before they are open, whether they did when the concepts were measured."""
        if self._splits is not None:
            return bool(self._splits.test.part_names)
        return any(_OF_PARTS in own.figures for own in self.book.described())

    @property
    def has_study(self) -> bool:
        """Whether there are maps that people can be asked about, and parts to tick."""
        return bool(self.book.described()) and self.knows_parts

    @property
    def has_sentences(self) -> bool:
        """Whether the run writes sentences."""
        return self.run.is_complete(EXPLAINER)

    def explainer(self) -> Explainer:
        """The network with all that explains it; for the worker's thread alone.

        Raises:
            RunError: A file of the run is absent or damaged by now.
            SubjectError: The network cannot be built any more as the server was started.
        """
        state = self.state
        if self._explainer is None or self._explainer[0] != state:
            try:
                self._explainer = state, Explainer(self.run, device=self._device, allow=self._allow)
            except SubjectError as error:
                raise SubjectError(f"{error}; then start the server again") from error
            except StorageError as error:
                raise RunError(str(error)) from error  # of the run, not of the store of names and votes
        return self._explainer[1]

    def splits(self) -> Splits:
        """The data of the run; opening them takes a while, so the worker does it first."""
        if self._splits is None:
            self._splits = open_data(self.settings.data, skip_bad=True)
        return self._splits

    @cached_property
    def data_fingerprint(self) -> str:
        """A text that changes with the test pictures."""
        return self.splits().test.fingerprint()

    @property
    def is_open(self) -> bool:
        """Whether the data can be asked without waiting."""
        return self._splits is not None

    def example(self, index: int) -> Shown:
        """A test picture; raises `AbsentError` if there is none of this number."""
        test = self.splits().test
        if not 0 <= index < len(test):
            raise AbsentError(f"test pictures from 0 to {len(test) - 1} were expected, not {index}")
        example = test[index]
        return Shown(
            name=example.name, picture=example.image, key=str(index), example=example,
            true_class=test.class_names[example.label],
        )  # fmt: skip

    def upload(self, token: str) -> Shown:
        """A picture that somebody brought; raises `AbsentError` if it is not held any more."""
        name, picture = self.uploads.get(token)
        return Shown(name=name, picture=picture, key=token)

    def figures(self) -> Mapping[str, object]:
        """What `metrics.json` holds; empty before the run was evaluated."""
        metrics = self.run.read("metrics.json") if (self.run.folder / "metrics.json").is_file() else {}
        return metrics if isinstance(metrics, dict) else {}
