"""`whynet graph` on a run: what is kept, what is made anew, and what cannot be."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from whynet.base.errors import DataError, RunError, SettingError, SubjectError
from whynet.models.saved_subject import load_subject, save_subject
from whynet.structures.explanatory_graph import ExplanatoryGraph, GraphSettings
from whynet.workflows.graph import finding
from whynet.workflows.graph.finding import graphs_of_run
from whynet.workflows.graph.points import CENTRE, FILTERS, NODES, PRIORS
from whynet.workflows.graph.request import GraphRequest, PlaceSettings
from whynet.workflows.graph.saved import saved_graphs
from whynet.workflows.report import report_graphs
from whynet.workflows.run import Run

QUICK = GraphSettings(iterations=2, nodes_per_filter=2)


def request(layers="features.7,features.11", classes="all", graph=QUICK):
    return GraphRequest(where=PlaceSettings(layers=layers, classes=classes), graph=graph)


@pytest.fixture
def run(bird_run, tmp_path):
    """One of one's own."""
    shutil.copytree(bird_run.folder, tmp_path / "run")
    return Run.open(tmp_path / "run")


def test_each_class_has_a_graph_with_figures_that_is_kept(run, monkeypatch):
    found = graphs_of_run(
        run.folder, request(layers=None, classes="1", graph=GraphSettings(iterations=2)), device="cpu"
    )
    (own,) = found.graphs
    assert own.class_name == found.subject.class_names[1]
    assert own.layers == ("features.4", "features.7", "features.9", "features.11")
    assert own.pictures == {"train": 14, "test": 12}
    assert list(own.rows) == [NODES, FILTERS, PRIORS, CENTRE]
    assert all(0 < row["location_instability"] < 1 for row in own.rows.values())
    assert own.chosen
    assert set(own.surest) == set(own.chosen)
    assert {len(values) for values in own.nodes.values()} == {own.graph.num_nodes}
    (folder,) = (run.folder / "graph").iterdir()
    assert folder.name.startswith("0001-")
    names = {"graph.json", "graph.safetensors", "graph.graphml", "figures.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert ExplanatoryGraph.load(folder).num_nodes == own.graph.num_nodes
    assert json.loads((folder / "figures.json").read_text())["rows"] == own.rows
    assert run.is_complete("graph")

    monkeypatch.setattr(finding, "fit", lambda *_: pytest.fail("fitted again"))
    again = request(layers=None, classes="1", graph=GraphSettings(iterations=2))
    assert graphs_of_run(run, again, device="cpu").graphs[0].rows == own.rows


def test_another_request_or_a_damaged_file_is_made_anew(run):
    first = graphs_of_run(run, request(classes="0"), device="cpu").graphs[0]
    other = graphs_of_run(run, request(classes="0", graph=replace(QUICK, parents=1)), device="cpu").graphs[0]
    assert (first.settings["parents"], other.settings["parents"]) == (15, 1)
    (folder,) = (run.folder / "graph").iterdir()
    (folder / "figures.json").write_text("{}")
    assert graphs_of_run(run, request(classes="0"), device="cpu").graphs[0].rows == first.rows
    fewer = graphs_of_run(run, request(layers="features.11", classes="0"), device="cpu").graphs[0]
    assert fewer.layers == ("features.11",)


@pytest.mark.parametrize("part", ["train", "test"])
def test_other_pictures_or_annotations_are_made_anew(part, run, monkeypatch):
    first = graphs_of_run(run, request(classes="0"), device="cpu").graphs[0]
    real, fitted = finding.open_data, []
    fit = finding.fit
    monkeypatch.setattr(finding, "fit", lambda *given: fitted.append(1) or fit(*given))
    assert graphs_of_run(run, request(classes="0"), device="cpu").graphs[0].data == first.data
    assert not fitted

    def changed(change):
        def opened(*arguments, **more):
            splits = real(*arguments, **more)
            return replace(splits, **{part: change(getattr(splits, part))})

        return opened

    def fewer(examples):
        return examples.subset(range(1, len(examples)))

    def moved(examples):
        own = examples.subset(range(len(examples)))
        whole = own.whole

        class Moved:
            def __getitem__(self, index):
                example = whole[index]
                if index:
                    return example
                landmarks = example.landmarks.copy()
                landmarks[:, 2] = 0
                return replace(example, landmarks=landmarks)

        own.whole = Moved()
        return own

    known = {first.data}
    for change in (fewer, moved):
        monkeypatch.setattr(finding, "open_data", changed(change))
        known.add(graphs_of_run(run, request(classes="0"), device="cpu").graphs[0].data)
    assert len(known) == 3
    assert len(fitted) == 2
    monkeypatch.setattr(finding, "open_data", changed(lambda examples: examples.subset(range(len(examples)))))
    assert graphs_of_run(run, request(classes="0"), device="cpu").graphs[0].data == first.data


def test_graphs_of_other_classes_stay_where_they_were_made_alike_and_go_where_not(run, caplog):
    graphs_of_run(run, request(), device="cpu")
    one, other = sorted((run.folder / "graph").iterdir())
    (one / "page.html").write_text("")
    (one / "notes.txt").write_text("mine")
    (run.folder / "graph" / "0007-gone").mkdir()
    (run.folder / "graph" / "0007-gone" / "graph.json").write_text("{}")
    (run.folder / "graph" / "of-mine").mkdir()
    (run.folder / "graph" / "of-mine" / "graph.graphml").write_text("mine")
    graphs_of_run(run, request(classes="1"), device="cpu")
    assert saved_graphs(run) == [one, other]
    assert "removed graphs of other layers, settings, pictures or weights: 0007-gone; name all classes" in caplog.text

    graphs_of_run(run, request(layers="features.11", classes="1"), device="cpu")
    assert saved_graphs(run) == [other]
    assert [path.name for path in one.iterdir()] == ["notes.txt"]
    assert (run.folder / "graph" / "of-mine" / "graph.graphml").is_file()
    assert f"weights: {one.name}; name all classes" in caplog.text


def test_a_network_that_was_trained_on_leaves_no_graph_that_stops_the_page(run):
    graphs_of_run(run, request(), device="cpu")
    subject = load_subject(run.folder / "classifier")
    with torch.no_grad():
        list(subject.network.modules())[-1].bias += 1
    save_subject(subject, run.folder / "classifier")
    found = graphs_of_run(run, request(classes="0"), device="cpu")
    assert [folder.name[:4] for folder in saved_graphs(run)] == ["0000"]
    assert report_graphs(found).is_file()


def test_a_class_without_test_pictures_has_a_graph_without_figures(run, monkeypatch):
    real = finding.open_data

    def opened(*arguments, **more):
        splits = real(*arguments, **more)
        rows = [row for row, label in enumerate(splits.test.labels) if label]
        return replace(splits, test=splits.test.subset(rows))

    monkeypatch.setattr(finding, "open_data", opened)
    own = graphs_of_run(run, request(classes="0"), device="cpu").graphs[0]
    assert (own.rows, own.chosen, set(own.nodes)) == ({}, [], {"told"})
    assert own.pictures["test"] == 0
    assert len(own.surest) > 1


def test_data_without_parts_have_graphs_without_figures(coloured_run, tmp_path):
    shutil.copytree(coloured_run, tmp_path / "run")
    own = graphs_of_run(tmp_path / "run", request(layers="blocks.0.2,blocks.1.2"), device="cpu").graphs
    assert [one.class_name for one in own] == ["blue tile", "red tile"]
    assert all(one.rows == {} and one.surest for one in own)


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        (request(classes="owl"), SettingError, "has no class 'owl'"),
        (request(classes="0,7"), SettingError, "has classes 0 to 1, not 7"),
        (request(classes=" , "), SettingError, "and none is named"),
        (request(layers=" , "), SettingError, "layers by their dotted names, bottom to top, were expected"),
        (request(layers="nonsense"), SubjectError, "has no layer 'nonsense'"),
        (request(layers="features.11,features.7"), SubjectError, "which is features.7, features.11, but features.11"),
        (request(layers="classifier.1"), SubjectError, "not maps"),
        (request(graph=replace(QUICK, nodes_per_filter=(1, 2, 3))), SettingError, "for each of 2 layers was expected"),
    ],
)
def test_what_cannot_be_fitted_is_told_in_a_sentence(asked, kind, message, run):
    with pytest.raises(kind, match=message):
        graphs_of_run(run, asked, device="cpu")
    assert not list((run.folder / "graph").glob("*/*"))


def test_a_class_with_one_picture_is_told_before_anything_is_fitted(run, monkeypatch):
    real = finding.open_data

    def opened(*arguments, **more):
        splits = real(*arguments, **more)
        rows = [row for row, label in enumerate(splits.train.labels) if not label or row < 2]
        return replace(splits, train=splits.train.subset(rows))

    monkeypatch.setattr(finding, "open_data", opened)
    monkeypatch.setattr(finding, "fit", lambda *_: pytest.fail("fitted"))
    with pytest.raises(DataError, match=r"at least 2 training pictures .* has 1; add some, or name other --classes"):
        graphs_of_run(run, request(), device="cpu")


def test_a_run_must_have_a_classifier(tmp_path, quick_settings):
    run = Run.create(tmp_path / "run", quick_settings.to_json())
    with pytest.raises(RunError, match="has no trained classifier yet"):
        graphs_of_run(run, request(), device="cpu")
