"""A run with everything that the workbench shows, small enough to be made in seconds, and servers for it."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from whynet.store import Store
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings, ExplainerSettings
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.web.app import create_app
from whynet.workflows.concepts.finding import find_concepts
from whynet.workflows.concepts.request import ConceptRequest, LayerSettings
from whynet.workflows.evaluate import evaluate
from whynet.workflows.run import CONCEPTS, EXPLAINER, Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train
from whynet.workflows.workbench.desk import Desk

TOKEN = "a-token-of-twenty-characters"
REQUEST = ConceptRequest(
    where=LayerSettings(seeds=1), module=ModuleSettings(num_features=3, hidden="12-8"), fit=FitSettings(epochs=2)
)


@pytest.fixture(scope="session")
def bird_run(tmp_path_factory) -> Path:
    """Two species of painted birds, barely learned, with sentences, figures and concepts; read it, do not change it."""
    settings = TrainSettings(
        data=DataSettings(name="birds", num_species=2, image_size=32),
        model=ModelSettings(variant="interpnet1"),
        classifier=ClassifierSettings(epochs=2, batch_size=32),
        explainer=ExplainerSettings(
            epochs=1, batch_size=32, embedding_size=8, hidden_size=16, projection_size=16, captions_per_epoch=1
        ),
    )
    folder = tmp_path_factory.mktemp("runs") / "birds"
    run = train(folder, settings, hardware=Hardware(device="cpu"), progress=False)
    find_concepts(run, REQUEST, device="cpu", progress=False)
    evaluate(folder, language=False, device="cpu", num_checked=2)
    return folder


@pytest.fixture
def own_run(bird_run, tmp_path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(bird_run, tmp_path / "run")
    return tmp_path / "run"


@dataclass(frozen=True)
class Bench:
    """A desk behind a client that asks without a network."""

    desk: Desk
    client: TestClient

    def concept(self, place: int = 0) -> str:
        """The id of a concept."""
        return str(self.desk.book.classes()[0].concepts[place].id)

    def as_person(self, name: str) -> None:
        """Say who is at the browser."""
        assert self.client.post("/person", data={"name": name}).status_code in (200, 303)


@pytest.fixture
def bench(own_run, tmp_path) -> Iterator[Bench]:
    with Store(own_run / "workbench.db") as store:
        desk = Desk(Run.open(own_run), store, device="cpu", cache=tmp_path / "cache")
        app = create_app(desk)
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            yield Bench(desk, client)


@pytest.fixture
def address(own_run, tmp_path) -> Iterator[str]:
    """The address of a server of its own, for browsers that change something."""
    with _serving(own_run, tmp_path / "cache") as own:
        yield own


@pytest.fixture(scope="module")
def shared_address(bird_run, tmp_path_factory) -> Iterator[str]:
    """The address of one server for all that only look."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copytree(bird_run, folder / "run")
    with _serving(folder / "run", folder / "cache") as own:
        yield own


@pytest.fixture
def bare_address(own_run, tmp_path) -> Iterator[str]:
    """The address of a server of a run that has a classifier and nothing else."""
    shutil.rmtree(own_run / CONCEPTS)
    shutil.rmtree(own_run / EXPLAINER)
    record = json.loads((own_run / "run.json").read_text())
    del record["stages"][EXPLAINER]
    (own_run / "run.json").write_text(json.dumps(record))
    with _serving(own_run, tmp_path / "cache") as own:
        yield own


@pytest.fixture
def guarded_port(own_run, tmp_path) -> Iterator[int]:
    """The port of a server that a token guards."""
    with _serving(own_run, tmp_path / "cache", token=TOKEN) as own:
        yield int(own.rpartition(":")[2])


@contextmanager
def _serving(run: Path, cache: Path, token: str | None = None) -> Iterator[str]:
    with Store(run / "workbench.db") as store:
        desk = Desk(Run.open(run), store, device="cpu", cache=cache)
        server = uvicorn.Server(
            uvicorn.Config(create_app(desk, token=token), port=0, log_level="warning", timeout_graceful_shutdown=2)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server ended before it began"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive(), "the server does not end"
