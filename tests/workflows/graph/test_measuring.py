"""Points are chosen on the training pictures and measured on the test pictures; what cannot be measured is absent."""

import math

import pytest
import torch

from whynet.data.birds.dataset import PaintedBirds
from whynet.models.preprocessing import Preprocessing
from whynet.workflows.graph.measuring import CHOSEN, SeenParts, measure_points, seen_parts
from whynet.workflows.graph.points import CENTRE, FILTERS, NODES, PRIORS, Points

SIZE = (40, 60)


def parts_at(places):
    """A landmark, with a mask of 4 x 4 pixels around it."""
    rows, columns = torch.arange(40) + 0.5, torch.arange(60) + 0.5
    near = ((rows[:, None] - places[:, 0, None, None]).abs() < 2) & ((columns - places[:, 1, None, None]).abs() < 2)
    landmarks = torch.cat([places, torch.ones(len(places), 1)], 1)[:, None]
    return SeenParts(
        size=SIZE, landmarks=landmarks, names=("head",), masks=near[:, None], present=torch.ones(len(places), 1).bool()
    )


def wandering(places, noise, count):
    spread = noise * torch.arange(count)[None, :, None] * torch.randn(len(places), count, 2)
    return Points(positions=places[:, None] + spread, scores=torch.ones(len(places), count))


@pytest.fixture
def world():
    torch.manual_seed(0)
    train, test = (torch.rand(30, 2) * torch.tensor([30.0, 50.0]) + 5 for _ in range(2))

    def kinds(places):
        still = torch.tensor([[[20.0, 30.0]]]).expand(30, 1, 2)
        return {
            NODES: wandering(places, 0.1, 60), FILTERS: wandering(places, 0.5, 20),
            PRIORS: Points(positions=still.expand(30, 60, 2), scores=torch.ones(30, 60)),
            CENTRE: Points(positions=still, scores=torch.ones(30, 1)),
        }  # fmt: skip

    return kinds(train), kinds(test), parts_at(train), parts_at(test)


def test_the_steadiest_on_training_pictures_are_measured_on_test_pictures(world):
    found = measure_points(*world)
    nodes, filters, centre = (found[kind] for kind in (NODES, FILTERS, CENTRE))
    assert len(nodes.chosen) == len(filters.chosen) == CHOSEN
    assert nodes.chosen[0] == filters.chosen[0] == 0, "the point that never leaves the landmark"
    own = nodes.instability[nodes.chosen]
    assert nodes.figures["location_instability"] == pytest.approx(float(own.mean()), abs=1e-6)
    distance = (world[1][NODES].positions - world[3].landmarks[..., :2]).norm(dim=2) / math.hypot(*SIZE)
    assert nodes.instability.tolist() == pytest.approx(distance.std(0).tolist(), abs=1e-6)
    assert nodes.figures["location_instability"] < nodes.figures["instability_of_few"]
    assert nodes.figures["instability_of_few"] < nodes.figures["instability_of_all"]
    assert filters.figures["instability_of_few"] == filters.figures["location_instability"]
    assert centre.figures["location_instability"] == pytest.approx(nodes.figures["constant_centre"], abs=1e-6)
    away = (world[3].landmarks[:, 0, :2] - torch.tensor([20.0, 30.0])).norm(dim=1).mean() / math.hypot(*SIZE)
    assert centre.figures["one_shot_error"] == pytest.approx(float(away), abs=1e-6)
    assert nodes.figures["one_shot_error"] < filters.figures["one_shot_error"] < centre.figures["one_shot_error"]
    assert nodes.part[0] == 0
    assert float(nodes.hits[0]) == 1
    assert nodes.figures["num_hitting"] == float((nodes.hits > 0.5).sum()) >= 1
    assert nodes.figures["hits_a_part"] == pytest.approx(nodes.figures["num_hitting"] / 60)
    assert (nodes.figures["parts_hit"], centre.figures["parts_hit"]) == (1, 0)
    assert {kind: own.figures["candidates"] for kind, own in found.items()} == {
        NODES: 60, FILTERS: 20, PRIORS: 60, CENTRE: 1,
    }  # fmt: skip


def test_what_too_few_pictures_show_is_not_measured(world):
    learned, tested, parts, test_parts = world
    for own in (parts, test_parts):
        own.landmarks[5:, :, 2] = 0
        own.present[5:] = False
    found = measure_points(learned, tested, parts, test_parts)[NODES]
    assert set(found.figures) == {"one_shot_error", "candidates"}
    assert found.chosen == []
    assert found.part.tolist() == [-1] * 60
    assert found.hits.isnan().all()
    test_parts.landmarks[..., 2] = 0
    assert set(measure_points(learned, tested, parts, test_parts)[NODES].figures) == {"candidates"}


def test_pictures_without_parts_have_none():
    preprocess = Preprocessing(height=16, width=16)

    birds = PaintedBirds("test", num_species=2, per_class=1, image_size=16)
    assert seen_parts(preprocess, birds, (), "test") is None
    assert seen_parts(preprocess, birds.subset([]), ("back",), "test") is None
    found = seen_parts(preprocess, birds, ("back", "tail"), "test")
    assert found.landmarks.shape == (2, 2, 3)
    assert "head" in found.names
    assert found.masks.shape == (2, len(found.names), 16, 16)
    nameless = birds.subset([0])
    nameless.part_names = ()
    assert seen_parts(preprocess, nameless, ("back",), "test") is None
