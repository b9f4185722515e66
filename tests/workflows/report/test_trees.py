"""The page of decision trees: what it shows, what it escapes, and that the report links to it."""

import re
from dataclasses import replace

import pytest
import torch

from whynet.models.saved_subject import load_subject, save_subject
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings
from whynet.workflows.decision_trees.run_trees import trees_of_run
from whynet.workflows.evaluate import evaluate
from whynet.workflows.report import report_trees, write_report
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train

SETTINGS = TrainSettings(
    data=DataSettings(name="birds", num_species=2, image_size=48, roll=45.0),
    model=ModelSettings(network="alexnet", width=0.05, interpretable=True),
    classifier=ClassifierSettings(epochs=1, batch_size=8),
)


@pytest.fixture(scope="module")
def found(few_birds, tmp_path_factory):
    """The tree of the class into which the network puts every picture, of a run with a report."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = train(folder, SETTINGS, hardware=Hardware(device="cpu"), explainer=False, progress=False)
    subject = load_subject(folder / "classifier")
    with torch.no_grad():
        list(subject.network.modules())[-1].bias += torch.tensor([100.0, 0.0])
    save_subject(subject, folder / "classifier")
    evaluate(run.folder, language=False, device="cpu")
    write_report(run)
    return trees_of_run(run, classes="0", device="cpu")


@pytest.fixture(scope="module")
def page(found):
    assert "tree.html" not in (found.run.folder / "report.html").read_text()
    path = report_trees(found)
    assert path == found.run.folder / "tree.html"
    return path.read_text()


def test_the_page_draws_every_mode_and_three_ways_down(found, page):
    (own,) = found.trees
    assert page.count('<svg class="tree"') == 1
    assert page.count('class="way-down"') == 3
    assert page.count('class="itself"') == 3
    counts = [int(count) for count in re.findall(r'class="count"[^>]*>(\d+)<', page)]
    assert sum(counts) == len(own.tree.image_names) == 8
    assert page.count("decides like this") == 3
    assert len(re.findall(r"<tr><th scope=\"row\">", page)) >= 5


def test_the_report_links_to_the_page_that_links_back(found, page):
    assert 'href="tree.html"' in (found.run.folder / "report.html").read_text()
    assert 'href="report.html"' in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_network_that_decides_for_all_alike_is_told(found, page):
    (own,) = found.trees
    assert not own.tree.has_one_mode
    assert "decides for all of them alike" not in page
    alike = replace(own.tree, directions=own.tree.directions[:1].expand_as(own.tree.directions).clone())
    text = report_trees(replace(found, trees=[replace(own, tree=alike)])).read_text()
    assert "decides for all of them alike" in text


def test_names_are_escaped(found, page):
    (own,) = found.trees
    hostile = replace(own, tree=replace(own.tree, class_name="<script>alert(1)</script>"), parts={"<b>": [0, 1]})
    text = report_trees(replace(found, trees=[hostile])).read_text()
    assert "<script>" not in text
    assert "<b>:" not in text
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;" in text


def test_without_test_pictures_the_tree_is_drawn_alone(found, page):
    (own,) = found.trees
    text = report_trees(replace(found, trees=[replace(own, figures={}, test=own.test.subset([]))])).read_text()
    assert '<svg class="tree"' in text
    assert "way-down" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)


def test_percent_signs_stand_off_their_numbers(page, tight_percents):
    assert "\N{NO-BREAK SPACE}%" in page
    assert tight_percents(page) == []
