"""Fits an explanatory graph to a network, from the top layer down, so that each layer knows where its parents are.

In each layer the nodes begin spread over what their filters fire for (`beginning`), are learned by expectation
maximisation (`expectation`, `maximisation`), and are then looked for in all images (`inference`), which is what the
next layer down learns from.

Our readings: F(x) = max(activation, 0) over the filter's mean peak, so within a filter an image counts by its
activation, and no filter counts more than another. A node to which less than a thousandth of its filter's activation
belongs in the end is dead and dropped, unless it is the filter's best.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whynet.base.errors import DataError, SettingError, SubjectError
from whynet.base.progress import track
from whynet.base.seeding import generator
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.structures.explanatory_graph.beginning import first_nodes
from whynet.structures.explanatory_graph.expectation import Clouds, Moments, expectation
from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.grid import Grid
from whynet.structures.explanatory_graph.inference import LayerMaps, Maps, best_positions, clouds_of
from whynet.structures.explanatory_graph.layer import GraphLayer
from whynet.structures.explanatory_graph.layer_maps import check_order, layer_maps
from whynet.structures.explanatory_graph.maximisation import Moves, Nodes, maximisation
from whynet.structures.graph_settings import GraphSettings

LEAST_SHARE = 1e-3
"""Of a filter's activation: what a node needs to live."""


def fit_explanatory_graph(
    subject: Subject,
    layers: Sequence[str],
    images: Tensor | Iterable[Tensor],
    *,
    settings: GraphSettings | None = None,
    batch_size: int = 32,
) -> ExplanatoryGraph:
    """The explanatory graph of some layers of a network.

    Each image is looked at once; the layers' maps of all images are kept in memory, in single precision, on the
    network's device. Twice the same images give the same graph.

    Args:
        subject: The network; left as it was.
        layers: Dotted names of convolutions, their ReLUs or blocks of them, bottom to top; "relu:1" is the second run
            of a module that is reused.
        images: Preprocessed, of one size, best of objects that fill them alike: one batch or several.
        settings: Size of the graph and of the fit.
        batch_size: Images in one forward pass, at most.

    Returns:
        A graph with at least one node for each filter that fires on any image.

    Raises:
        SettingError: The images are no batches or of several sizes, or the settings do not fit the layers.
        DataError: There are fewer than two images, in which nothing can move together.
        SubjectError: A layer does not exist, is named twice, runs never or several times, holds NaN, has no maps of two
            cells or more, or never fires; or the layers are not in the order in which they run, or one of them does
            not lead to the next.
    """
    settings = settings or GraphSettings()
    if not layers:
        raise SettingError("at least 1 layer was expected, but there is none; name the upper convolutions")
    settings.nodes_in(len(layers))
    maps, size = _recorded(subject, layers, images, batch_size)
    return ExplanatoryGraph(
        layers=fit_layers(layers, maps, size, settings),
        image_size=size,
        network=weights_fingerprint(subject.network),
        settings=settings,
    )


def fit_layers(
    names: Sequence[str], maps: Sequence[LayerMaps], image_size: tuple[int, int], settings: GraphSettings
) -> tuple[GraphLayer, ...]:
    """The layers of a graph, from recorded maps.

    Args:
        names: Of the layers, bottom to top.
        maps: Of each, of the same images; they are left as they are.
        image_size: Rows and columns of the images, in pixels.
        settings: Of the fit.

    Raises:
        SubjectError: A layer never fires.
    """
    fitted: list[GraphLayer] = []
    above = maps[-1].new_zeros(len(maps[-1]), 0, 2)
    counts = settings.nodes_in(len(names))
    for index, (name, own, count) in reversed(list(enumerate(zip(names, maps, counts, strict=True)))):
        stream = generator(settings.seed, "explanatory graph", len(names) - 1 - index)
        layer, above = _fit_layer(name, own, image_size, above, count, settings, stream)
        fitted.insert(0, layer)
    return tuple(fitted)


