import json
import re
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from whynet.base.errors import RunError
from whynet.cli.app import app
from whynet.models.saved_subject import load_subject
from whynet.training.hardware import Hardware
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.catalogue import open_data
from whynet.workflows.class_folders import class_folder
from whynet.workflows.concepts.finding import find_concepts
from whynet.workflows.concepts.request import ConceptRequest, LayerSettings
from whynet.workflows.concepts.saved import load_concepts, save_concepts, saved_classes
from whynet.workflows.evaluate import evaluate
from whynet.workflows.report import report_concepts, write_concept_pages, write_report
from whynet.workflows.report.concept_pictures import NUM_PICTURES, NUM_STRONGEST
from whynet.workflows.run import CONCEPTS, Run
from whynet.workflows.settings import TrainSettings
from whynet.workflows.train import train

CLASSES = ("<script>", "red & blue")
NAME = 'a "<b>" name'
REQUEST = ConceptRequest(
    where=LayerSettings(layer="hidden.0", seeds=1),
    module=ModuleSettings(num_features=3, hidden="8-6"),
    fit=FitSettings(epochs=1),
)


@pytest.fixture(scope="module")
def run(brief_settings, tmp_path_factory):
    """A run of two classes with names that HTML must not take as they are, with concepts and a report."""
    root = tmp_path_factory.mktemp("pictures")
    for split, count in (("train", 12), ("validation", 4), ("test", 10)):
        for name, colour in zip(CLASSES, ((200, 30, 30), (30, 30, 200)), strict=True):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                shade = tuple(min(255, channel + 5 * number) for channel in colour)
                Image.new("RGB", (20 + number, 24), shade).save(root / split / name / f"{number}.png")
    folder = tmp_path_factory.mktemp("runs") / "run"
    settings = replace(brief_settings, data=replace(brief_settings.data, root=str(root)))
    run = train(folder, settings, hardware=Hardware(device="cpu"), explainer=False, progress=False)
    evaluate(run.folder, language=False, device="cpu")
    write_report(run)
    first, _ = find_concepts(run, REQUEST, device="cpu", progress=False)
    strongest = max(first.concepts, key=lambda concept: concept.contribution)
    concepts = tuple(replace(own, name=NAME) if own is strongest else own for own in first.concepts)
    save_concepts(run, load_subject(run.folder / "classifier"), replace(first, concepts=concepts))
    return run


@pytest.fixture(scope="module")
def index(run):
    assert "concepts/index.html" not in (run.folder / "report.html").read_text()
    return report_concepts(run, device="cpu")


@pytest.fixture(scope="module")
def page(run, index):
    """The page of the first class."""
    return (class_folder(run, CONCEPTS, 0, CLASSES[0]) / "page.html").read_text()


@pytest.fixture(scope="module")
def slow(run):
    """The contributions and both logits of each test picture of the first class by its name, one by one."""
    subject = load_subject(run.folder / "classifier")
    own = load_concepts(class_folder(run, CONCEPTS, 0, CLASSES[0]), subject)
    test = open_data(TrainSettings.from_json(run.settings).data).test
    caught = []
    subject.layer("hidden.0").register_forward_hook(lambda module, inputs, output: caught.append(output.clone()))
    found = {}
    for place in range(len(test)):
        if test.labels[place] == 0:
            logits = subject.logits(subject.preprocess([test[place].image]))[0]
            with torch.no_grad():
                features = own.module.encoder(caught[-1])[0]
                added = [float(v) * float(e) for v, e in zip(own.module.readout.weight[0], features, strict=True)]
                found[test.names[place]] = added, logits, sum(added) + float(own.module.readout.bias)
    return found


def amounts(text):
    return [float(value.replace("\N{MINUS SIGN}", "-")) for value in re.findall(r'class="amount">([^<]*)', text)]


