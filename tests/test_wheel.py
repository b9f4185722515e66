"""The wheel as a stranger gets it: everything is inside, and it works where the repository is not."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

import whynet

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT],
        env=os.environ | {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")},
        check=True,
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def stranger(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the wheel, its language extra, and nothing else."""
    folder = tmp_path_factory.mktemp("stranger")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    constraints = ["--constraint", ROOT / "constraints.txt"]
    subprocess.run(
        [folder / "bin/python", "-m", "pip", "install", "--quiet", *constraints, f"{wheel}[language]"], check=True
    )
    return folder / "bin"


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    process = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = f"whynet-{whynet.__version__}.dist-info"
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*") if path.is_file()}
    sources = {path for path in sources if "__pycache__" not in path}
    assert {path for path in names if not path.startswith(f"{info}/")} == sources
    assert "whynet/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names


def test_the_wheels_metadata_is_valid_and_names_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"whynet-{whynet.__version__}.dist-info/METADATA")
    metadata = Metadata.from_email(text, validate=True)
    assert (metadata.name, str(metadata.version)) == ("whynet", whynet.__version__)
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.license_files == ["LICENSE"]
    assert metadata.description == (ROOT / "README.md").read_text()


def test_the_installed_wheel_is_imported_from_its_own_environment(stranger: Path, tmp_path: Path) -> None:
    told = run(stranger / "python", "-c", "import whynet; print(whynet.__version__, whynet.__file__)", cwd=tmp_path)
    imported_version, file = told.split()
    assert imported_version == whynet.__version__
    assert Path(file).is_relative_to(stranger.parent)


def test_the_installed_command_prints_its_help(stranger: Path, tmp_path: Path) -> None:
    assert "Usage: whynet" in run(stranger / "whynet", "--help", cwd=tmp_path)


def test_the_installed_command_explains(
    stranger: Path, tmp_path: Path, coloured_run: Path, coloured_pictures: Path
) -> None:
    picture = coloured_pictures / "test" / "red tile" / "2.png"
    told = run(stranger / "whynet", "explain", coloured_run, picture, "--json", "-", cwd=tmp_path)
    (explanation,) = json.loads(told)
    assert explanation["text"].startswith("This is an image of a red tile because ")
    run(stranger / "whynet", "evaluate", _copy(coloured_run, tmp_path / "run"), cwd=tmp_path)
    assert "<article" in (tmp_path / "run" / "report.html").read_text()
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["language"]["coco"]["meteor"] > 0


def _copy(folder: Path, copy: Path) -> Path:
    return Path(shutil.copytree(folder, copy))
