"""Compared with the definition in loops; what always fires at the same distance is stable, whatever the batches."""

import copy
import math
import pickle
import statistics

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics import LocationInstability

SIZE = (40, 60)


def unit_centres(rows=3, columns=4):
    """Farther apart across than down, the last row outside the image."""
    down, across = torch.arange(rows) * 20.0 + 2, torch.arange(columns) * 15.5 + 4
    return torch.stack(torch.meshgrid(down, across, indexing="ij"), -1)


def random_data(seed, images=24, filters=3, landmarks=2, categories=1):
    draw = torch.Generator().manual_seed(seed)
    maps = torch.rand(images, filters, 3, 4, generator=draw)
    places = torch.rand(images, landmarks, 3, generator=draw) * torch.tensor([40, 60, 1])
    places[..., 2] = (places[..., 2] < 0.8).float()
    places[places[..., 2] == 0] = torch.tensor([math.nan, math.inf, 0])
    return maps, places, torch.randint(categories, (images,), generator=draw)


def slow_deviations(maps, centres, landmarks, labels, category, top, centre=False):
    """D of each filter and landmark within one category, and over how many images; None where there are too few."""
    deviations, numbers = [], []
    for f in range(maps.shape[1]):
        deviations.append([])
        numbers.append([])
        for k in range(landmarks.shape[1]):
            records = []
            for i in range(len(maps)):
                if int(labels[i]) != category or not float(landmarks[i, k, 2]) > 0:
                    continue
                values = [float(value) for value in maps[i, f].flatten()]
                highest = max(values)
                if highest <= 0:
                    continue
                y, x = divmod(values.index(highest), maps.shape[3])
                point = (SIZE[0] / 2, SIZE[1] / 2) if centre else centres[y, x].tolist()
                records.append((highest, math.dist(point, landmarks[i, k, :2].tolist()) / math.hypot(*SIZE)))
            distances = [distance for _, distance in sorted(records, reverse=True)[:top]]
            deviations[-1].append(statistics.stdev(distances) if len(distances) > 1 else math.nan)
            numbers[-1].append(len(distances))
    return deviations, numbers


def measured(maps, centres, landmarks, labels=None, **options):
    metric = LocationInstability(maps.shape[1], landmarks.shape[1], size=SIZE, **options)
    metric.update(maps, centres, landmarks, labels)
    return metric.compute()


@pytest.mark.parametrize("top", [2, 7, 100])
def test_equals_the_definition_in_loops(top):
    maps, landmarks, labels = random_data(0)
    maps[3, 1] = maps[5, 1] = 0
    found = measured(maps, unit_centres(), landmarks, top=top)
    expected, numbers = slow_deviations(maps, unit_centres(), landmarks, labels, 0, top)
    for own, theirs in zip(found.per_landmark[:, 0].tolist(), expected, strict=True):
        assert own == pytest.approx(theirs, abs=1e-6)
    means = [statistics.mean(row) for row in expected]
    assert found.score.tolist() == pytest.approx(means, abs=1e-6)
    assert found.location_instability == pytest.approx(statistics.mean(means), abs=1e-6)
    centred, _ = slow_deviations(maps, unit_centres(), landmarks, labels, 0, top, centre=True)
    assert found.constant_centre == pytest.approx(statistics.mean(statistics.mean(row) for row in centred), abs=1e-6)
    assert found.images[:, 0].tolist() == numbers
    assert found.blank.tolist() == [0, 2, 0]
    assert (found.left_out, found.category.tolist()) == (0, [0, 0, 0])
    assert found.assigned_instability is found.assigned_constant_centre is found.assigned_left_out is None


def test_a_filter_takes_its_most_stable_category_and_the_assigned_one_stands_beside():
    maps, landmarks, labels = random_data(1, images=40, categories=3)
    labels[labels == 1] = 2  # nobody is of category 1
    assigned = torch.tensor([2, -1, 0])
    found = measured(maps, unit_centres(), landmarks, labels, num_categories=3, top=8, assigned=assigned)
    own, centred = [], []
    for category in range(3):
        options = (maps, unit_centres(), landmarks, labels, category, 8)
        own.append([statistics.mean(row) for row in slow_deviations(*options)[0]])
        centred.append([statistics.mean(row) for row in slow_deviations(*options, centre=True)[0]])
    torch.testing.assert_close(found.per_category.T, torch.tensor(own).double(), atol=1e-6, rtol=0, equal_nan=True)
    torch.testing.assert_close(
        found.centre_per_category.T, torch.tensor(centred).double(), atol=1e-6, rtol=0, equal_nan=True
    )
    category = [min((0, 2), key=lambda c, f=f: own[c][f]) for f in range(3)]
    assert found.category.tolist() == category
    assert set(category) == {0, 2}
    assert found.score.tolist() == pytest.approx([own[c][f] for f, c in enumerate(category)], abs=1e-6)
    assert found.constant_centre == pytest.approx(
        statistics.mean(centred[c][f] for f, c in enumerate(category)), abs=1e-6
    )
    assert found.assigned_instability == pytest.approx((own[2][0] + own[0][2]) / 2, abs=1e-6)
    assert found.assigned_constant_centre == pytest.approx((centred[2][0] + centred[0][2]) / 2, abs=1e-6)
    assert found.assigned_left_out == 1
    assert found.location_instability <= found.assigned_instability or found.assigned_left_out


