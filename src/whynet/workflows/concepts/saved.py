"""The concepts of a run: one folder a class, each whole or not there.

concepts/<number>-<class>/  config.json, model.safetensors (the module), concepts.json (all that is known of it)
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whynet.base.errors import RunError, StorageError, SubjectError
from whynet.base.files import read_json, write_json_atomically
from whynet.models.saved_network import load_network, save_network
from whynet.models.srae import ExplanationModule
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.workflows.class_folders import class_folder
from whynet.workflows.concepts.names import Suggestion
from whynet.workflows.run import CONCEPTS, Run

DESCRIPTION = "concepts.json"


@dataclass(frozen=True, kw_only=True)
class Concept:
    """What is known of one x-feature.

    Args:
        number: Among the module's, from 0.
        weight: v_n.
        contribution: Mean of v_n E_n over the class's training pictures, in units of the logit.
        suggestion: A name from the parts and attributes of the pictures where it is strong.
        name: That a person gave it.
        stability: Mean correlation with the x-features that other seeds have in its place; None for one seed.
    """

    number: int
    weight: float
    contribution: float
    suggestion: Suggestion | None = None
    name: str | None = None
    stability: float | None = None

    @property
    def title(self) -> str:
        """What it is called: by a person, else by the suggestion, else by its number."""
        if self.name is not None:
            return self.name
        return f"x-feature {self.number + 1}" if self.suggestion is None else self.suggestion.name

    @property
    def is_named(self) -> bool:
        """Whether it has more than a number."""
        return self.name is not None or self.suggestion is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class DescribedConcepts:
    """What is written of the x-features of one class, without the module.

    Args:
        class_index: Among the subject's.
        class_name: Its name.
        layer: Z.
        map_layer: Where heat maps lie.
        data: A digest of the pictures that they were learned from and measured on.
        concepts: In the order of the module's x-features.
        figures: How good they are, by the keys of the results files.
        settings: How they were made.
    """

    class_index: int
    class_name: str
    layer: str
    map_layer: str
    data: str
    concepts: tuple[Concept, ...]
    figures: dict[str, float]
    settings: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassConcepts(DescribedConcepts):
    """The x-features of one class.

    Args:
        module: Encoder, readout and decoder.
    """

    module: ExplanationModule


def save_concepts(run: Run, subject: Subject, own: ClassConcepts) -> None:
    """Write the concepts of a class; raises `StorageError` if that cannot be done, and leaves nothing half-written."""
    folder = class_folder(run, CONCEPTS, own.class_index, own.class_name)
    description = {
        "format": 1,
        "class_index": own.class_index,
        "class": own.class_name,
        "layer": own.layer,
        "map_layer": own.map_layer,
        "data": own.data,
        "network": weights_fingerprint(subject.network),
        "concepts": [asdict(concept) for concept in own.concepts],
        "figures": own.figures,
        "settings": own.settings,
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
            made = Path(temporary) / "made"
            save_network(own.module, made)
            write_json_atomically(made / DESCRIPTION, description)
            if folder.exists():
                folder.replace(Path(temporary) / "old")
            made.replace(folder)
    except OSError as error:
        raise StorageError(f"cannot write {folder} ({error}); free space or choose another folder") from error


def saved_classes(run: Run, class_index: int | None = None) -> list[Path]:
    """The folders of the classes that have concepts, in the order of the classes.

    Args:
        run: Where they lie.
        class_index: Only those whose names begin with the number of this class, if there are any; what a folder holds
            says its description.
    """

    def found(names: str) -> list[Path]:
        paths = (run.folder / CONCEPTS).glob(f"{names}/{DESCRIPTION}")
        return sorted(path.parent for path in paths if not path.parent.name.startswith("."))

    return (found(f"{class_index:04d}*") if class_index is not None else []) or found("*")


def described_concepts(folder: Path) -> DescribedConcepts:
    """What is written of the concepts of a class; nothing but the description is read.

    Args:
        folder: Of `saved_classes`.

    Raises:
        RunError: The description is absent or damaged.
    """
    with _describing(folder):
        return _described(read_json(folder / DESCRIPTION, "the concepts of a class"))


def load_concepts(folder: Path, subject: Subject, *, fingerprint: str | None = None) -> ClassConcepts:
    """The concepts of a class.

    Args:
        folder: Of `saved_classes`.
        subject: The network that they shall explain.
        fingerprint: Its `weights_fingerprint`, where it is known already.

    Raises:
        RunError: A file is absent or damaged, or the concepts were made for another network.
    """
    with _describing(folder):
        description = read_json(folder / DESCRIPTION, "the concepts of a class")
        if description["network"] != (fingerprint or weights_fingerprint(subject.network)):
            raise RunError(
                f"{folder} was made for another network than {subject.name}: its weights differ; make the concepts "
                "again with `whynet concepts`"
            )
        own = _described(description)
        names = subject.class_names
        if not 0 <= own.class_index < len(names) or names[own.class_index] != own.class_name:
            raise ValueError(f"class {own.class_index} is not {own.class_name}")
        module = load_network(ExplanationModule, folder)
        if len(own.concepts) != module.num_features:
            raise ValueError(f"{len(own.concepts)} concepts for {module.num_features} x-features")
        return ClassConcepts(module=module, **vars(own))


@contextmanager
def _describing(folder: Path) -> Iterator[None]:
    """Inside, whatever a description lacks is told in one sentence."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, StorageError, SubjectError) as error:
        raise RunError(
            f"{folder / DESCRIPTION} does not describe concepts ({error}); make them again with `whynet concepts`"
        ) from error


def _described(description: dict[str, Any]) -> DescribedConcepts:
    concepts = tuple(_concept(value) for value in description["concepts"])
    numbers = [concept.number for concept in concepts]
    if numbers != list(range(len(concepts))):
        raise ValueError(f"{len(concepts)} concepts are numbered {numbers}")
    return DescribedConcepts(
        class_index=int(description["class_index"]), class_name=str(description["class"]),
        layer=str(description["layer"]), map_layer=str(description["map_layer"]), data=str(description["data"]),
        concepts=concepts, figures={key: float(value) for key, value in description["figures"].items()},
        settings=dict(description["settings"]),
    )  # fmt: skip


def _concept(value: dict[str, Any]) -> Concept:
    suggestion = value.get("suggestion")
    return Concept(**{**value, "suggestion": None if suggestion is None else Suggestion(**suggestion)})
