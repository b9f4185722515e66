"""Filters of a layer: against the metrics fed by hand, and on filters whose part is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from whynet.base.errors import DataError, SettingError, SubjectError
from whynet.data.birds.dataset import PaintedBirds
from whynet.metrics import FilterActivity, LocationInstability, PartInterpretability, QuantileSketch
from whynet.metrics.part_interpretability import discs
from whynet.models.convnet import ConvNet
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import make_interpretable
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.filters.measuring import filters_layer, measure_filters, whole_parts
from whynet.workflows.seen_parts import landmarks_of, part_masks

LANDMARKS = ("forehead", "back", "tail")
SIZE = 32


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    cache = tmp_path_factory.mktemp("birds")
    return PaintedBirds("test", num_species=2, per_class=12, image_size=SIZE, cache=cache)


@pytest.fixture(scope="module")
def subject(birds):
    torch.manual_seed(0)
    network = ConvNet(2, widths=(8, 6), hidden=()).eval()
    return Subject(network, class_names=birds.class_names, preprocess=Preprocessing(height=SIZE, width=SIZE))


@pytest.fixture(scope="module")
def measured(subject, birds):
    return measure_filters(subject, "blocks.1.2", birds, LANDMARKS)


def test_figures_are_the_metrics_of_the_maps(subject, birds, measured):
    """One batch of everything, fed by hand."""
    examples = [birds[row] for row in range(len(birds))]
    images = subject.preprocess([one.image for one in examples])
    with torch.no_grad():
        maps = subject.network.blocks[1][:3](subject.network.blocks[0](images))
    labels = torch.tensor(birds.labels)
    sketch, activity = QuantileSketch(6), FilterActivity(6, 2)
    sketch.update(maps)
    activity.update(maps, labels)
    category = activity.compute().category
    names = whole_parts(birds.part_names, birds.counted_with)
    masks = torch.stack([part_masks(subject.preprocess, one, 15, SIZE, SIZE)[0] for one in examples])
    masks = torch.stack([masks[:, places].any(1) for places in names.values()], 1)
    fields = discs(measured.geometry.centres, measured.geometry.radius, (SIZE, SIZE), (SIZE, SIZE))
    parts = PartInterpretability(6, len(names), sketch.compute().thresholds)
    parts.update(maps, masks, masks.flatten(2).any(2), fields, labels[:, None] == category)
    points = np.stack([landmarks_of(subject.preprocess, one, birds.part_names, LANDMARKS) for one in examples])
    wandering = LocationInstability(6, 3, 2, size=(SIZE, SIZE), min_images=10)
    rows_first = torch.from_numpy(points).float()[..., [1, 0, 2]]
    wandering.update(maps, measured.geometry.centres, rows_first, labels)
    assert measured.figures["part_interpretability"] == pytest.approx(parts.compute().part_interpretability)
    assert measured.figures["location_instability"] == pytest.approx(wandering.compute().location_instability)
    assert measured.figures["constant_centre"] == pytest.approx(wandering.compute().constant_centre)
    assert [own["category"] for own in measured.filters] == category.tolist()
    steady = wandering.compute().per_category[torch.arange(6), category].tolist()
    told = [own["location_instability"] for own in measured.filters]
    assert told == [pytest.approx(value) if value == value else None for value in steady], "of the category beside it"
    of_parts = zip(parts.compute().part.tolist(), parts.compute().score.tolist(), strict=True)
    expected = [list(names)[place] if score > 0 else None for place, score in of_parts]
    assert [own["part"] for own in measured.filters] == expected
    assert measured.figures["num_filters"] == 6
    assert 0 < measured.figures["radius"] < 1
    lowest = wandering.compute().centre_per_category.nan_to_num(nan=9).amin(1)
    assert measured.figures["lowest_constant_centre"] == pytest.approx(float(lowest[lowest < 9].mean()))
    assert measured.figures["silent"] == pytest.approx(float((maps.flatten(2).amax(2) <= 0).float().mean()))
    assert measured.figures["without_part"] == parts.compute().left_out
    assert measured.figures["without_instability"] == wandering.compute().left_out


def test_networks_that_are_compared_have_fields_of_one_size(subject, birds, measured):
    torch.manual_seed(1)
    wide = ConvNet(2, widths=(8,), hidden=()).eval()
    twin = Subject(wide, class_names=birds.class_names, preprocess=subject.preprocess)
    alone = measure_filters(twin, "blocks.0.2", birds, LANDMARKS)
    found = measure_filters(subject, "blocks.1.2", birds, LANDMARKS, fields_of=twin)
    assert alone.figures["radius"] != measured.figures["radius"]
    assert found.figures["radius"] == alone.figures["radius"]
    assert found.figures["own_radius"] == measured.figures["radius"] == measured.figures["own_radius"]
    assert torch.equal(found.geometry.centres, measured.geometry.centres)
    assert found.figures["part_interpretability"] != measured.figures["part_interpretability"]
    assert found.figures["location_instability"] == measured.figures["location_instability"], "peaks have no size"


def test_what_training_told_filters_is_held_against_what_they_fire_for(subject, birds, measured):
    settings = FilterSettings(beta=0.0, strength=0.0)
    network = make_interpretable(subject.network, "blocks.1.2", images=subject.preprocess.blank(), settings=settings)
    twin = Subject(network.eval(), class_names=birds.class_names, preprocess=subject.preprocess)
    untrained = measure_filters(twin, "blocks.1.2", birds, LANDMARKS)
    assert "trained_category" not in measured.figures.keys() | untrained.figures.keys()
    own = [one["category"] for one in untrained.filters]
    mask = network.blocks[1][2].mask
    mask.categories.copy_(torch.tensor([1 - own[0], *own[1:]]))
    assert measure_filters(twin, "blocks.1.2", birds, LANDMARKS).figures["trained_category"] == pytest.approx(5 / 6)
    mask.categories.fill_(0)
    alone = measure_filters(twin, "blocks.1.2", birds, LANDMARKS, num_categories=1)
    live = 1 - alone.figures["dead"] / 6
    assert alone.figures["trained_category"] == pytest.approx(live)


class RedSpot(nn.Module):
    """A classifier with one filter, which fires where cells of 4 pixels are the reddest."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(4)
        self.pick = nn.Conv2d(3, 1, 1)
        self.relu = nn.ReLU()
        with torch.no_grad():
            self.pick.weight.copy_(torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1))
            self.pick.bias.zero_()

    def forward(self, images):
        mean = self.relu(self.pick(self.pool(images))).mean((1, 2, 3))
        return torch.stack([mean, -mean], 1)