def test_what_keeps_its_distance_is_stable_and_what_sits_still_is_no_better_than_the_centre():
    centres = unit_centres(2, 2)
    maps, landmarks = torch.zeros(2, 2, 2, 2), torch.tensor([[[2.0, 4.0, 1.0]], [[22.0, 19.5, 1.0]]])
    maps[0, 0, 0, 0] = maps[1, 0, 1, 1] = 1  # follows the landmark
    maps[:, 1, 0, 0] = 1
    found = measured(maps, centres, landmarks)
    away = math.dist((2, 4), (22, 19.5)) / math.hypot(*SIZE)
    assert found.score.tolist() == pytest.approx([0, away / math.sqrt(2)], abs=1e-7)
    middle = [math.dist((20, 30), place) / math.hypot(*SIZE) for place in ((2, 4), (22, 19.5))]
    assert found.constant_centre == pytest.approx(statistics.stdev(middle), abs=1e-7)


def test_only_the_strongest_images_count():
    maps = torch.tensor([5.0, 4.0, 3.0, 2.0])[:, None, None, None]
    landmarks = torch.tensor([[20.0, x, 1.0] for x in (10.0, 10.0, 10.0, 50.0)])[:, None]
    centres = torch.tensor([[[20.0, 0.0]]])  # a map of one position
    assert measured(maps, centres, landmarks, top=3).score.tolist() == pytest.approx([0], abs=1e-7)
    assert measured(maps.flip(0), centres, landmarks, top=3).score[0] > 0.1
    landmarks[0, 0, 2] = 0  # hidden: the next one takes its place
    assert measured(maps, centres, landmarks, top=3).score[0] > 0.1


def test_the_order_of_equally_strong_images_depends_on_neither_batches_nor_devices():
    maps, landmarks, labels = random_data(2, images=30, categories=2)
    maps = (maps * 4).round() / 4  # few levels, as in half precision, and some maps of 0
    maps[7, 0] = 0
    expected = LocationInstability(3, 2, 2, size=SIZE, top=5)
    expected.update(maps, unit_centres(), landmarks, labels)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    metrics = [LocationInstability(3, 2, 2, size=SIZE, top=5) for _ in range(3)]
    sizes = {name: state.shape for name, state in metrics[0].metric_state.items()}
    for images, metric in zip(order.split([9, 1, 2, 4, 14]), [*metrics, *metrics[:2]], strict=True):
        metric(maps[images].half(), unit_centres(), landmarks[images], labels[images])  # forward merges, too
    states = [copy.deepcopy(metric.metric_state) for metric in metrics]
    first = metrics[0]
    gathered = {id(getattr(first, name)): [state[name] for state in states] for name in states[0]}
    first._sync_dist(lambda state, group: gathered[id(state)])  # as torchmetrics does between devices
    for name, state in expected.metric_state.items():
        assert torch.equal(getattr(first, name), state), name
    assert {name: state.shape for name, state in first.metric_state.items()} == sizes
    assert first.compute().location_instability == expected.compute().location_instability
    one, other = (pickle.loads(pickle.dumps(metric)) for metric in metrics[1:])
    one.merge_state(other)
    other.merge_state(metrics[1])
    assert torch.equal(one.strongest, other.strongest)


def test_near_images_are_not_preferred_among_equally_strong_ones():
    """Neither a filter nor the centre would gain: the mean distance of those chosen is that of all."""
    draw = torch.Generator().manual_seed(0)
    landmarks = torch.rand(4000, 1, 3, generator=draw) * torch.tensor([40, 60, 0]) + torch.tensor([0, 0, 1])
    metric = LocationInstability(1, 1, size=SIZE, top=1000)
    metric.update(torch.ones(4000, 1, 1, 1), torch.zeros(1, 1, 2), landmarks)
    everything = LocationInstability(1, 1, size=SIZE, top=4000)
    everything.update(torch.ones(4000, 1, 1, 1), torch.zeros(1, 1, 2), landmarks)
    some, all_ = (own.strongest[0, 0, 0, :, 1:].double() for own in (metric, everything))
    torch.testing.assert_close(some.mean(0), all_.mean(0), rtol=0.03, atol=0)
    torch.testing.assert_close(some.std(0), all_.std(0), rtol=0.06, atol=0)