def learn(
    clouds: Clouds, grid: Grid, above: Moves, nodes: Nodes, there: Bool[Tensor, "filters nodes"],
    settings: GraphSettings, name: str,
) -> tuple[Nodes, Moments, list[float]]:  # fmt: skip
    """Nodes after all iterations, the moments of their units, and the log-likelihood before each iteration and last.

    Args:
        clouds: One a filter and image.
        grid: Of the maps.
        above: Moves of the nodes of the layer above.
        nodes: As they begin, as many a filter.
        there: Which of them there are.
        settings: Of the fit.
        name: Of the layer, for the progress bar.
    """
    prior = (1 - settings.noise) * there / there.sum(1, keepdim=True)
    prior = prior.to(clouds.dtype)

    def shared(nodes: Nodes) -> tuple[Moments, float]:
        places = (nodes.mu + nodes.moves).view(len(clouds), *there.shape, 2)
        moments, likelihood = expectation(clouds, grid, places, nodes.sigma.view(there.shape), prior, settings.noise)
        return moments, float(likelihood.sum())

    likelihoods = []
    for _ in track(range(settings.iterations), f"Learning the nodes of {name}"):
        moments, likelihood = shared(nodes)
        likelihoods.append(likelihood)
        nodes = maximisation(nodes, moments, above, settings.parents, grid.least_sigma)
    moments, likelihood = shared(nodes)
    return nodes, moments, [*likelihoods, likelihood]


def _recorded(
    subject: Subject, layers: Sequence[str], images: Tensor | Iterable[Tensor], batch_size: int
) -> tuple[list[LayerMaps], tuple[int, int]]:
    """The maps of all images, one tensor a layer, and the size of the images."""
    kept: list[list[Tensor]] = [[] for _ in layers]
    size: tuple[int, int] | None = None
    for batch, maps in track(layer_maps(subject, layers, images, batch_size), "Recording the maps"):
        own_size = (batch.shape[2], batch.shape[3])
        if size is None:
            check_order(subject, layers, batch[:1])
            size = own_size
        if own_size != size:
            raise SettingError(
                f"images of one size were expected, but {size} and {own_size} pixels came; preprocess all alike"
            )
        for own, new in zip(kept, maps, strict=True):
            own.append(new)
    count = sum(map(len, kept[0]))
    if size is None or count < 2:
        raise DataError(f"a graph needs at least 2 images to see what moves together, but there are {count}; give more")
    return [torch.cat(kept.pop(0)) for _ in layers], size  # one layer after the other: its parts are freed


def _fit_layer(
    name: str, maps: Maps, image_size: tuple[int, int], above: Moves, num_nodes: int, settings: GraphSettings,
    stream: torch.Generator,
) -> tuple[GraphLayer, Float[Tensor, "images nodes 2"]]:  # fmt: skip
    """A layer, and how far its nodes are from their mean places in each image."""
    scales = maps.amax((2, 3)).clamp(min=0).mean(0)
    live = scales.nonzero()[:, 0]
    if not len(live):
        raise SubjectError(
            f"layer {name!r} never fires: no activation is above 0 on {len(maps)} images; name another layer"
        )
    clouds = clouds_of(maps[:, live], scales[live])
    grid = Grid.over(image_size, clouds)
    nodes, there = first_nodes(clouds, grid, above, num_nodes, settings.parents, stream)
    nodes, moments, _ = learn(clouds, grid, above, nodes, there, settings, name)
    shares = moments.count.sum(0).view(there.shape) / clouds.sum((0, 2, 3))[:, None]
    alive = _alive(shares, there)
    filters = torch.arange(len(live), device=live.device).repeat_interleave(num_nodes)[alive]
    mu, sigma = nodes.mu[alive], nodes.sigma[alive]
    positions, _ = best_positions(clouds, grid, filters, mu + nodes.moves[:, alive], sigma)
    layer = GraphLayer(
        name=name,
        map_size=grid.map_size,
        scales=scales.cpu(),
        filters=live[filters].cpu(),
        mu=mu.cpu(),
        sigma=sigma.cpu(),
        shares=shares.flatten()[alive].cpu(),
        parents=nodes.parents[alive].cpu(),
        edge_sigmas=nodes.edge_sigmas[alive].cpu(),
    )
    return layer, positions - mu


def _alive(shares: Float[Tensor, "filters nodes"], there: Bool[Tensor, "filters nodes"]) -> Bool[Tensor, " all_nodes"]:
    """Which nodes stay: those with their least share, and the best of each filter."""
    shares = shares.where(there, -1)
    return (shares >= torch.minimum(shares.new_tensor(LEAST_SHARE), shares.amax(1, keepdim=True))).flatten()
