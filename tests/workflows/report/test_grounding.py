import json
import re
import shutil

import pytest

from whynet.base.explanation import Grounding, LayerContribution, UnitContribution
from whynet.workflows.catalogue import open_data
from whynet.workflows.evaluate import evaluate
from whynet.workflows.explainer import Explainer
from whynet.workflows.grounding import ground_gallery
from whynet.workflows.report import write_report
from whynet.workflows.report.grounding import causal_check_of, details

GROUNDING = Grounding(
    layers=(
        LayerContribution(name="feature", contribution=-0.126, share=0.251),
        LayerContribution(name="probabilities", contribution=0.9, share=0.749),
    ),
    units=(
        UnitContribution(layer="probabilities", unit=1, contribution=0.5),
        UnitContribution(layer="feature", unit=3, contribution=-0.0124),
    ),
)


def share(middle, low, high, n):
    return {"share": middle, "low": low, "high": high, "n": n, "mean_log_ratio": -0.4}


def check(named=0.6, other=0.2, low=0.3, high=0.5):
    three = {
        "named_part": share(named, named - 0.1, named + 0.1, 1200),
        "other_part": share(other, other - 0.1, other + 0.1, 1200),
        "difference": {"share": named - other, "low": low, "high": high, "n": 1200},
    }
    return three | {
        "num_images": 300,
        "num_words": 1200,
        "layers": {"feature": 0.7, "probabilities": 0.3},
        "changed_pixels": {"named_part": 0.02, "other_part": 0.031},
        "by_kind": {"part": three, "colour": three},
    }


def test_details_speak_of_layers_classes_and_signs():
    told = details(GROUNDING, ["Tern", "Owl"])
    assert told.bar == "linear-gradient(90deg, var(--layer0) 0.0% 25.1%, var(--layer1) 25.1% 100.0%)"
    assert [(layer.name, layer.share, layer.contribution) for layer in told.layers] == [
        ("feature", "25", "\N{MINUS SIGN}0.13"),
        ("class probabilities", "75", "+0.90"),
    ]
    assert told.units == [("probability of Owl", "+0.500"), ("feature 3", "\N{MINUS SIGN}0.012")]


def test_the_check_tells_what_is_clear():
    found = causal_check_of({"grounding": check()})
    assert (found.named, found.other, found.low, found.high, found.is_clear) == ("60", "20", "30", "50", True)
    assert (found.num_words, found.changed_named, found.changed_other) == ("1,200", "2.0", "3.1")
    assert [(layer.name, layer.share) for layer in found.layers] == [("feature", "70"), ("class probabilities", "30")]
    assert re.findall(r'class="label"[^>]*>([^<]+)', found.chart) == ["All words", "Colours", "Parts and marks"]
    assert not causal_check_of({"grounding": check(low=-0.02)}).is_clear
    assert causal_check_of({"grounding": check(low=-0.02)}).low == "\N{MINUS SIGN}2"


@pytest.mark.parametrize("metrics", [{}, {"grounding": {"layers": {"feature": 1.0}, "missing": "no paint"}}])
def test_a_run_without_the_check_shows_none(metrics):
    assert causal_check_of(metrics) is None


@pytest.fixture(scope="module")
def report(coloured_run, quick_settings, tmp_path_factory):
    """A report of grounded words, with a check that these pictures could not have."""
    folder = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(coloured_run, folder)
    metrics = evaluate(folder, language=False, device="cpu")
    (folder / "metrics.json").write_text(json.dumps(metrics | {"grounding": check()}))
    explainer, test = Explainer(folder, device="cpu"), open_data(quick_settings.data).test
    readings, _ = explainer.read([test[index].image for index in range(len(test))])
    rows = json.loads((folder / "sentences.json").read_text())
    for index, grounding in ground_gallery(explainer, readings, explainer.sentences(readings)).items():
        rows[index]["grounding"] = grounding
    (folder / "sentences.json").write_text(json.dumps(rows))
    return write_report(folder)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_word_tells_where_it_came_from_within_the_screen(report, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900}, has_touch=True)
    page.goto(report.as_uri())
    words = page.locator("article .word")
    assert words.count() >= 3 * 12
    first = words.first
    assert not first.locator(".tip").is_visible()
    first.tap() if width == 390 else first.hover()
    tip = first.locator(".tip")
    assert tip.is_visible()
    told = tip.inner_text()
    assert all(name in told for name in ("feature", "hidden.0", "hidden.1", "class probabilities", "% probable"))
    place, card = tip.bounding_box(), page.locator("article").first.bounding_box()
    below = first.bounding_box()
    assert card["x"] <= place["x"] < place["x"] + place["width"] <= card["x"] + card["width"] <= width
    assert place["y"] >= below["y"] + below["height"] - 2
    shown = page.evaluate("[...document.querySelectorAll('.tip')].filter(tip => tip.checkVisibility()).length")
    assert shown == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_the_page_has_the_check_and_its_layers(report):
    page = report.read_text()
    assert "Do the words come from the picture?" in page
    assert "<strong>60&nbsp;%</strong>" in page
    assert page.count('class="bar named"') == page.count('class="bar other"') == 3
    assert "Which layers the words were read from" in page