def test_too_few_images_give_no_figure_and_that_is_said():
    maps, landmarks, _ = random_data(3, images=4, filters=3)
    landmarks = landmarks.nan_to_num(1.0, 1.0)
    landmarks[..., 2] = torch.tensor([[1, 1], [1, 0], [1, 0], [0, 0]])
    maps[:, 1] = 0
    maps[:2, 2] = -1  # never above 0 either: one image is left
    found = measured(maps, unit_centres(), landmarks)
    assert found.images[:, 0].tolist() == [[3, 1], [0, 0], [1, 0]]
    assert found.per_landmark.isnan()[:, 0].tolist() == [[False, True], [True, True], [True, True]]
    assert found.score.isnan().tolist() == [False, True, True]
    assert found.category.tolist() == [0, -1, -1]
    assert found.left_out == 2
    assert found.blank.tolist() == [0, 4, 2]
    assert found.location_instability == float(found.score[0]) == float(found.per_landmark[0, 0, 0])
    assert found.constant_centre == float(found.centre_per_category[0, 0])
    nothing = measured(maps, unit_centres(), landmarks, min_images=4, assigned=torch.tensor([0, 0, 0]))
    assert nothing.left_out == nothing.assigned_left_out == 3
    assert math.isnan(nothing.location_instability)
    assert math.isnan(nothing.constant_centre)
    assert math.isnan(nothing.assigned_instability)


def test_two_images_close_by_chance_make_a_category_unless_more_are_asked_for():
    maps, landmarks, labels = random_data(4, images=22, filters=1, categories=1)
    labels[20:] = 1
    landmarks[20:] = torch.tensor([5.0, 6.0, 1.0])
    maps[20:] = maps[:1]
    options = {"num_categories": 2, "assigned": torch.tensor([0])}
    loose = measured(maps, unit_centres(), landmarks, labels, **options)
    firm = measured(maps, unit_centres(), landmarks, labels, min_images=3, **options)
    assert (loose.category.tolist(), firm.category.tolist()) == ([1], [0])
    assert loose.score.tolist() == pytest.approx([0], abs=1e-7)
    assert firm.score[0] == loose.assigned_instability > 0.05


def test_what_does_not_fit_is_refused():
    maps, landmarks, labels = random_data(5, images=4)
    metric = LocationInstability(3, 2, 2, size=SIZE)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="at least 1 image, but there are 0"):
        metric.compute()
    with pytest.raises(DataError, match="maps of 3 filters were expected, but 2 came"):
        metric.update(maps[:, :2], unit_centres(), landmarks, labels)
    with pytest.raises(DataError, match="labels of 2 categories were expected, but there are none"):
        metric.update(maps, unit_centres(), landmarks)
    with pytest.raises(DataError, match="labels from 0 to 1 were expected, but 2 came"):
        metric.update(maps, unit_centres(), landmarks, labels + 2)
    for wrong in (unit_centres(4, 3), unit_centres() * math.nan):
        with pytest.raises(DataError, match="finite centres of 3 x 4 units, .* were expected"):
            metric.update(maps, wrong, landmarks, labels)
    for wrong in (landmarks[:3], landmarks[:, :1]):
        with pytest.raises(DataError, match="2 landmarks of 4 images were expected, but"):
            metric.update(maps, unit_centres(), wrong, labels)
    for place in ((math.nan, 1.0, 1.0), (1.0, math.inf, 1.0), (1.0, 1.0, math.nan)):
        wrong = landmarks.clone()
        wrong[1, 1] = torch.tensor(place)
        with pytest.raises(DataError, match="finite rows and columns of visible landmarks were expected"):
            metric.update(maps, unit_centres(), wrong, labels)
    for options in ({"top": 1}, {"min_images": 1}, {"top": 3, "min_images": 4}):
        with pytest.raises(SettingError, match="2 <= min_images <= top was expected"):
            LocationInstability(3, 2, size=SIZE, **options)
    with pytest.raises(SettingError, match="height = 0, width = 5 came"):
        LocationInstability(3, 2, size=(0, 5))
    with pytest.raises(SettingError, match="num_landmarks = 0"):
        LocationInstability(3, 0, size=SIZE)
    with pytest.raises(SettingError, match="classes from 0 to 1, or -1 for a filter without, were expected, but 2"):
        LocationInstability(3, 2, 2, size=SIZE, assigned=torch.tensor([0, 1, 2]))


def test_places_that_are_known_count_as_those_of_maps_do():
    maps, landmarks, labels = random_data(3, images=30, categories=2)
    maps[4, 0] = 0
    centres = unit_centres()
    expected = measured(maps, centres, landmarks, labels, num_categories=2, top=9)
    metric = LocationInstability(3, 2, 2, size=SIZE, top=9)
    scores, units = maps.flatten(2).max(2)
    places = centres.flatten(0, 1)[units]
    places[4, 0] = math.nan  # it fires nowhere
    metric.update_places(scores, places, landmarks, labels)
    found = metric.compute()
    torch.testing.assert_close(found.per_landmark, expected.per_landmark, equal_nan=True)
    assert found.blank.tolist() == expected.blank.tolist()
    with pytest.raises(DataError, match="scores and places of 3 filters"):
        metric.update_places(scores[:, :2], places[:, :2], landmarks, labels)
    scores[4, 0] = 1.0
    with pytest.raises(DataError, match="score it 0"):
        metric.update_places(scores, places, landmarks, labels)
