"""A graph comes back as it was written, and what is damaged, missing or mixed up is told in a sentence."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from whynet.base.errors import RunError, StorageError
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.saving import DESCRIPTION, NUMBERS, _digest
from whynet.structures.graph_settings import GraphSettings

TENSORS = ("scales", "filters", "mu", "sigma", "shares", "parents", "edge_sigmas")


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    maps = [torch.randn(6, 3, 5, 4), torch.randn(6, 2, 3, 3)]
    settings = GraphSettings(nodes_per_filter=(3, 2), iterations=2, seed=7)
    layers = fit_layers(["low", "high"], maps, (40, 32), settings)
    return ExplanatoryGraph(layers=layers, image_size=(40, 32), network="0123", settings=settings)


def test_what_was_saved_comes_back(graph, tmp_path):
    folder = tmp_path / "new" / "graph"
    for _ in range(2):  # over the old one, too
        graph.save(str(folder))
    assert sorted(path.name for path in folder.iterdir()) == [DESCRIPTION, NUMBERS]
    found = ExplanatoryGraph.load(folder)
    assert (found.image_size, found.network, found.settings) == ((40, 32), "0123", graph.settings)
    for one, two in zip(graph.layers, found.layers, strict=True):
        assert (one.name, one.map_size) == (two.name, two.map_size)
        assert all(torch.equal(getattr(one, name), getattr(two, name)) for name in TENSORS)


def rewrite(folder, *, description=None, tensors=None):
    """Change what is written, with a digest that fits."""
    if tensors is not None:
        own = load_file(folder / NUMBERS)
        tensors(own)
        save_file(own, folder / NUMBERS)
    found = json.loads((folder / DESCRIPTION).read_text())
    found["numbers"] = _digest((folder / NUMBERS).read_bytes())
    if description is not None:
        description(found)
    (folder / DESCRIPTION).write_text(json.dumps(found))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / DESCRIPTION).unlink(),
        lambda folder: (folder / NUMBERS).unlink(),
        lambda folder: (folder / DESCRIPTION).write_text("{"),
        lambda folder: (folder / DESCRIPTION).write_text("[]"),
        lambda folder: (folder / NUMBERS).write_bytes((folder / NUMBERS).read_bytes()[:-3]),
        lambda folder: (folder / NUMBERS).write_bytes((folder / NUMBERS).read_bytes()[:-1] + b"x"),
        lambda folder: rewrite(folder, description=lambda own: own.update(format=2)),
        lambda folder: rewrite(folder, description=lambda own: own.update(layers=[])),
        lambda folder: rewrite(folder, description=lambda own: own.update(layers=own["layers"] * 2)),
        lambda folder: rewrite(folder, description=lambda own: own.update(image_size=[0, 4])),
        lambda folder: rewrite(folder, description=lambda own: own.update(image_size=4)),
        lambda folder: rewrite(folder, description=lambda own: own.update(image_size=[4.0, 4])),
        lambda folder: rewrite(folder, description=lambda own: own.update(image_size=[10**400, 16])),
        lambda folder: (folder / DESCRIPTION).write_text(
            (folder / DESCRIPTION).read_text().rstrip().removesuffix("}") + ', "image_size": [1e999, 16]}'
        ),
        lambda folder: rewrite(folder, description=lambda own: own["layers"][0].update(map_size=[5, 4, 1])),
        lambda folder: rewrite(folder, description=lambda own: own["settings"].update(noise=2.0)),
        lambda folder: rewrite(folder, description=lambda own: own["settings"].update(other=2.0)),
        lambda folder: rewrite(folder, tensors=lambda own: own.pop("0.mu")),
        lambda folder: rewrite(folder, tensors=lambda own: own["0.mu"].fill_(torch.nan)),
        lambda folder: rewrite(folder, tensors=lambda own: own["0.sigma"].zero_()),
        lambda folder: rewrite(folder, tensors=lambda own: own["0.parents"].fill_(99)),
        lambda folder: rewrite(folder, tensors=lambda own: own["1.filters"].fill_(-1)),
        lambda folder: rewrite(folder, tensors=lambda own: own.update({"0.mu": own["0.mu"][:1].clone()})),
        lambda folder: rewrite(folder, tensors=lambda own: own.update({"0.mu": own["0.mu"].double()})),
        lambda folder: rewrite(folder, tensors=lambda own: own.update({"0.scales": torch.tensor(1.0)})),
        lambda folder: rewrite(
            folder,
            tensors=lambda own: own.update({"0.parents": own["0.parents"][:, :0], "0.edge_sigmas": torch.zeros(9, 0)}),
        ),
    ],
)
def test_damaged_files_are_told(graph, tmp_path, damage):
    graph.save(tmp_path)
    damage(tmp_path)
    with pytest.raises(RunError, match="does not hold a whole explanatory graph .*; fit it anew"):
        ExplanatoryGraph.load(tmp_path)


def test_a_graph_of_which_half_was_written_is_told(graph, tmp_path):
    graph.save(tmp_path)
    old = (tmp_path / DESCRIPTION).read_bytes()
    other = ExplanatoryGraph(
        layers=graph.layers[1:], image_size=(40, 32), network="4567", settings=GraphSettings(nodes_per_filter=2)
    )
    other.save(tmp_path)
    (tmp_path / DESCRIPTION).write_bytes(old)
    with pytest.raises(RunError, match="is not the file that it was written with"):
        ExplanatoryGraph.load(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(graph, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        graph.save(tmp_path / "file" / "graph")