class Links(HTMLParser):
    """All that a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src")]


def test_a_stability_stands_beside_its_floor_and_o1_beside_its_most(run, tmp_path):
    copy = Run.open(shutil.copytree(run.folder, tmp_path / "run"))
    for folder in saved_classes(copy):
        description = json.loads((folder / "concepts.json").read_text())
        description["figures"] |= {"stability": 0.93, "stability_floor": 0.41, "o1": 1.2, "live": 5.0}
        for concept in description["concepts"]:
            concept["stability"] = 0.9
        (folder / "concepts.json").write_text(json.dumps(description))
    index = report_concepts(copy, device="cpu").read_text()
    assert "mean Stability, higher is better; its floor is 0.41" in index
    assert "mean O1, lower is better, at most 2.76" in index
    assert index.count("<dd>0.93 (floor 0.41)</dd>") == 2
    page = (class_folder(copy, CONCEPTS, 0, CLASSES[0]) / "page.html").read_text()
    assert page.count("stability <b>0.90 (floor 0.41)</b>") == 3
    assert "Here: at most 2.76." in page


def test_every_class_has_a_page_that_the_overview_leads_to(run, index, page):
    assert index == run.folder / "concepts" / "index.html"
    pages = [folder / "page.html" for folder in saved_classes(run)]
    assert len(pages) == 2
    assert [link for link in Links(index.read_text()).found if link.endswith("page.html")] == [
        f"{path.parent.name}/page.html" for path in pages
    ]
    for path in (index, *pages):
        for link in Links(path.read_text()).found:
            assert link.startswith(("data:image/", "#")) or (path.parent / link).resolve().is_file()
    anchors = {link for link in Links(page).found if link.startswith("#")}
    assert anchors == {"#x1", "#x2", "#x3"}
    assert all(f'id="{anchor[1:]}"' in page for anchor in anchors)


def test_names_are_text_and_nothing_is_asked_of_elsewhere(index, page):
    for text in (index.read_text(), page):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "<b>&#34;" not in text.replace(NAME, "")
        assert NAME in unescape(text)
        assert NAME not in text
        assert "http://" not in text
        assert "https://" not in text
        assert "red &amp; blue" in text


def test_a_picture_has_all_x_features_by_what_they_add(page, slow):
    rows = page.split('<div class="picture">')[1:]
    rows[-1] = rows[-1].split("<section>")[0]
    assert len(rows) == NUM_PICTURES
    surest = sorted(slow, key=lambda name: -float(slow[name][1].double().softmax(0)[0]))[:NUM_PICTURES]
    for name, row in zip(surest, rows, strict=True):
        added, logits, read_off = slow[name]
        assert f'class="file">{name.replace("<", "&lt;").replace(">", "&gt;")}<' in row
        order = sorted(range(3), key=lambda number: -added[number])
        assert amounts(row) == pytest.approx([added[number] for number in order], abs=0.006)
        assert [int(number) for number in re.findall(r'href="#x(\d)"', row)] == [number + 1 for number in order]
        told = [float(value.replace("\N{MINUS SIGN}", "-")) for value in re.findall(r"<dd>([^<]*)", row)]
        assert told == pytest.approx([float(logits[0]), read_off], abs=0.006)


def test_an_x_feature_is_shown_where_it_adds_most(page, slow):
    blocks = re.split(r'<div class="feature" id="x(\d)">', page)[1:]
    assert len(blocks) == 6
    for number, block in zip(map(int, blocks[::2]), blocks[1::2], strict=True):
        strongest = sorted((added[number - 1] for added, _, _ in slow.values()), reverse=True)[:NUM_STRONGEST]
        assert amounts(block.split("</section>")[0]) == pytest.approx(strongest, abs=0.006)
    means = [float(value.replace("\N{MINUS SIGN}", "-")) for value in re.findall(r"Adds <b>([^<]*)", page)]
    assert means == sorted(means, reverse=True)
    assert page.count("named by a person") == 1
    assert page.count("no name yet: suggestions come from parts, and these data know none") == 2


def test_the_sentence_of_the_first_picture_heads_the_page(run, page, slow):
    first = max(slow, key=lambda name: float(slow[name][1].double().softmax(0)[0]))
    own = load_concepts(class_folder(run, CONCEPTS, 0, CLASSES[0]), load_subject(run.folder / "classifier"))
    (number,) = [concept.number for concept in own.concepts if concept.name == NAME]
    (head,) = re.findall(r"<h1[^>]*>(.*?)</h1>", page)
    added = [float(value) for value in slow[first][0]]
    unnamed = sum(value for place, value in enumerate(added) if place != number and value > 0)
    rest = f", and of what has no name ({unnamed:+.1f})" if unnamed > 0.1 * (added[number] + unnamed) else ""
    assert unescape(head) == f"{CLASSES[0]} because of its {NAME} ({added[number]:+.1f}){rest}."


def test_without_names_the_page_is_headed_by_the_class(run, index):
    page = (class_folder(run, CONCEPTS, 1, CLASSES[1]) / "page.html").read_text()
    assert re.findall(r"<h1[^>]*>(.*?)</h1>", page) == ["red &amp; blue, read off 3 x-features"]


def test_percent_signs_stand_off_their_numbers(index, page, tight_percents):
    assert tight_percents(index.read_text() + page) == []


def test_the_report_leads_to_the_concepts(run, index):
    report = (run.folder / "report.html").read_text()
    assert 'href="concepts/index.html"' in report
    assert "2 classes are reduced to a few" in report
    assert 'href="../report.html"' in index.read_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_fit_the_screen(run, index, browser, width):
    for path in (index, class_folder(run, CONCEPTS, 0, CLASSES[0]) / "page.html"):
        shown = browser.new_page(viewport={"width": width, "height": 900})
        asked, told = [], []
        shown.on("request", lambda request, asked=asked: asked.append(request.url))
        shown.on("console", lambda message, told=told: told.append(message.text))
        shown.goto(path.as_uri())
        shown.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        shown.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        shown.wait_for_function("[...document.images].every(image => image.complete)")
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert told == []
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
        shown.close()


def test_a_class_without_test_pictures_says_so(run, tmp_path):
    copy = Run.open(shutil.copytree(run.folder, tmp_path / "run"))
    subject = load_subject(copy.folder / "classifier")
    splits = open_data(TrainSettings.from_json(copy.settings).data)
    rows = [place for place, label in enumerate(splits.test.labels) if label == 1]
    write_concept_pages(copy, subject, replace(splits, test=splits.test.subset(rows)))
    page = (class_folder(copy, CONCEPTS, 0, CLASSES[0]) / "page.html").read_text()
    assert "none of the test pictures is of &lt;script&gt;" in page
    assert "<img" not in page


def test_a_report_of_other_pictures_stays_as_it_is(run, tmp_path, caplog):
    copy = shutil.copytree(run.folder, tmp_path / "run")
    (copy / "sentences.json").write_text("[]")
    (copy / "report.html").write_text("old")
    assert report_concepts(copy, device="cpu").is_file()
    assert (copy / "report.html").read_text() == "old"
    assert "does not link to the new pages" in caplog.text


def test_without_concepts_there_is_nothing_to_show(coloured_run):
    with pytest.raises(RunError, match="has no concepts yet; find some with `whynet concepts --subject"):
        report_concepts(coloured_run, device="cpu")


def test_the_command_says_where_the_pages_are(run, tmp_path):
    copy = shutil.copytree(run.folder, tmp_path / "run")
    options = {"--layer": "hidden.0", "--seeds": "1", "--hidden": "8-6", "--epochs": "1", "--classes": "1"}
    given = [word for option in options.items() for word in option]
    answer = CliRunner().invoke(app, ["concepts", "--subject", str(copy), "--device", "cpu", *given])
    assert answer.exit_code == 0, answer.output
    assert f"Concepts: {copy / 'concepts' / 'index.html'}" in answer.stdout
    assert (copy / "concepts" / "index.html").is_file()
