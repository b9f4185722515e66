"""What the README and the documentation show is true: examples run, pictures and links are there."""

import json
import re
import runpy
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


def blocks(page: Path) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))


EXECUTED = [
    "tutorial.md", "data.md", "attribution.md", "concepts.md", "filters.md", "trees.md", "graph.md", "metrics.md",
]  # fmt: skip
"""Pages with examples in Python."""


def test_every_page_with_examples_is_executed():
    assert sorted(EXECUTED) == sorted(page.name for page in (ROOT / "docs").glob("*.md") if blocks(page))


@pytest.fixture
def beside_a_demo(coloured_run, coloured_pictures, tmp_path, monkeypatch):
    """A folder with a run and pictures where the demo would have them, in which examples may write to runs/."""
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(coloured_run, "runs/demo")
    Path("runs/demo/pictures").mkdir()
    shutil.copy(coloured_pictures / "test" / "red tile" / "1.png", "runs/demo/pictures/bird1.png")
    before = set(tmp_path.iterdir()) | {tmp_path / "cache"}
    yield
    assert set(tmp_path.iterdir()) <= before, "an example writes beside runs/, which git does not ignore"


@pytest.mark.parametrize("name", EXECUTED)
def test_the_examples_of_a_page_run(name, beside_a_demo):
    code = blocks(ROOT / "docs" / name)
    assert "whynet" in code
    exec(compile(code.replace("Painted Finch 1", "red tile"), name, "exec"), {})


def test_every_example_in_python_is_one_that_runs():
    for page in PAGES:
        assert re.findall(r"^```(?!python$)(py.*)$", page.read_text(), re.MULTILINE) == [], page.name


def test_commands_that_are_shown_write_where_git_ignores_it():
    ignored = re.findall(r"^/([\w-]+)/$", (ROOT / ".gitignore").read_text(), re.MULTILINE)
    assert "runs" in ignored
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for folder in re.findall(r"^whynet .*--out ([\w-]+)(?=/|\s|$)", page.read_text(), re.MULTILINE):
            assert folder in ignored, f"{page.name}: --out {folder}"


def test_the_readmes_example_runs(coloured_run, coloured_pictures, tmp_path):
    code = blocks(ROOT / "README.md").replace('"runs/demo"', repr(str(coloured_run)))
    code = code.replace('"runs/demo/pictures/bird1.png"', repr(str(coloured_pictures / "test" / "red tile" / "1.png")))
    shown, rest = code.split("run = ")
    exec(compile(shown, "README.md", "exec"), {})
    assert "metrics.json" in rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_and_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    assert "PLACEHOLDER" not in text
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_the_readmes_figures_are_those_of_the_results():
    tables = runpy.run_path(str(ROOT / "results" / "table.py"))
    assert tables["SHOWN"]
    for study in tables["SHOWN"]:
        assert tables["table"](study) in (ROOT / "README.md").read_text(), study


def filled(text):
    """A page with its results, as mkdocs shows it."""
    return runpy.run_path(str(ROOT / "results" / "documentation.py"))["on_page_markdown"](text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_results_are_whole_tables(page):
    text = filled(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE))
    assert not re.search(r"^<!-- (?!end)\w+ [\w-]+.*-->$", text, re.MULTILINE)
    for table in re.findall(r"(?:^ *\|.*\n)+", text, re.MULTILINE):
        lines = table.strip().split("\n")
        assert re.fullmatch(r" *\|(?: ?:?-+:? ?\|)+", lines[1]), table
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, table


def test_the_results_page_shows_every_study_once():
    text = (ROOT / "docs" / "results.md").read_text()
    named = re.findall(r"<!-- tables ([\w-]+) -->", text)
    files = sorted(path.stem for path in (ROOT / "results").glob("*.json") if not path.stem.startswith("demo-"))
    assert sorted(named) == files
    page = filled(text)
    assert "<!-- tables" not in page
    assert "<svg" in page
    for file in files:
        assert json.loads((ROOT / "results" / f"{file}.json").read_text())["command"] in page
