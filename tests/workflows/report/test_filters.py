"""The page of a run's filters: what it shows, what it escapes, and that the report links to it."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from whynet.data.birds import dataset
from whynet.metrics.part_interpretability import discs
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings
from whynet.workflows.evaluate import evaluate
from whynet.workflows.filters.run_filters import filters_of_run
from whynet.workflows.report import report_filters, write_report
from whynet.workflows.report.filter_pictures import NUM_STRONGEST, FilterPictures
from whynet.workflows.report.filters import NUM_DRAWN, NUM_SUREST, drawn, figures, part_bars
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train

SETTINGS = TrainSettings(
    data=DataSettings(name="birds", num_species=2, image_size=64, roll=45.0),
    model=ModelSettings(network="alexnet", width=0.1, interpretable=True),
    classifier=ClassifierSettings(epochs=1, batch_size=8),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The measured filters of a run that was hardly trained, and has a report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_CLASS", {"train": 8, "validation": 2, "test": 12})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("runs") / "run"
        run = train(folder, SETTINGS, hardware=Hardware(device="cpu"), explainer=False, progress=False)
        evaluate(run.folder, language=False, device="cpu")
        write_report(run)
        yield filters_of_run(run.folder, device="cpu")


@pytest.fixture(scope="module")
def page(measured):
    assert "filters.html" not in (measured.run.folder / "report.html").read_text()
    path = report_filters(measured)
    assert path == measured.run.folder / "filters.html"
    return path.read_text()


@pytest.fixture(scope="module")
def pictures(measured):
    return FilterPictures(measured.subject, measured.measured)


def test_surest_and_drawn_filters_are_shown_each_once_with_its_maps(measured, page):
    shown = re.findall(r'class="feature" id="f(\d+)"', page)
    firing = [own for own in measured.measured.filters if own["category"] >= 0]
    sure = min(NUM_SUREST, sum(bool(own["part_interpretability"]) for own in firing))
    assert len(shown) == len(set(shown)) == sure + min(NUM_DRAWN, len(firing) - sure)
    for caption in ("before ReLU", "after ReLU", "after the mask"):
        assert page.count(f">{caption}<") == len(shown)
    assert page.count("<tr>") == 1 + len(measured.measured.filters)


def test_the_report_links_to_the_page_that_links_back(measured, page):
    assert 'href="filters.html"' in (measured.run.folder / "report.html").read_text()
    assert 'href="report.html"' in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_strongest_places_are_those_of_the_maps(measured, pictures):
    """Against all maps at once."""
    examples = measured.measured.examples
    images = measured.subject.preprocess([examples[row].image for row in range(len(examples))])
    caught = []
    handle = measured.subject.layer(measured.measured.layer).register_forward_hook(
        lambda _module, _inputs, output: caught.append(output)
    )
    measured.subject.logits(images)
    handle.remove()
    flat = caught[0].flatten(2)
    peaks, units = flat.max(2)
    for number in (0, 3, flat.shape[1] - 1):
        expected = sorted(((float(peaks[row, number]), row) for row in range(len(examples))), reverse=True)
        found = pictures.strongest(number)
        assert [place.value for place in found] == pytest.approx([v for v, _ in expected[:NUM_STRONGEST] if v > 0])
        assert all(place.unit == int(units[place.row, number]) for place in found)
    maxima = peaks.amax(0)
    weighed = (caught[0] / maxima.clamp_min(1e-12)[:, None, None]).sum(1).flatten(1)
    geometry = measured.measured.geometry
    fields = discs(geometry.centres, geometry.radius, (64, 64), (8, 8)).float().flatten(1)
    heat = pictures.spread_over([0, 5], cells=8)
    for cell in range(64):
        inside = fields[:, cell] > 0
        if not bool(inside.any()):  # no unit looks at this corner
            assert not bool(heat.flatten(1)[:, cell].any())
            continue
        assert torch.allclose(heat.flatten(1)[:, cell], weighed[[0, 5]][:, inside].mean(1), atol=1e-4), cell


def test_filters_that_fire_everywhere_alike_have_a_flat_heat(measured, pictures, monkeypatch):
    of_layer = measured.measured
    rows, columns = of_layer.geometry.centres.shape[:2]
    flat = torch.ones(len(of_layer.filters), rows, columns)
    monkeypatch.setattr(pictures, "_maps", lambda _layer, shown: [flat for _ in shown])
    heat = pictures.spread_over([0], cells=8)
    seen = heat[heat > 0]
    assert len(seen) >= rows * columns
    assert torch.allclose(seen, seen[0].expand_as(seen))


def test_a_field_is_bright_where_the_unit_looks_and_dark_elsewhere(measured, pictures):
    geometry = measured.measured.geometry
    place = pictures.strongest(0)[0]
    y, x = geometry.centres.flatten(0, 1)[place.unit].tolist()
    lit = pictures.lit(place, side=64).astype(int)
    plain = measured.measured.examples[place.row].image.astype(int)
    away = np.hypot(np.arange(64)[:, None] + 0.5 - y, np.arange(64) + 0.5 - x)
    assert np.array_equal(lit[away < geometry.radius - 1], plain[away < geometry.radius - 1])
    outside = away > geometry.radius + 1
    assert np.abs(lit[outside] - plain[outside] / 4).max() <= 1


def test_figures_that_were_not_measured_are_left_out():
    known = {"detectors": 2.0, "unique_detectors": 1.0, "num_filters": 4.0, "classes_with_filters": 0.5}
    assert [figure.name for figure in figures(known)] == ["Parts detected", "Classes with filters"]
    more = known | {"part_interpretability": 0.5, "location_instability": 0.07, "constant_centre": 0.08}
    assert [figure.figure for figure in figures(more)] == ["0.50", "0.070", "1", "50%"]


def test_parts_are_counted_over_filters_that_have_one():
    parts = ["head", None, "tail", "head"]
    bars = part_bars([{"part": part} for part in parts])
    assert {bar.name: bar.count for bar in bars} == Counter(["head", "head", "tail"])
    assert [bar.length for bar in bars] == [100, 50]
    assert part_bars([{"part": None}]) == []


def test_others_are_drawn_the_same_each_time():
    rest = [{"filter": number} for number in range(40)]
    assert drawn(rest) == drawn(rest)
    assert len(drawn(rest)) == NUM_DRAWN
    assert drawn(rest[:3]) == rest[:3]
    assert drawn([]) == []


def test_names_are_escaped_and_an_ordinary_layer_has_one_map(measured, tmp_path):
    """On a layer without masks, of a subject whose classes HTML must not take as they are."""
    own = measured.run
    run = Run.create(tmp_path / "run", own.settings)
    subject = replace_names(measured.subject, ("<script>", "red & blue"))
    other = filters_of_run(own, layer="features.6", device="cpu").measured
    page = report_filters(replace(measured, run=run, subject=subject, measured=other)).read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page or "red &amp; blue" in page
    assert "after the mask" not in page
    assert "its map" in page
    assert "interpretable filters" not in page


def replace_names(subject, names):
    return type(subject)(subject.network, class_names=names, preprocess=subject.preprocess)


def test_percent_signs_stand_off_their_numbers(page, tight_percents):
    assert "\N{NO-BREAK SPACE}%" in page
    assert tight_percents(page) == []
