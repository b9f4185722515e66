"""A workbench in a process of its own, and a run for it where none is given."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def serving(
    run: Path, store: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that answers, and its address without a slash at the end; it is ended as by Ctrl-C."""
    command = [str(Path(sys.executable).with_name("whynet")), "serve", str(run), "--port", "0", "--store", store]
    surroundings = {**os.environ, "COLUMNS": "200", **(environment or {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings)
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            sys.exit("the server printed no address; the line above says why")
        _wait_for(found[0], process)
        yield process, found[0].rstrip("/")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            httpx.get(address, timeout=5)
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    sys.exit(f"the server at {address} does not answer; the lines above may say why")


def run_at(given: Path | None, folder: Path) -> Path:
    """The run that was given; without one, two species of painted birds, barely learned, with concepts, in `folder`."""
    if given is not None:
        return given
    from whynet.training.hardware import Hardware
    from whynet.training.settings import ClassifierSettings, ExplainerSettings
    from whynet.training.srae_settings import FitSettings, ModuleSettings
    from whynet.workflows.concepts.finding import find_concepts
    from whynet.workflows.concepts.request import ConceptRequest, LayerSettings
    from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
    from whynet.workflows.train import train

    settings = TrainSettings(
        data=DataSettings(name="birds", num_species=2, image_size=32),
        model=ModelSettings(variant="interpnet1"),
        classifier=ClassifierSettings(epochs=2),
        explainer=ExplainerSettings(epochs=1, captions_per_epoch=1),
    )
    run = train(folder / "run", settings, hardware=Hardware(device="cpu"), progress=False)
    request = ConceptRequest(
        where=LayerSettings(seeds=1), module=ModuleSettings(num_features=3, hidden="12-8"), fit=FitSettings(epochs=2)
    )
    find_concepts(run, request, device="cpu", progress=False)
    return run.folder
