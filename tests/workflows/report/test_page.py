import shutil

import pytest

from whynet.workflows.evaluate import evaluate
from whynet.workflows.report import write_report


@pytest.fixture(scope="module")
def report(coloured_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(coloured_run, folder)
    evaluate(folder, language=False, device="cpu")
    return write_report(folder)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_fits_the_screen_and_asks_for_nothing_else(report, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked, told = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.goto(report.as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.locator("article").count() == 12
    assert page.locator("h1").inner_text().startswith("2 kinds of your own pictures, explained by InterpNET(2)")
    page.close()