class RedBills(PaintedBirds):
    """Dark birds with red bills."""

    counted_with = {}  # noqa: RUF012

    def __getitem__(self, index):
        one = super().__getitem__(index)
        bill = one.part_map == 1 + self.part_names.index("beak")
        return replace(one, image=np.where(bill[..., None], np.uint8([255, 0, 0]), one.image // np.uint8(8)))


def test_a_filter_of_a_red_part_is_found_on_that_part_and_does_not_wander(tmp_path):
    birds = RedBills("test", num_species=2, per_class=12, image_size=SIZE, cache=tmp_path)
    preprocess = Preprocessing(height=SIZE, width=SIZE)
    subject = Subject(RedSpot().eval(), class_names=birds.class_names, preprocess=preprocess)
    found = measure_filters(subject, "relu", birds, ("beak",))
    assert found.filters[0]["part"] == "beak"
    assert found.figures["location_instability"] < 0.5 * found.figures["constant_centre"]


def test_a_part_that_counts_with_another_has_no_figure_of_its_own(tmp_path):
    class Heads(RedBills):
        counted_with = {"beak": "crown"}  # noqa: RUF012

    birds = Heads("test", num_species=2, per_class=12, image_size=SIZE, cache=tmp_path)
    preprocess = Preprocessing(height=SIZE, width=SIZE)
    subject = Subject(RedSpot().eval(), class_names=birds.class_names, preprocess=preprocess)
    found = measure_filters(subject, "relu", birds, ("beak",))
    assert found.filters[0]["part"] != "beak"
    assert found.figures["location_instability"] < 0.5 * found.figures["constant_centre"], "its landmark is its own"


def seen_through(change):
    """The birds, each changed."""

    class Changed(PaintedBirds):
        def __getitem__(self, index):
            return change(super().__getitem__(index), self.part_names)

    return Changed


def without_tail(one, part_names):
    tail = part_names.index("tail")
    landmarks = one.landmarks.copy()
    landmarks[tail] = 0
    return replace(one, landmarks=landmarks, part_map=np.where(one.part_map == 1 + tail, np.uint8(0), one.part_map))


def test_a_part_that_never_occurs_is_no_filters_part_and_no_landmark(subject, tmp_path):
    birds = seen_through(without_tail)("test", num_species=2, per_class=12, image_size=SIZE, cache=tmp_path)
    found = measure_filters(subject, "blocks.1.2", birds, LANDMARKS)
    assert "tail" not in {one["part"] for one in found.filters}
    two = measure_filters(subject, "blocks.1.2", birds, ("forehead", "back"))
    assert found.figures == two.figures
    alone = measure_filters(subject, "blocks.1.2", birds, ("tail",))
    assert not {"location_instability", "constant_centre"} & set(alone.figures)
    assert [one["location_instability"] for one in alone.filters] == [None] * 6


def strip(one, _part_names):
    """Three rows of the picture."""
    landmarks = one.landmarks - np.array([0, 15, 0])
    landmarks[(landmarks[:, 1] < 0) | (landmarks[:, 1] > 3)] = 0
    return replace(
        one, image=one.image[15:18], part_map=one.part_map[15:18], landmarks=landmarks, box=(0.0, 0.0, float(SIZE), 3.0)
    )


def test_crops_a_few_pixels_high_and_maps_of_one_position_are_measured(subject, birds, tmp_path):
    flat = seen_through(strip)("test", num_species=2, per_class=12, image_size=SIZE, cache=tmp_path)
    assert flat[0].image.shape == (3, SIZE, 3)
    found = measure_filters(subject, "blocks.1.2", flat, LANDMARKS)
    assert 0 <= found.figures["part_interpretability"] <= 1
    small = Subject(subject.network, class_names=subject.class_names, preprocess=Preprocessing(height=8, width=8))
    one = measure_filters(small, "blocks.1.3", birds, LANDMARKS)
    assert one.geometry.centres.shape == (1, 1, 2)
    assert one.figures["location_instability"] > 0


def test_without_a_picture_of_the_category_there_is_nothing_to_measure(subject, birds):
    others = birds.subset([row for row, label in enumerate(birds.labels) if label == 1])
    with pytest.raises(DataError, match=f"on pictures of {subject.class_names[0]}, but none of the 12 pictures is one"):
        measure_filters(subject, "blocks.1.2", others, LANDMARKS, num_categories=1)


def test_a_single_category_looks_at_its_own_pictures_alone(subject, birds):
    found = measure_filters(subject, "blocks.1.2", birds, LANDMARKS, num_categories=1)
    own = birds.subset([row for row, label in enumerate(birds.labels) if label == 0])
    again = measure_filters(subject, "blocks.1.2", own, LANDMARKS, num_categories=1)
    assert found.figures == again.figures
    assert {one["category"] for one in found.filters} <= {0, -1}


def test_the_layer_is_the_interpretable_one_else_the_networks_top(subject, birds):
    made = make_interpretable(subject.network, "blocks.1.2", images=torch.rand(1, 3, SIZE, SIZE))
    own = Subject(made, class_names=subject.class_names, preprocess=subject.preprocess)
    assert filters_layer(own) == filters_layer(subject) == "blocks.1.2"
    assert filters_layer(subject, "blocks.0") == "blocks.0"
    found = measure_filters(own, "blocks.1.2", birds, LANDMARKS)
    assert found.figures["num_filters"] == 6
    plain = Subject(nn.Flatten(), class_names=("a", "b"), preprocess=subject.preprocess)
    with pytest.raises(SubjectError, match="--layer is needed for network"):
        filters_layer(plain)


def test_what_cannot_be_measured(subject, birds):
    with pytest.raises(SubjectError, match=r"layer 'feature' has no maps .* but a tensor of shape \(6,\)"):
        measure_filters(subject, "feature", birds, LANDMARKS)
    with pytest.raises(SettingError, match="the data set knows none"):
        measure_filters(subject, "blocks.1.2", birds, ())
    bare = Subject(subject.network, class_names=subject.class_names, preprocess=lambda pictures: torch.zeros(1))
    with pytest.raises(SettingError, match="through a whynet Preprocessing alone"):
        measure_filters(bare, "blocks.1.2", birds, LANDMARKS)
    dead = ConvNet(2, widths=(8, 6), hidden=()).eval()
    with torch.no_grad():
        dead.blocks[1][1].bias.fill_(-100)
    with pytest.raises(SubjectError, match=r"no filter of layer 'blocks\.1\.2' fires in any picture"):
        measure_filters(
            Subject(dead, class_names=subject.class_names, preprocess=subject.preprocess),
            "blocks.1.2",
            birds,
            LANDMARKS,
        )


def test_left_and_right_are_one_part():
    assert whole_parts(("head", "left eye", "tail", "right eye")) == {"head": [0], "eye": [1, 3], "tail": [2]}
    assert whole_parts(("neck", "tail", "torso"), {"neck": "torso"}) == {"torso": [0, 2], "tail": [1]}
