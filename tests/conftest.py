"""What all tests share: checked array shapes, one thread, and what is skipped where something is absent.

WHYNET_DATA         the folder of the research data (`cub10`, `animal_parts`); default: shared/data beside the checkout
WHYNET_REQUIRE_ALL  1: a missing optional dependency fails the tests that need it instead of skipping them
WHYNET_POSTGRES     the URL of a PostgreSQL server where the tests may make databases of their own; see .ci/postgres
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from jaxtyping import install_import_hook
from PIL import Image

# Before the first import of whynet: from here on every annotated shape and type is checked in each call.
install_import_hook("whynet", "beartype.beartype")

# What a checked module is the first to import is compiled anew each time: 20 s for these, unless they come before it.
import whynet  # noqa: E402, F401, I001 - declares the operators that the next ones look for
import lightning.pytorch  # noqa: E402, F401
import sklearn.tree  # noqa: E402, F401

from whynet.metrics.java import missing_language_tools  # noqa: E402
from whynet.metrics.meteor import Meteor  # noqa: E402
from whynet.models.convnet import ConvNet  # noqa: E402
from whynet.models.preprocessing import Preprocessing  # noqa: E402
from whynet.models.saved_subject import save_subject  # noqa: E402
from whynet.models.subject import Subject  # noqa: E402
from whynet.training.hardware import Hardware  # noqa: E402
from whynet.training.settings import ClassifierSettings, ExplainerSettings  # noqa: E402
from whynet.workflows.settings import DataSettings, TrainSettings  # noqa: E402
from whynet.workflows.train import train  # noqa: E402

torch.set_num_threads(1)
# A disk or a core that others use too makes any example slow now and then, which says nothing of the code.
hypothesis.settings.register_profile("whynet", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("whynet")
# Not the user's own cache: readings of tests are of no use to anyone else.
os.environ.setdefault("WHYNET_CACHE", str(Path(__file__).parents[1] / ".cache" / "whynet"))


@pytest.fixture(scope="session")
def language_tools() -> None:
    """Asked for by every test that starts Java: skips it with the reason where Java or a jar is absent."""
    reason = missing_language_tools()
    if reason is None:
        return
    if os.environ.get("WHYNET_REQUIRE_ALL") == "1":
        pytest.fail(f"WHYNET_REQUIRE_ALL is set, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def meteor(language_tools: None) -> Iterator[Meteor]:
    """One METEOR for all tests: each takes seconds to start."""
    with Meteor() as running:
        yield running


class BorrowedMeteor:
    """Scores with the one METEOR of all tests, and takes note of being closed."""

    def __init__(self, meteor: Meteor) -> None:
        self.score = meteor.score
        self.times_closed = 0

    def close(self) -> None:
        self.times_closed += 1


@pytest.fixture
def lent(meteor: Meteor, monkeypatch: pytest.MonkeyPatch) -> list[BorrowedMeteor]:
    """What `LanguageMetrics` starts in this test, in place of Java processes of its own."""
    started: list[BorrowedMeteor] = []

    def start() -> BorrowedMeteor:
        started.append(BorrowedMeteor(meteor))
        return started[-1]

    monkeypatch.setattr("whynet.metrics.language.Meteor", start)
    return started


@pytest.fixture(scope="session")
def cub10_root() -> Path:
    """The folder of ten species of CUB-200-2011, in the standard layout."""
    return _research_data("cub10")


@pytest.fixture(scope="session")
def animal_parts_root() -> Path:
    """The folder of the ILSVRC 2013 Animal-Part crops."""
    return _research_data("animal_parts")


def _research_data(name: str) -> Path:
    # Never a failure: research data may not be distributed with the code.
    folder = Path(os.environ.get("WHYNET_DATA") or Path(__file__).parents[2] / "shared" / "data") / name
    if not folder.is_dir():
        pytest.skip(f"no research data at {folder}; set WHYNET_DATA to the folder that holds {name}")
    return folder


@pytest.fixture(scope="session")
def coloured_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one's own in the imagefolder form: red tiles and blue tiles with captions, in seconds to learn."""
    root = tmp_path_factory.mktemp("coloured")
    for split, count in (("train", 12), ("validation", 6), ("test", 6)):
        rows = []
        for name, colour in (("red tile", (200, 30, 30)), ("blue tile", (30, 30, 200))):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                shade = tuple(min(255, channel + 4 * number) for channel in colour)
                side = (20 + number, 24)  # no two of one size
                Image.new("RGB", side, shade).save(root / split / name / f"{number}.png")
                word = name.split()[0]
                captions = [f"this tile is {word} all over.", f"a small {word} square."]
                rows.append({"file_name": f"{name}/{number}.png", "captions": captions})
        (root / split / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.fixture(scope="session")
def quick_settings(coloured_pictures: Path) -> TrainSettings:
    """Settings under which `coloured_pictures` are learned in seconds."""
    return TrainSettings(
        data=DataSettings(name="folder", root=str(coloured_pictures), image_size=16),
        classifier=ClassifierSettings(epochs=4, batch_size=8),
        explainer=ExplainerSettings(
            epochs=40,
            patience=40,
            plateau_patience=5,
            batch_size=4,
            learning_rate=1e-2,
            embedding_size=8,
            hidden_size=24,
            projection_size=16,
            dropout=0.0,
        ),
    )


@pytest.fixture(scope="session")
def brief_settings(quick_settings: TrainSettings) -> TrainSettings:
    """The same, broken off after three epochs, for tests that ask only what is trained."""
    return replace(
        quick_settings,
        classifier=replace(quick_settings.classifier, epochs=3),
        explainer=replace(quick_settings.explainer, epochs=3),
    )


@pytest.fixture(scope="session")
def coloured_run(quick_settings: TrainSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on `coloured_pictures`; read it, do not change it."""
    folder = tmp_path_factory.mktemp("runs") / "coloured"
    train(folder, quick_settings, hardware=Hardware(device="cpu"), progress=False)
    return folder


@pytest.fixture(scope="session")
def saved_convnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved subject with chance weights and three classes; it sees the middle of a picture. Read it, no more."""
    torch.manual_seed(0)
    subject = Subject(
        ConvNet(3, widths=(4, 6), hidden=(8,)),
        class_names=("red tile", "blue tile", "Żółw 3"),
        preprocess=Preprocessing(height=24, width=24, fit="crop"),
    )
    folder = tmp_path_factory.mktemp("subjects") / "convnet"
    save_subject(subject, folder)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium that may open files alone; skips the test with the reason where there is none."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        reason = "no Chromium on the PATH; install the package chromium"
        if os.environ.get("WHYNET_REQUIRE_ALL") == "1":
            pytest.fail(f"WHYNET_REQUIRE_ALL is set, but there is {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=quiet)
        yield chromium
        chromium.close()
