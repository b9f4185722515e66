import json
import shutil
from dataclasses import replace

import pytest

from whynet.workflows.evaluate import evaluate
from whynet.workflows.report import write_report
from whynet.workflows.report.page import _page
from whynet.workflows.report.rendering import rendered
from whynet.workflows.run import Run


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


def changed(folder, **files):
    """Change JSON files of a run, each by a function; "classifier_subject" is classifier/subject.json."""
    for name, change in files.items():
        path = folder / f"{name.replace('_', '/')}.json"
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))


def test_without_an_explainer_none_is_named(report, tmp_path):
    copy = shutil.copytree(report.parent, tmp_path / "my run")
    changed(
        copy,
        sentences=lambda rows: [row.update(words=[], grounding=[]) for row in rows],
        metrics=lambda values: values["missing"].update(sentences="the run has no explainer"),
    )
    text = write_report(copy).read_text()
    assert "<h1>2 kinds of your own pictures, told apart by convnet</h1>" in text
    assert "InterpNET" not in text
    assert f"<code>whynet explain &#39;{copy}&#39; PICTURE</code>" in text


def test_code_of_ones_own_is_named_in_title_and_command(report, tmp_path):
    copy = shutil.copytree(report.parent, tmp_path / "run")
    changed(
        copy,
        run=lambda values: values["settings"]["model"].update(subject="mynets:build", layers="conv1"),
        classifier_subject=lambda values: values.update(network="mynets:build"),
    )
    text = write_report(copy).read_text()
    assert "<h1>2 kinds of your own pictures, explained by InterpNET(2) on mynets:build</h1>" in text
    assert f"<code>whynet explain {copy} PICTURE --subject mynets:build</code>" in text
    changed(copy, sentences=lambda rows: [row.update(words=[]) for row in rows])
    assert "<h1>2 kinds of your own pictures, told apart by mynets:build</h1>" in write_report(copy).read_text()


def test_percent_signs_stand_off_their_numbers(report, tight_percents):
    assert "\N{NO-BREAK SPACE}%" in report.read_text()
    assert tight_percents(report.read_text()) == []


def test_where_words_are_struck_out_it_says_what_they_are_checked_against(report):
    told = "a crown is not a head"
    assert told not in report.read_text()  # nobody knows what is true of these pictures
    page = _page(Run.open(report.parent), skip_bad=False)
    assert told in rendered("report.html.jinja", "report.css", page=replace(page, marked=True))
