"""What the README and the documentation show is true: examples run, pictures and links are there."""

import json
import re
import runpy
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


@pytest.mark.parametrize("name", EXECUTED)
def test_the_examples_of_a_page_run(name, tmp_path, monkeypatch):
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path))
    code = blocks(ROOT / "docs" / name)
    assert "whynet" in code
    exec(compile(code, name, "exec"), {})


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


def test_the_results_page_shows_every_study_once():
    fill = runpy.run_path(str(ROOT / "results" / "documentation.py"))["on_page_markdown"]
    text = (ROOT / "docs" / "results.md").read_text()
    named = re.findall(r"<!-- tables ([\w-]+) -->", text)
    files = sorted(path.stem for path in (ROOT / "results").glob("*.json") if not path.stem.startswith("demo-"))
    assert sorted(named) == files
    page = fill(text)
    assert "<!-- tables" not in page
    assert "<svg" in page
    for file in files:
        assert json.loads((ROOT / "results" / f"{file}.json").read_text())["command"] in page
