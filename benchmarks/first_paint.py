"""How long a person waits for the page of a picture in the workbench, in real Chromium.

`paint` is the browser's first contentful paint, when the picture and its page are there; `explained` is when all that
explains the picture is there, too. Both in seconds from the click on by the browser's own clock, the median of the
rounds with the least and the most:

    cold    the server has just answered for the first time, and nothing was ever computed of the run
    kept    the server has just answered for the first time, and answers are kept on disk
    warm    the server has shown this picture before

`ratios` holds the medians of `paint` over the aims: 3 s cold, 1 s warm.

    python benchmarks/first_paint.py --run runs/demo --json runs/bench/first_paint.json
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.figures import give, machine
from harness.workbench_server import run_at, serving
from playwright.sync_api import Browser, sync_playwright

AIMS = {"cold": 3.0, "kept": 3.0, "warm": 1.0}
ROUNDS = 5
PICTURE = "/images/3"
QUIET = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
PAINT = """new Promise(resolve => new PerformanceObserver((list, observer) => {
    const found = list.getEntriesByName("first-contentful-paint")[0];
    if (found) { observer.disconnect(); resolve(found.startTime / 1000); }
}).observe({type: "paint", buffered: true}))"""


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--run", type=Path, help="a run with concepts; without one, a small one is made")
    found.add_argument("--rounds", type=int, default=ROUNDS)
    found.add_argument("--quick", action="store_true", help="one round, to see that all works")
    found.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return found


def main() -> None:
    """Measure the three ways in each round."""
    asked = parser().parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium was expected on the PATH, but there is none; install the package chromium")
    seen: dict[str, list[tuple[float, float]]] = {way: [] for way in AIMS}
    with tempfile.TemporaryDirectory() as own, sync_playwright() as playwright:
        folder = Path(own)
        run = run_at(asked.run, folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        for number in range(1 if asked.quick else asked.rounds):
            store, cache = str(folder / f"{number}.db"), {"WHYNET_CACHE": str(folder / f"cache{number}")}
            with serving(run, store, cache) as (_, address):
                seen["cold"].append(looked(browser, address))
                seen["warm"].append(looked(browser, address))
            with serving(run, store, cache) as (_, address):
                seen["kept"].append(looked(browser, address))
        browser.close()
    figures = {way: {"paint": spread([one[0] for one in found]), "explained": spread([one[1] for one in found])}
               for way, found in seen.items()}  # fmt: skip
    give(
        {
            "machine": machine(), "versions": {"whynet": version("whynet"), "playwright": version("playwright")},
            "seconds": figures,
            "ratios": {f"{way}.paint": {key: value / AIMS[way] for key, value in own["paint"].items()}
                       for way, own in figures.items()},
        },
        asked.json,
    )  # fmt: skip


def looked(browser: Browser, address: str) -> tuple[float, float]:
    """Open the page as somebody who was never there: seconds until the first paint and until all is explained."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(address + PICTURE, wait_until="commit")
    page.locator(".reasons").wait_for()
    explained: float = page.evaluate("performance.now() / 1000")
    paint: float = page.evaluate(PAINT)
    context.close()
    return paint, explained


def spread(values: list[float]) -> dict[str, Any]:
    """The median, the least and the most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


if __name__ == "__main__":
    main()
