"""The pages of a run's graphs: what they show, what they escape, and that the report links to them."""

import re
from dataclasses import replace

import pytest

from whynet.data.birds import dataset
from whynet.structures.explanatory_graph import GraphSettings
from whynet.training.hardware import Hardware
from whynet.training.settings import ClassifierSettings
from whynet.workflows.evaluate import evaluate
from whynet.workflows.graph.finding import graphs_of_run
from whynet.workflows.graph.maps import pictures_of
from whynet.workflows.graph.request import GraphRequest, PlaceSettings
from whynet.workflows.graph.saved import save_graph
from whynet.workflows.report import report_graphs, write_report
from whynet.workflows.report.graph import NUM_DRAWN, NUM_OF_PART, drawn_nodes, figures, how_drawn
from whynet.workflows.report.graph_pictures import NUM_PARENTS, NUM_PATCHES, SIDE, GraphPictures, layer_fields
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import train

SETTINGS = TrainSettings(
    data=DataSettings(name="birds", num_species=2, image_size=64, roll=45.0),
    model=ModelSettings(network="alexnet", width=0.05),
    classifier=ClassifierSettings(epochs=1, batch_size=8),
)
REQUEST = GraphRequest(where=PlaceSettings(layers="features.7,features.11"), graph=GraphSettings(iterations=2))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The graphs of a run that was hardly trained, and has a report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_CLASS", {"train": 14, "validation": 2, "test": 12})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("runs") / "run"
        run = train(folder, SETTINGS, hardware=Hardware(device="cpu"), explainer=False, progress=False)
        evaluate(run.folder, language=False, device="cpu")
        write_report(run)
        yield graphs_of_run(run.folder, REQUEST, device="cpu")


@pytest.fixture(scope="module")
def overview(found):
    assert "graph.html" not in (found.run.folder / "report.html").read_text()
    path = report_graphs(found)
    assert path == found.run.folder / "graph.html"
    return path.read_text()


@pytest.fixture(scope="module")
def page(found, overview):
    (first, _) = sorted((found.run.folder / "graph").iterdir())
    return (first / "page.html").read_text()


def test_the_overview_shows_every_class_and_links_to_its_page(found, overview):
    for own in found.graphs:
        assert own.class_name in overview
    links = re.findall(r'href="(graph/[^"]+)"', overview)
    assert len(links) == 2
    assert all((found.run.folder / link).is_file() for link in links)
    assert overview.count('<svg class="graph') == 2
    for text in ("nodes", "filters", "node priors", "constant centre"):
        assert f'<th scope="row">{text}</th>' in overview


def test_the_report_links_to_the_pages_that_link_back(found, overview, page):
    report = (found.run.folder / "report.html").read_text()
    assert 'href="graph.html"' in report
    assert "2 classes have explanatory graphs." in report
    assert 'href="report.html"' in overview
    assert 'href="../../report.html"' in page
    for own in (overview, page):
        assert "://" not in own.replace("http://www.w3.org/2000/svg", "")


def test_each_sure_node_has_patches_and_its_parents_in_the_same_pictures(found, page):
    own = found.graphs[0]
    assert [int(node) for node in re.findall(r'id="n(\d+)"', page)] == own.surest
    for chunk in page.split('class="feature lineage"')[1:]:
        node = int(re.search(r'id="n(\d+)"', chunk)[1])
        layer, _ = own.graph.locate(node)
        lines = chunk.split("</section>")[0].split('class="line"')[1:]
        assert len(lines) == 1 + (NUM_PARENTS if layer.name == "features.7" else 0)
        pictures = [[alt.rpartition(", around")[0] for alt in re.findall(r'alt="([^"]+)"', line)] for line in lines]
        assert 0 < len(pictures[0]) <= NUM_PATCHES
        assert all(names == pictures[0] for names in pictures)


def test_a_patch_lies_where_the_node_was_found(found):
    own = found.graphs[0]
    examples = pictures_of(found.splits.test, own.class_index)
    fields = layer_fields(found.subject, {layer.name: layer.map_size for layer in own.graph.layers}, examples)
    pictures = GraphPictures(found.subject, own, examples, fields)
    images = found.subject.preprocess([examples[row].image for row in range(len(examples))])
    inferred = own.graph.infer(found.subject, images)
    for node in (0, own.graph.num_nodes - 1):
        rows = pictures.rows(node)
        scores = inferred.scores[rows, node].tolist()
        assert scores == sorted(scores, reverse=True)
        layer, _ = own.graph.locate(node)
        y, x = fields[layer.name].centres.seen(inferred.positions[rows[0], node]).tolist()
        assert pictures._in_picture(node, rows[0]) == pytest.approx((x, y)), "the picture has the size of the input"
        assert pictures.patch(node, rows[0]).picture.shape == (SIDE, SIDE, 3)


