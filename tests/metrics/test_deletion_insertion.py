"""Curves compared with a replica that changes pixel after pixel; areas with scipy; orders that must win do win."""

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.ndimage import gaussian_filter

from whynet.base.errors import DataError, SettingError
from whynet.metrics import area, centre_map, deletion, insertion
from whynet.metrics.deletion_insertion import blurred, pixel_order


@pytest.fixture
def images():
    return torch.rand(3, 3, 6, 8, generator=torch.Generator().manual_seed(0)) + 0.1


@pytest.fixture
def maps():
    return torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(1))  # no two pixels alike


def probabilities(images):
    """The brighter the left half, the surer of class 1."""
    left = images[:, :, :, :4].mean((1, 2, 3))
    return torch.stack([-left, left, 0 * left], 1).mul(3).softmax(1)


def replica(start, end, heat, label, num_steps):
    """One image, one pixel after the other."""
    height, width = heat.shape
    order = sorted(((y, x) for y in range(height) for x in range(width)), key=lambda p: -float(heat[p]))
    now, points, changed = start.clone(), [float(probabilities(start[None])[0, label])], 0
    for step in range(1, num_steps + 1):
        while changed < round(step * height * width / num_steps):
            y, x = order[changed]
            now[:, y, x] = end[:, y, x]
            changed += 1
        points.append(float(probabilities(now[None])[0, label]))
    return points


@pytest.mark.parametrize("num_steps", [1, 5, 48])
def test_curves_equal_a_replica_in_loops(images, maps, num_steps):
    classes = torch.tensor([1, 0, 2])
    deleted = deletion(probabilities, images, maps, classes, num_steps=num_steps, batch_size=2)
    inserted = insertion(probabilities, images, maps, classes, num_steps=num_steps, batch_size=2)
    soft = blurred(images)
    for k, label in enumerate(classes.tolist()):
        gone = replica(images[k], torch.zeros(3, 6, 8), maps[k], label, num_steps)
        assert deleted[k].tolist() == pytest.approx(gone, abs=1e-6)
        come = replica(soft[k], images[k], maps[k], label, num_steps)
        assert inserted[k].tolist() == pytest.approx(come, abs=1e-6)


def test_curves_begin_and_end_where_they_must(images, maps):
    classes = torch.tensor([1, 1, 1])
    deleted, inserted = (curve(probabilities, images, maps, classes) for curve in (deletion, insertion))
    whole, empty, soft = (probabilities(x)[:, 1] for x in (images, 0 * images, blurred(images)))
    for found, first, last in ((deleted, whole, empty), (inserted, soft, whole)):
        torch.testing.assert_close(found[:, 0], first)
        torch.testing.assert_close(found[:, -1], last)


def test_areas_are_scipys():
    curve = torch.rand(4, 11, generator=torch.Generator().manual_seed(2))
    expected = trapezoid(curve.double().numpy(), np.linspace(0, 1, 11), axis=1)
    assert area(curve).tolist() == pytest.approx(expected.tolist())
    assert area(torch.ones(1, 3)).tolist() == [1]


def test_the_map_of_what_matters_beats_its_opposite_and_the_centre(images):
    classes = torch.tensor([1, 1, 1])
    left = torch.zeros(3, 6, 8)
    left[:, :, :4] = 1

    def areas(curve, heat):
        return float(area(curve(probabilities, images, heat, classes)).mean())

    assert areas(deletion, left) < areas(deletion, centre_map(images)) < areas(deletion, 1 - left)
    soft = 0.2 * images  # of which insertion starts blurred
    found = [area(insertion(probabilities, soft, heat, classes)).mean() for heat in (left, 1 - left)]
    assert torch.isfinite(torch.stack(found)).all()


def test_blur_is_scipys(images):
    pictures = images.repeat(1, 1, 4, 4)
    expected = gaussian_filter(pictures.double().numpy(), 5, radius=5, axes=(2, 3), mode="mirror")
    torch.testing.assert_close(blurred(pictures), torch.from_numpy(expected).float(), atol=1e-4, rtol=0)


def test_equally_important_pixels_come_in_a_seeded_random_order():
    state = torch.random.get_rng_state()
    flat = torch.zeros(2, 3, 3)
    first = pixel_order(flat, 6, 6, seed=0)
    assert torch.equal(first, pixel_order(flat, 6, 6, seed=0))
    assert not torch.equal(first, pixel_order(flat, 6, 6, seed=1))
    assert not torch.equal(first[0], torch.arange(36))
    assert torch.equal(first.sort(1).values, torch.arange(36).expand(2, -1))
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_centre_comes_first(images):
    order = pixel_order(centre_map(images), 6, 8)
    assert set(order[0, :4].tolist()) == {2 * 8 + 3, 2 * 8 + 4, 3 * 8 + 3, 3 * 8 + 4}
    assert {0, 7, 40, 47} == set(order[0, -4:].tolist())


def test_says_what_is_wrong(images, maps):
    classes = torch.tensor([1, 1, 3])
    with pytest.raises(DataError, match="classes from 0 to 2 were expected, but 3 came"):
        deletion(probabilities, images, maps, classes)
    with pytest.raises(DataError, match="take the softmax of the logits"):
        deletion(lambda own: 5 * own.flatten(1), images, maps, classes % 3)
    with pytest.raises(DataError, match="NaN"):
        insertion(probabilities, images, maps * float("nan"), classes % 3)
    with pytest.raises(SettingError, match="at least 1 step and 1 image"):
        deletion(probabilities, images, maps, classes % 3, num_steps=0)
