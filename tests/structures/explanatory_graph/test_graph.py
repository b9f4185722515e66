"""The graph as data: numbers of nodes, neighbours, networkx, GraphML, and networks that are not its own."""

import networkx
import pytest
import torch

from whynet.base.errors import DataError, SettingError, StorageError, SubjectError
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.structures.explanatory_graph import ExplanatoryGraph, GraphSettings, fit_explanatory_graph

LAYERS = ["blocks.0.2", "blocks.1.2", "blocks.2.2"]


@pytest.fixture(scope="module")
def subject():
    torch.manual_seed(0)
    network = ConvNet(3, widths=(4, 5, 6), hidden=(5,)).eval()
    return Subject(network, class_names=["a", "b", "c"], preprocess=Preprocessing(height=48, width=64), name="net")


@pytest.fixture(scope="module")
def graph(subject):
    torch.manual_seed(1)
    settings = GraphSettings(nodes_per_filter=(3, 2, 2), parents=4, iterations=3)
    return fit_explanatory_graph(subject, LAYERS, torch.randn(10, 3, 48, 64), settings=settings)


def test_nodes_are_counted_over_all_layers(graph):
    ranges = [graph.nodes_of(layer) for layer in LAYERS]
    assert [number for own in ranges for number in own] == list(range(graph.num_nodes))
    for layer, own in zip(graph.layers, ranges, strict=True):
        assert [graph.locate(node) for node in own] == [(layer, index) for index in range(layer.num_nodes)]
    for node in (-1, graph.num_nodes):
        with pytest.raises(SettingError, match=f"a node from 0 to {graph.num_nodes - 1} was expected, not {node}"):
            graph.locate(node)
    with pytest.raises(SettingError, match="the graph has layers blocks.0.2, blocks.1.2, blocks.2.2, not 'top'"):
        graph.nodes_of("top")


def test_parents_are_the_neighbours_above(graph):
    for node in range(graph.num_nodes):
        edges = graph.parents_of(node)
        layer, index = graph.locate(node)
        if layer is graph.layers[-1]:
            assert edges == ()
            continue
        assert len(edges) == 4
        assert sum(edge.weight for edge in edges) == pytest.approx(1)
        assert [edge.weight for edge in edges] == sorted((edge.weight for edge in edges), reverse=True)
        for edge in edges:
            above, parent = graph.locate(edge.parent)
            assert graph.layers.index(above) == graph.layers.index(layer) + 1
            assert edge.offset == pytest.approx((layer.mu[index] - above.mu[parent]).tolist())
            assert edge in graph.children_of(edge.parent)
    assert all(graph.children_of(node) == () for node in graph.nodes_of(LAYERS[0]))
    assert sum(len(graph.children_of(node)) for node in range(graph.num_nodes)) == sum(
        len(graph.parents_of(node)) for node in range(graph.num_nodes)
    )


def test_networkx_has_all_nodes_and_edges_and_graphml_keeps_them(graph, tmp_path):
    made = graph.to_networkx()
    assert sorted(made) == list(range(graph.num_nodes))
    for node, values in made.nodes(data=True):
        layer, index = graph.locate(node)
        assert values == {
            "layer": layer.name, "filter": int(layer.filters[index]), "row": float(layer.mu[index, 0]),
            "column": float(layer.mu[index, 1]), "sigma": float(layer.sigma[index]),
            "share": float(layer.shares[index]),
        }  # fmt: skip
        assert sorted(made.predecessors(node)) == sorted(edge.parent for edge in graph.parents_of(node))
        for edge in graph.parents_of(node):
            own = made.edges[edge.parent, node]
            assert (own["weight"], own["sigma"], (own["row"], own["column"])) == (edge.weight, edge.sigma, edge.offset)
    assert networkx.is_directed_acyclic_graph(made)

    graph.write_graphml(tmp_path / "graph.graphml")
    read = networkx.read_graphml(tmp_path / "graph.graphml", node_type=int)
    assert dict(read.nodes(data=True)) == dict(made.nodes(data=True))
    assert list(read.edges(data=True)) == list(made.edges(data=True))
    assert read.graph["height"] == 48
    assert read.graph["network"] == graph.network
    with pytest.raises(StorageError, match="create the folder first"):
        graph.write_graphml(tmp_path / "absent" / "graph.graphml")


def test_the_nodes_of_no_images_are_nowhere(graph, subject):
    found = graph.infer(subject, torch.randn(0, 3, 48, 64))
    assert found.positions.shape == (0, graph.num_nodes, 2)
    assert found.scores.shape == (0, graph.num_nodes)


def test_positions_depend_on_neither_batches_nor_the_other_images(graph, subject):
    images = torch.randn(5, 3, 48, 64)
    found = graph.infer(subject, images)
    alone = graph.infer(subject, [images[:2], images[2:]], batch_size=1)
    torch.testing.assert_close(found.positions, alone.positions)
    torch.testing.assert_close(found.scores, alone.scores)


def test_a_network_with_other_weights_is_refused(graph, subject):
    torch.manual_seed(5)
    network = ConvNet(3, widths=(4, 5, 6), hidden=(5,))
    other = Subject(network, class_names=subject.class_names, preprocess=subject.preprocess, name="new")
    with pytest.raises(SubjectError, match="fitted on a network with other weights than new has; fit a graph to it"):
        graph.infer(other, torch.randn(1, 3, 48, 64))


def test_images_of_another_size_are_refused(graph, subject):
    with pytest.raises(SettingError, match="images of 48 x 64 pixels, .* but 64 x 48 came"):
        graph.infer(subject, torch.randn(1, 3, 64, 48))


def test_maps_that_are_not_the_layers_are_refused(graph):
    maps = [torch.rand(2, layer.num_filters, *layer.map_size) for layer in graph.layers]
    assert isinstance(graph, ExplanatoryGraph)
    assert graph.infer_maps(maps).scores.shape == (2, graph.num_nodes)
    for wrong in (maps[:2], maps[::-1], [maps[0][:1], *maps[1:]], []):
        with pytest.raises(DataError, match="maps of .* filters, rows and columns, one tensor a layer"):
            graph.infer_maps(wrong)
    maps[1][0, 0, 0, 0] = torch.inf
    with pytest.raises(DataError, match="maps without NaN or infinity"):
        graph.infer_maps(maps)