def test_the_drawing_joins_nodes_to_their_parents(found):
    own = found.graphs[0]
    examples = pictures_of(found.splits.test, own.class_index)
    fields = layer_fields(found.subject, {layer.name: layer.map_size for layer in own.graph.layers}, examples)
    pictures = GraphPictures(found.subject, own, examples, fields)
    below = [node for node in range(own.graph.num_nodes) if own.graph.parents_of(node)][:3]
    drawing = pictures.drawing(below)
    assert drawing.lines
    for child, parent in drawing.lines:
        assert parent.node in {edge.parent for edge in own.graph.parents_of(child.node)}
        assert (child.level, parent.level) == (0, 1)
    assert {dot.node for dot in drawing.dots} == {dot.node for line in drawing.lines for dot in line}
    assert pictures.drawing([]) is None


def test_the_nodes_that_are_drawn_are_a_few_of_each_part(found):
    own = found.graphs[0]
    shown = drawn_nodes(own)
    parts = [own.nodes["part"][node] for node in shown]
    assert 0 < len(shown) <= NUM_DRAWN
    assert max(parts.count(part) for part in parts) <= NUM_OF_PART
    assert how_drawn(own).startswith("lie on a part most often in the test pictures, by which they are picked")
    without = replace(own, nodes={"told": own.nodes["told"]})
    assert drawn_nodes(without) == own.surest[:NUM_DRAWN]
    assert how_drawn(without) == "wander least on the training pictures"
    assert how_drawn(replace(without, chosen=[])) == "move most as their parents tell"


def test_what_was_not_measured_is_said_and_names_are_escaped(found, tmp_path):
    own = replace(found.graphs[0], rows={}, chosen=[], nodes={"told": found.graphs[0].nodes["told"]})
    names = ("<script>", found.graphs[1].class_name)
    subject = found.subject
    before = subject.class_names
    folder = found.run.folder / "graph"
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    try:
        subject.class_names = names
        save_graph(found.run, replace(own, class_name=names[0]))
        overview = report_graphs(found).read_text()
        assert "<script>" not in overview
        assert "&lt;script&gt;" in overview
        page = (folder / "0000-script" / "page.html").read_text()
        assert "Not measured: there are no test pictures of &lt;script&gt; whose parts are known." in page
        assert "Those whose movement their parents tell best" in page
        assert "drawn are the nodes that move most as their parents tell," in page
        assert "by which they are picked, at most 3 a part or that move most as their parents tell" in " ".join(
            overview.split()
        )
    finally:
        subject.class_names = before
        for path in [*folder.rglob("*")]:
            if path.is_file() and path not in kept:
                path.unlink()
        (folder / "0000-script").rmdir()


def test_figures_are_told_as_far_as_there_are_some():
    assert figures({}) == []
    rows = {"nodes": {"one_shot_error": 0.1}, "filters": {"one_shot_error": 0.2}}
    assert [figure.name for figure in figures(rows)] == ["One-shot error"]
    rows = {
        "nodes": {"location_instability": 0.05, "instability_of_few": 0.07, "candidates": 40.0},
        "filters": {"location_instability": 0.08, "candidates": 10.0},
        "constant centre": {"location_instability": 0.06},
    }
    (tile,) = figures(rows)
    assert tile.beside == (
        "of the steadiest of 40 nodes; 0.070 chosen among as many as there are filters; the steadiest of 10 filters "
        "0.080; the centre of the picture 0.060"
    )


@pytest.mark.slow
def test_the_pages_fit_a_screen_and_a_phone(found, overview, browser):
    pages = [found.run.folder / "graph.html", next((found.run.folder / "graph").glob("*/page.html"))]
    for width in (1280, 390):
        for path in pages:
            shown = browser.new_page(viewport={"width": width, "height": 800})
            shown.goto(path.as_uri())
            assert shown.evaluate("document.documentElement.scrollWidth") <= width
            assert shown.evaluate(
                """Promise.all([...document.images].map(image => {
                    image.loading = "eager";  // a lazy one below the window is not there yet
                    return image.decode();  // rejects a broken one
                })).then(() => [...document.images].every(image => image.naturalWidth > 0 && image.alt))"""
            )
            shown.close()


def test_percent_signs_stand_off_their_numbers(overview, page, tight_percents):
    assert "\N{NO-BREAK SPACE}%" in overview + page
    assert tight_percents(overview + page) == []
