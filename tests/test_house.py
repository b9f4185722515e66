"""What holds for the house as a whole: its files, its names, its commands, and what importing it costs."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import whynet

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src/whynet").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
VAGUE_NAMES = re.compile(r"utils?|helpers?|common|misc|managers?|handlers?")
HEAVY = {
    "lightning", "torchmetrics", "torchvision", "typer", "jinja2", "cv2", "pycocoevalcap", "huggingface_hub", "scipy",
    "timm", "transformers", "captum", "matplotlib", "sqlalchemy", "alembic", "psycopg", "fastapi", "starlette",
    "uvicorn", "krippendorff",
}  # fmt: skip


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def makefile_recipes() -> dict[str, list[str]]:
    """The commands of each target, without the leading @ and with $(BIN) written out."""
    recipes: dict[str, list[str]] = {}
    commands: list[str] = []
    for line in (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin").splitlines():
        if target := re.match(r"([a-z]+):(?!=)", line):
            commands = recipes.setdefault(target[1], [])
        elif line.startswith("\t"):
            commands.append(line.strip().removeprefix("@"))
    return recipes


def unsafe_loads(code: str) -> list[str]:
    """What in `code` could run a stranger's program while reading a stranger's file."""
    unsafe = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in unsafe]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if node.module and node.module.split(".")[0] in unsafe else []
            found += (
                ["from torch import load"] if node.module == "torch" and "load" in {a.name for a in node.names} else []
            )
        elif isinstance(node, ast.Call):
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            function = ast.unparse(node.func)
            if function == "torch.load" and options.get("weights_only") != "True":
                found.append(ast.unparse(node))
            if options.get("allow_pickle", "False") != "False":
                found.append(ast.unparse(node))
    return found


def test_importing_whynet_imports_nothing_heavy() -> None:
    code = "import sys, whynet; print(*{name.split('.')[0] for name in sys.modules})"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(process.stdout.split())


def test_the_newest_version_of_the_changelog_is_the_codes() -> None:
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == whynet.__version__


def test_no_source_file_is_longer_than_300_lines() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_no_source_path_has_a_vague_name() -> None:
    words = {name(path): re.split(r"[/_.]", name(path)) for path in SOURCES}
    assert [path for path, parts in words.items() if any(VAGUE_NAMES.fullmatch(part) for part in parts)] == []


def test_tests_sit_on_the_same_paths_as_the_sources() -> None:
    astray = []
    for path in TESTS:
        inside = path.relative_to(ROOT / "tests")
        source = ROOT / "src/whynet" / inside.parent / inside.stem.removeprefix("test_")
        if len(inside.parts) > 1 and not (source.with_suffix(".py").is_file() or (source / "__init__.py").is_file()):
            astray.append(name(path))
    assert astray == []


def test_every_package_says_what_it_is() -> None:
    folders = {path.parent for path in SOURCES}
    silent = [
        name(folder)
        for folder in sorted(folders)
        if not (folder / "__init__.py").is_file()
        or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    ]
    assert silent == []


def test_no_source_file_loads_what_could_run() -> None:
    assert {name(path): found for path in SOURCES if (found := unsafe_loads(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("code", "is_safe"),
    [
        ("import pickle", False),
        ("from joblib import load", False),
        ("from torch import load", False),
        ("torch.load(path)", False),
        ("torch.load(path, weights_only=False)", False),
        ("np.load(path, allow_pickle=True)", False),
        ("np.load(path, allow_pickle=flag)", False),
        ("np.load(path, allow_pickle=False)", True),
        ("torch.load(path, weights_only=True)", True),
        ("json.load(file)", True),
    ],
)
def test_what_could_run_is_recognised(code: str, is_safe: bool) -> None:
    assert (unsafe_loads(code) == []) == is_safe


def test_the_readmes_make_commands_exist() -> None:
    commands = set(re.findall(r"(?:^(?:\$ )?|`)make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= commands
    assert commands <= set(makefile_recipes())


def test_every_make_target_is_listed_by_make_help() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^make ([a-z]+)", listed, re.MULTILINE)) == set(makefile_recipes())


def test_pre_commit_runs_the_first_steps_of_make_check() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert entries == makefile_recipes()["check"][: len(entries)]
    assert len(entries) == 4


def test_every_constraint_is_exact_and_names_no_build() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert lines == sorted(lines, key=str.lower)
    assert not [line for line in lines if re.match(r"nvidia|cuda|triton", line)]


def test_every_direct_dependency_is_installed_as_constrained() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines if not line.startswith("#"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    names = {re.split(r"[^\w.-]", need)[0].lower().replace("_", "-") for need in needs} - {"whynet"}
    installed = {need: version(need).split("+")[0] for need in names}
    assert installed == {need: pins.get(need) for need in names}
