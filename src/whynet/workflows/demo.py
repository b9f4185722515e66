"""`whynet demo`: the whole journey on painted birds, in minutes on two cores."""

from pathlib import Path
from typing import Any

from whynet.base.errors import MissingDependencyError, RunError, SettingError
from whynet.base.files import write_bytes_atomically
from whynet.base.image import to_png
from whynet.metrics.java import missing_language_tools
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings, ExplainerSettings
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.catalogue import open_data
from whynet.workflows.concepts.finding import find_concepts
from whynet.workflows.concepts.request import ConceptRequest, LayerSettings
from whynet.workflows.evaluate import METRICS, evaluate
from whynet.workflows.report import report_concepts, write_report
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train

NUM_PICTURES = 8
NUM_CHECKED = 100
"""Test pictures whose words are put to the causal check: fewer than usual, so that the demo takes minutes."""


def demo_settings(seed: int) -> TrainSettings:
    """InterpNET(2) on painted birds, smaller and shorter than in the paper so that it takes minutes, not hours."""
    return TrainSettings(
        data=DataSettings(name="birds", data_seed=seed),
        model=ModelSettings(variant="interpnet2", seed=seed),
        classifier=ClassifierSettings(epochs=18, batch_size=64, plateau_patience=1),
        explainer=ExplainerSettings(
            epochs=18, batch_size=64, learning_rate=4e-3, plateau_patience=1, captions_per_epoch=1, views=2,
            embedding_size=128, hidden_size=192, projection_size=192,
        ),
    )  # fmt: skip


def demo_concepts() -> ConceptRequest:
    """X-features of every class, by smaller modules than in the paper, whose layer is eight times as long."""
    return ConceptRequest(
        where=LayerSettings(seeds=2),
        module=ModuleSettings(hidden="200-50", q=10.0, beta=2.0),
        fit=FitSettings(epochs=15),
    )


def run_demo(
    folder: Path, *, seed: int = 0, hardware: Hardware | None = None, fresh: bool = False, progress: bool = True
) -> tuple[Run, dict[str, Any]]:
    """Train, evaluate, find concepts, report, and put a few test pictures into the run to be explained.

    Args:
        folder: Of the run; one that holds a demo that was broken off is gone on with.
        seed: Of everything random.
        hardware: Where to train.
        fresh: Remove the run that is there first.
        progress: Whether progress bars are shown.

    Returns:
        The run and what its `metrics.json` holds.

    Raises:
        MissingDependencyError: The extra "language" is not installed.
        RunError: The folder holds a run that is not this demo.
    """
    if reason := missing_language_tools():
        raise MissingDependencyError(reason)
    begun = (folder / "run.json").exists()
    settings = demo_settings(seed)
    if begun and fresh:
        Run.open(folder).remove()
        begun = False
    if begun and not _is_of(Run.open(folder), settings):
        raise RunError(f"{folder} holds another run; name another --out, or remove it with --fresh")
    run = train(folder, settings, hardware=hardware, resume=begun, progress=progress)
    device = (hardware or Hardware()).device
    metrics = run.read(METRICS) if run.is_complete("report") else evaluate(run, device=device, num_checked=NUM_CHECKED)
    if not run.is_complete("report"):
        find_concepts(run, demo_concepts(), device=device, progress=progress)
        with run.stage("report"):
            _save_pictures(run, settings)
            write_report(run)
            report_concepts(run, device=device)
        metrics["seconds"] = run.seconds()
        run.write(METRICS, metrics)
    return run, metrics


def _is_of(run: Run, settings: TrainSettings) -> bool:
    """Whether a run has these settings; what its version did not know yet has its default."""
    try:
        return TrainSettings.from_json(run.settings) == settings
    except SettingError:
        return False


def _save_pictures(run: Run, settings: TrainSettings) -> None:
    """A few test pictures as files, so that `whynet explain` has something to explain."""
    test = open_data(settings.data).test
    (run.folder / "pictures").mkdir(exist_ok=True)
    step = len(test) // NUM_PICTURES
    for number in range(NUM_PICTURES):
        example = test[number * step]
        write_bytes_atomically(run.folder / "pictures" / f"bird{number + 1}.png", to_png(example.image))
