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


@pytest.mark.parametrize("name", ["tutorial.md", "data.md"])
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
    table = runpy.run_path(str(ROOT / "results" / "table.py"))["table"]
    files = sorted((ROOT / "results").glob("demo-*.json"))
    assert files
    for path in files:
        assert table(json.loads(path.read_text())) in (ROOT / "README.md").read_text(), path.name
