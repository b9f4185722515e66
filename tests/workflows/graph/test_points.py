"""The points of each kind: filters where they fire most, nodes where they are found, and what never moves."""

import torch

from whynet.structures.explanatory_graph import ExplanatoryGraph, GraphSettings
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.workflows.graph.centres import UnitCentres
from whynet.workflows.graph.points import CENTRE, FILTERS, NODES, PRIORS, all_points

SIZE = (48, 32)


def test_the_points_of_each_kind():
    torch.manual_seed(0)
    maps = [torch.rand(6, 3, 6, 4), torch.rand(6, 2, 3, 2)]
    maps[0][:, 1] = 0  # never fires
    settings = GraphSettings(iterations=2)
    layers = fit_layers(["a", "b"], maps, SIZE, settings)
    graph = ExplanatoryGraph(layers=layers, image_size=SIZE, network="n", settings=settings)
    where = [
        UnitCentres(start=(3.0, 5.0), step=(7.0, 6.0), cell=(8.0, 8.0)),
        UnitCentres(start=(8.0, 8.0), step=(16.0, 16.0), cell=(16.0, 16.0)),
    ]
    found = graph.infer_maps(maps)
    points = all_points(graph, found, maps, where)
    assert list(points) == [NODES, FILTERS, PRIORS, CENTRE]
    filters = points[FILTERS]
    assert filters.scores.shape == (6, 4)  # two of the first layer, two of the second
    for image in range(6):
        for place, (level, number) in enumerate(((0, 0), (0, 2), (1, 0), (1, 1))):
            own = maps[level][image, number]
            row, column = divmod(int(own.argmax()), own.shape[1])
            start, step = where[level].start, where[level].step
            told = [start[0] + row * step[0], start[1] + column * step[1]]
            assert filters.positions[image, place].tolist() == told
            scale = float(maps[level][:, number].amax((1, 2)).mean())
            torch.testing.assert_close(filters.scores[image, place], own.max() / scale)
    below = layers[0].num_nodes
    torch.testing.assert_close(points[NODES].positions[:, below:], found.positions[:, below:])
    moved = torch.tensor([3.0, 5.0]) + (found.positions[:, :below] / 8 - 0.5) * torch.tensor([7.0, 6.0])
    torch.testing.assert_close(points[NODES].positions[:, :below], moved)
    assert torch.equal(points[NODES].scores, found.scores)
    assert (points[PRIORS].positions == points[PRIORS].positions[:1]).all()
    torch.testing.assert_close(points[PRIORS].positions[0, below:], layers[1].mu)
    assert points[CENTRE].positions.tolist() == [[[24.0, 16.0]]] * 6
