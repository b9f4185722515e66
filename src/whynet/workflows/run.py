"""The Run: a folder where everything trained or computed lands and from where everything later reads it.

    run.json      what was asked for, the whynet version, and which stages are complete
    classifier/   the subject: subject.json, config.json, model.safetensors, training.json
    interpnet/    the explainer: config.json, model.safetensors, vocabulary.json, training.json; the baseline's
                  class_embedding/
    concepts/     one folder a class: config.json, model.safetensors, concepts.json, page.html; and index.html
    tree/         one folder a class: tree.json, tree.safetensors, figures.json
    graph/        one folder a class: graph.json, graph.safetensors, graph.graphml, figures.json, page.html
    sentences.json, metrics.json, filters.json, report.html, filters.html, tree.html, graph.html

JSON and safetensors, never a pickle. While a stage is unfinished its checkpoints, torch's own files, lie in
checkpoints/; they are read as data alone (`weights_only`) and removed at the stage's end.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import whynet
from whynet.base.errors import RunError, StorageError
from whynet.base.files import read_json, write_json_atomically

FORMAT = 1
CLASSIFIER, EXPLAINER = "classifier", "interpnet"
"""The stages of training, and the folders of the run that they fill."""
CONCEPTS = "concepts"
"""The stage and the folder of named concepts, one folder a class within."""
FILTERS = "filters.json"
"""What was measured of the classifier's filters."""
FILTERS_PAGE = "filters.html"
"""The same with pictures."""
TREES, TREES_PAGE = "tree", "tree.html"
"""The folder of decision trees, one folder a class within, and the page that draws them."""
GRAPH = "graph"
"""The stage and the folder of explanatory graphs, one folder a class within."""
GRAPH_PAGE = "graph.html"
"""All of them at a glance."""
CLASS_EMBEDDING = f"{EXPLAINER}/class_embedding"
"""The class embedding of the baseline Generating Visual Explanations; no other run has one."""
PROBE = "probe.json"
"""What adversarial images do to the run's explanations."""
CONTENTS = (
    "run.json", CLASSIFIER, EXPLAINER, CONCEPTS, "checkpoints", "pictures", "sentences.json", "metrics.json",
    "report.html", FILTERS, FILTERS_PAGE, TREES, TREES_PAGE, GRAPH, GRAPH_PAGE, PROBE,
)  # fmt: skip
"""All that a run consists of."""


@dataclass(frozen=True)
class Run:
    """A run folder.

    Args:
        folder: Where it lies.
    """

    folder: Path

    @classmethod
    def create(cls, folder: Path, settings: dict[str, Any]) -> "Run":
        """Make a new run folder; raises `RunError` or `StorageError` if it cannot be one."""
        cls.check_free(folder)
        run = cls(folder)
        record = {"format": FORMAT, "whynet": whynet.__version__, "settings": settings, "stages": {}}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the folder {folder} ({error}); choose another --out") from error
        write_json_atomically(run.record_path, record)
        return run

    @classmethod
    def check_free(cls, folder: Path) -> None:
        """Raise `RunError` unless a new run can be made in `folder`: it is absent or empty."""
        if cls(folder).record_path.exists():
            raise RunError(f"{folder} holds a run already; go on with --resume, or choose another --out")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder} is not an empty folder, and a run needs one of its own; choose another --out")

    def remove(self) -> None:
        """Delete the files of the run and no others; the folder goes if nothing is left in it."""
        for name in CONTENTS:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Open a run folder; raises `RunError` if it is absent, damaged, or from a newer version."""
        run = cls(Path(folder))
        if not run.record_path.exists():
            raise RunError(f"{folder} holds no run.json; a run is made by `whynet train` or `whynet demo`")
        run.record()
        return run

    @property
    def record_path(self) -> Path:
        """`run.json`."""
        return self.folder / "run.json"

    def record(self) -> dict[str, Any]:
        """What `run.json` says."""
        record = read_json(self.record_path, "a run")
        if not isinstance(record, dict) or not isinstance(record.get("format"), int):
            raise RunError(f"{self.record_path} does not describe a run; train it again")
        if record["format"] > FORMAT:
            raise RunError(
                f"{self.folder} was written by whynet {record.get('whynet')}, whose format {record['format']} is newer "
                f"than {FORMAT}, the newest that whynet {whynet.__version__} reads; update whynet"
            )
        if not isinstance(record.get("settings"), dict) or not isinstance(record.get("stages"), dict):
            raise RunError(f"{self.record_path} lacks its settings or stages; train it again")
        return record

    @property
    def settings(self) -> dict[str, Any]:
        """What the run was asked for."""
        settings: dict[str, Any] = self.record()["settings"]
        return settings

    def is_complete(self, stage: str) -> bool:
        """Whether a stage has ended."""
        return stage in self.record()["stages"]

    @property
    def to_go_on(self) -> str:
        """The command by which a run that was broken off goes on."""
        return f"`whynet train --out {self.folder} --resume`"

    def check_classifier(self) -> None:
        """Raise `RunError` unless there is a trained classifier."""
        if not self.is_complete(CLASSIFIER):
            raise RunError(f"{self.folder} has no trained classifier yet; go on with {self.to_go_on}")

    def complete(self, stage: str, seconds: float, **counts: int) -> None:
        """Mark a stage as complete, with what it counted."""
        record = self.record()
        record["stages"][stage] = {"seconds": round(seconds, 3), **counts}
        write_json_atomically(self.record_path, record)

    @contextmanager
    def stage(self, name: str) -> Iterator[Path]:
        """One stage: yields a folder for its checkpoints, and marks the stage complete if it ends without an error."""
        checkpoints = self.folder / "checkpoints" / name
        begin = time.perf_counter()
        yield checkpoints
        self.complete(name, time.perf_counter() - begin)
        shutil.rmtree(checkpoints, ignore_errors=True)
        if checkpoints.parent.exists() and not any(checkpoints.parent.iterdir()):
            checkpoints.parent.rmdir()

    def seconds(self) -> float:
        """Seconds that the complete stages took in all; a stage that was broken off counts from its resumption."""
        return round(sum(float(stage["seconds"]) for stage in self.record()["stages"].values()), 3)

    def read(self, name: str) -> Any:
        """A JSON file of the run; raises `RunError` if it is absent or damaged."""
        return read_json(self.folder / name, "part of a run")

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file of the run, whole or not at all."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomically(path, value)
