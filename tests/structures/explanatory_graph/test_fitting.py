"""The graph finds what moves together, the likelihood never falls, and the same images give the same graph."""

import pytest
import torch
from torch import nn

from whynet.base.errors import DataError, SettingError, SubjectError
from whynet.base.seeding import generator
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.resnet import ResNet18
from whynet.models.subject import Subject
from whynet.structures.explanatory_graph.beginning import first_nodes
from whynet.structures.explanatory_graph.fitting import fit_explanatory_graph, fit_layers, learn
from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.grid import Grid
from whynet.structures.graph_settings import GraphSettings

NAMES = ["low", "high"]
SIZE = (64, 64)
TENSORS = ("scales", "filters", "mu", "sigma", "shares", "parents", "edge_sigmas")


def graph_of(maps, **settings):
    own = GraphSettings(**settings)
    layers = fit_layers(NAMES[-len(maps) :], maps, SIZE, own)
    return ExplanatoryGraph(layers=layers, image_size=SIZE, network="none", settings=own)


def net(network, size=(32, 32)):
    names = [f"class {number}" for number in range(3)]
    return Subject(network.eval(), class_names=names, preprocess=Preprocessing(height=size[0], width=size[1]))


@pytest.mark.parametrize(("upper", "parents"), [(1, 1), (2, 2), (2, 15)])
def test_two_patterns_of_one_filter_are_told_apart_by_what_they_move_with(world, upper, parents):
    graph = graph_of(world.maps, nodes_per_filter=(2, upper), parents=parents)
    found = graph.infer_maps(world.maps)
    own = [node for node in graph.nodes_of("low") if int(graph.locate(node)[0].filters[graph.locate(node)[1]]) == 0]
    error = (found.positions[:, own, None] - world.parts[:, None]).norm(dim=-1).mean(0)  # (nodes, parts)
    nearest = error.min(0)
    assert sorted(nearest.indices.tolist()) == [0, 1]
    cell = world.maps[0][:, 0].flatten(1).argmax(1)
    peak = torch.stack([cell // 16, cell % 16], 1) * 4 + 2.0
    raw = (peak[:, None] - world.parts).norm(dim=-1).mean(0)
    assert float(nearest.values.max()) < 3
    assert float(raw.min()) > 6
    for node in own:  # the nodes of the upper filter that sees the object, not of the other
        layer, index = graph.locate(graph.parents_of(node)[0].parent)
        assert int(layer.filters[index]) == 0


def test_offsets_are_those_from_the_object_to_its_parts(world):
    graph = graph_of(world.maps, nodes_per_filter=(2, 1), parents=1)
    offsets = sorted(graph.parents_of(node)[0].offset for node in graph.nodes_of("low") if node < 2)
    assert offsets[0] == pytest.approx((-8, -5), abs=2)
    assert offsets[1] == pytest.approx((6, 8), abs=2)


def test_the_likelihood_never_falls():
    torch.manual_seed(0)
    clouds = torch.randn(12, 5, 6, 7, dtype=torch.double).relu()
    above = 5 * torch.randn(12, 9, 2, dtype=torch.double)
    grid, settings = Grid.over((30, 28), clouds), GraphSettings(parents=3, iterations=15)
    nodes, there = first_nodes(clouds, grid, above, 4, settings.parents, generator(0, "test"))
    found, moments, likelihoods = learn(clouds, grid, above, nodes, there, settings, "test")
    assert len(likelihoods) == 16
    steps = torch.tensor(likelihoods).diff()
    assert float(steps.min()) > -1e-9 * abs(likelihoods[0])
    assert likelihoods[-1] > likelihoods[0]
    total = clouds.sum((0, 2, 3))
    assert bool((moments.count.sum(0).view(5, 4).sum(1) < total).all())  # the rest is noise
    assert bool(found.mu.isfinite().all())


def test_the_same_seed_gives_the_same_graph_and_another_one_another(world):
    first, again, other = (graph_of(world.maps, nodes_per_filter=3, seed=seed) for seed in (0, 0, 1))
    for one, two in zip(first.layers, again.layers, strict=True):
        assert all(torch.equal(getattr(one, name), getattr(two, name)) for name in TENSORS)
    assert first.layers[0].mu.tolist() != other.layers[0].mu.tolist()


def test_every_image_twice_is_the_same_graph(world):
    once = graph_of(world.maps, parents=2)
    twice = graph_of([torch.cat([own, own]) for own in world.maps], parents=2)
    for one, two in zip(once.layers, twice.layers, strict=True):
        for name in TENSORS:
            torch.testing.assert_close(getattr(one, name), getattr(two, name), rtol=1e-3, atol=1e-2)


def test_maps_of_a_filter_count_alike_however_strong_it_is(world):
    strong = [own * torch.tensor([1.0, 1e4, 1e-4])[: own.shape[1], None, None] for own in world.maps]
    one, two = graph_of(world.maps), graph_of(strong)
    torch.testing.assert_close(one.infer_maps(world.maps).scores, two.infer_maps(strong).scores, rtol=1e-3, atol=1e-3)


def test_dead_filters_have_no_nodes_and_dead_nodes_are_dropped():
    maps = torch.zeros(3, 3, 4, 4)
    maps[:, 0, 0, 0] = 1  # nearly all in one cell: the node of the other dies
    maps[0, 0, 3, 3] = 1e-5
    maps[:, 1] = -1
    maps[:, 2, 1, 1] = maps[:, 2, 3, 3] = 2
    (layer,) = graph_of([maps], nodes_per_filter=2).layers
    assert layer.scales.tolist() == [1, 0, 2]
    assert layer.filters.tolist() == [0, 2, 2]
    assert layer.mu[0].tolist() == pytest.approx([8, 8], abs=0.01)
    assert sorted(layer.mu[1:].tolist()) == [pytest.approx([24, 24], abs=1), pytest.approx([56, 56], abs=1)]
    assert bool((layer.sigma >= 8).all())
    assert layer.parents.shape == (3, 0)


@pytest.mark.parametrize("level", [0, 1])
def test_a_layer_that_never_fires_is_refused(world, level):
    maps = list(world.maps)
    maps[level] = -maps[level].abs()
    with pytest.raises(SubjectError, match=f"layer '{NAMES[level]}' never fires"):
        graph_of(maps)


def test_a_map_of_one_row_is_one_axis():
    maps = torch.zeros(4, 1, 1, 6)
    maps[:, 0, 0, 1] = maps[:, 0, 0, 4] = 1
    graph = graph_of([maps], nodes_per_filter=2)
    assert {row for row, _ in graph.layers[0].mu.tolist()} == {32}
    assert graph.infer_maps([maps]).positions.shape == (4, 2, 2)


@pytest.mark.parametrize(
    ("make", "layers"),
    [
        (lambda: ResNet18(3, width=0.125), ["layer2", "layer3.0.conv1", "layer3"]),
        (lambda: ConvNet(3, widths=(6, 8, 10), hidden=(5,)), ["blocks.0.0", "blocks.1.2", "blocks.2.2"]),
    ],
    ids=["resnet", "convnet"],
)
@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
def test_networks_of_ours(make, layers, size):
    torch.manual_seed(0)
    subject = net(make(), size)
    images = torch.randn(12, 3, *size)
    settings = GraphSettings(nodes_per_filter=2, parents=4, iterations=4)
    graph = fit_explanatory_graph(subject, layers, images, settings=settings, batch_size=5)
    assert [layer.name for layer in graph.layers] == layers
    assert graph.image_size == size
    for layer in graph.layers:
        assert len(set(layer.filters.tolist())) == int((layer.scales > 0).sum())
        assert bool((layer.shares > 0).all())
        inside = (layer.mu > -max(size)) & (layer.mu < 2 * max(size))
        assert bool(inside.all())
    found = graph.infer(subject, images[:5], batch_size=2)
    assert found.positions.shape == (5, graph.num_nodes, 2)
    assert bool((found.scores >= 0).all())
    whole = graph.infer(subject, images[:5])
    torch.testing.assert_close(whole.positions, found.positions)
    batches = fit_explanatory_graph(subject, layers, [images[:7], images[7:]], settings=settings)
    torch.testing.assert_close(batches.layers[0].mu, graph.layers[0].mu, rtol=1e-3, atol=1e-2)


def test_a_network_is_left_as_it_was():
    subject = net(ConvNet(3, widths=(4, 4), hidden=(5,)))
    subject.network.train()
    fit_explanatory_graph(subject, ["blocks.0.2", "blocks.1.2"], torch.randn(4, 3, 32, 32))
    assert all(module.training for module in subject.network.modules())
    assert not any(module._forward_hooks for module in subject.network.modules())


@pytest.mark.parametrize(
    ("layers", "images", "error", "message"),
    [
        (["blocks.0.2", "blocks.1.2"], torch.randn(0, 3, 32, 32), DataError, "needs at least 2 images .* there are 0"),
        (["blocks.0.2", "blocks.1.2"], [], DataError, "there are 0; give more"),
        (["blocks.0.2", "blocks.1.2"], torch.randn(1, 3, 32, 32), DataError, "there are 1; give more"),
        (["blocks.1.2", "blocks.0.2"], torch.randn(2, 3, 32, 32), SubjectError, "which is blocks.0.2, blocks.1.2, but"),
        (["blocks.0.2", "blocks.0.2"], torch.randn(2, 3, 32, 32), SubjectError, "each layer can be named once"),
        (["blocks.0.2", "output"], torch.randn(2, 3, 32, 32), SubjectError, "layer 'output' returns"),
        (["blocks.0.2"], torch.full((2, 3, 32, 32), torch.nan), SubjectError, "NaN or infinite"),
        (["blocks.1.2"], torch.randn(2, 3, 4, 4), SubjectError, "are 1 x 1, so a part has no place"),
        ([], torch.randn(2, 3, 32, 32), SettingError, "at least 1 layer was expected"),
        (["blocks.0.2"], [torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 40)], SettingError, "images of one size"),
    ],
)
def test_what_cannot_be_fitted_is_refused(layers, images, error, message):
    torch.manual_seed(0)
    with pytest.raises(error, match=message):
        fit_explanatory_graph(net(ConvNet(3, widths=(4, 4), hidden=(5,))), layers, images)


def test_more_or_fewer_numbers_of_nodes_than_layers_are_refused_before_any_work():
    class Never(nn.Module):
        def forward(self, images):
            raise AssertionError

    with pytest.raises(SettingError, match="one number of nodes for each of 1 layers"):
        settings = GraphSettings(nodes_per_filter=(2, 2))
        fit_explanatory_graph(net(Never()), ["any"], torch.randn(2, 3, 8, 8), settings=settings)
