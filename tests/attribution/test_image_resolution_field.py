"""The measured field against a slow replica, and on units whose true field is known."""

import numpy as np
import pytest
import torch
from torch import nn

from whynet.attribution import image_resolution_field, receptive_field
from whynet.base.errors import SettingError, SubjectError
from whynet.base.seeding import numpy_generator


def looking_at(rows, columns):
    """A 9 x 9 kernel in two layers of 5 x 5; unit 0 of the second looks at these pixels of its field alone."""
    first, second = nn.Conv2d(3, 1, 5, bias=False), nn.Conv2d(1, 3, 5)
    first.weight.data.zero_()
    first.weight.data[:, :, 4, 4] = 1
    second.weight.data.fill_(0.2)
    second.weight.data[0] = 0
    second.weight.data[0, 0, slice(*(edge - 4 for edge in rows)), slice(*(edge - 4 for edge in columns))] = 1
    second.weight.data[2] = -1
    second.bias.data.zero_()
    return nn.Sequential(first, second, nn.ReLU(True), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(2)).train()


@pytest.fixture
def net():
    made = looking_at((5, 8), (4, 7))
    made(torch.zeros(1, 3, 20, 26))
    return made


@pytest.fixture
def images():
    return torch.rand(6, 3, 20, 26, generator=torch.Generator().manual_seed(1))


def test_the_window_that_a_unit_looks_at_is_found(net, images):
    found = image_resolution_field(net, images, source="2", units=[0], top=6, occluder=3, stride=1)
    assert found.theoretical.extent == (9, 9)
    assert found.maps.shape == (1, 9, 9)
    assert found.num_images == (6,)
    peak = int(found.maps[0].argmax())
    assert abs(peak // 9 - 6) <= 1
    assert abs(peak % 9 - 5) <= 1
    # The true window, with the centre of the field at 4.5, is (0.5, -0.5, 3.5, 2.5); half a patch is 1.5 pixels.
    assert found.window(0) == pytest.approx((0.5, -0.5, 3.5, 2.5), abs=1.5)
    assert all(3 <= side <= 6 for side in found.extent(0))
    assert found.maps[0, :4].max() < 0.05 * found.maps.max()  # no patch of 3 around these rows touches the window
    assert found.maps[0, :, 8].max() < 0.05 * found.maps.max()


def replica(net, images, source, unit, *, top, occluder, stride, seed, extent, first):
    """In loops: the mean discrepancy and the mean image around the field's centre.

    Args:
        first: The top and left edge of the field of the unit (0, 0), in pixels.
    """
    layer = net.eval()[: int(source) + 1]
    with torch.no_grad():
        maps = layer(images)[:, unit]
    ranked = sorted(range(len(images)), key=lambda number: -float(maps[number].max()))[:top]
    total, seen, count = np.zeros(extent), np.zeros((3, *extent)), np.zeros(extent)
    height, width = images.shape[2:]
    for number in ranked:
        image, place = images[number], int(maps[number].argmax())
        row, column = divmod(place, maps.shape[2])
        draws = numpy_generator(seed, "occluders", number)
        tops = [*range(0, height - occluder + 1, stride)]
        tops += [height - occluder] if tops[-1] != height - occluder else []
        lefts = [*range(0, width - occluder + 1, stride)]
        lefts += [width - occluder] if lefts[-1] != width - occluder else []
        grid = np.zeros((len(tops), len(lefts)))
        for i, y in enumerate(tops):
            for j, x in enumerate(lefts):
                covered = image.clone()
                noise = draws.random((3, occluder, occluder), dtype=np.float32)
                for channel in range(3):
                    low, high = float(image[channel].min()), float(image[channel].max())
                    patch = torch.from_numpy(low + noise[channel] * (high - low))
                    covered[channel, y : y + occluder, x : x + occluder] = patch
                with torch.no_grad():
                    grid[i, j] = abs(float(maps[number].max()) - float(layer(covered[None])[0, unit, row, column]))
        for down in range(extent[0]):
            for across in range(extent[1]):
                y, x = first[0] + row + down, first[1] + column + across
                if 0 <= y < height and 0 <= x < width:
                    along = [np.interp(x + 0.5, np.array(lefts) + occluder / 2, line) for line in grid]
                    total[down, across] += np.interp(y + 0.5, np.array(tops) + occluder / 2, along)
                    seen[:, down, across] += image[:, y, x].numpy()
                    count[down, across] += 1
    return total / np.maximum(count, 1), seen / np.maximum(count, 1)


@pytest.mark.parametrize(("padding", "occluder", "stride"), [(0, 5, 3), (2, 4, 2)])
def test_the_definition(padding, occluder, stride):
    torch.manual_seed(2)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=padding), nn.ReLU(), nn.Conv2d(4, 5, (3, 5), padding=padding))
    images = torch.randn(4, 3, 11, 14)
    how = {"top": 3, "occluder": occluder, "stride": stride, "seed": 7}
    found = image_resolution_field(net, images, source="2", units=[3, 1], batch_size=3, **how)
    for own, unit in enumerate(found.units):
        edge = (-2 * padding, -2 * padding)
        expected, seen = replica(net, images, "2", unit, **how, extent=(5, 7), first=edge)
        assert expected.max() > 0
        np.testing.assert_allclose(found.maps[own], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.patches[own], seen, rtol=1e-4, atol=1e-5)


def test_neither_batches_nor_other_units_change_anything(net, images):
    how = {"source": "2", "top": 2, "occluder": 5}
    found = image_resolution_field(net, images, units=[0, 1], **how)
    batches = (batch for batch in images.split(4))
    others = image_resolution_field(net, batches, units=[1], batch_size=5, **how)
    torch.testing.assert_close(found.maps[1], others.maps[0])
    torch.testing.assert_close(found.patches[1], others.patches[0])
    again = image_resolution_field(net, images, units=[0, 1], seed=1, **how)
    assert not torch.equal(found.maps, again.maps)


def test_a_field_larger_than_the_image_is_cut():
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Conv2d(3, 3, 9, padding=4) for _ in range(6)))
    images = torch.randn(2, 3, 12, 16)
    assert receptive_field(net, "5", images).extent == (49, 49)
    found = image_resolution_field(net, images, source="5", units=[0, 2], occluder=4)
    assert found.maps.shape == (2, 23, 31)
    assert bool(found.maps.isfinite().all())


def test_the_units_of_a_vector_and_channels_last():
    class Last(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), Last(), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 8, 5))
    images = torch.randn(3, 3, 8, 10)
    how = {"occluder": 3, "units": [1], "top": 2}
    vector = image_resolution_field(net, images, source="4", **how)
    assert vector.maps.shape == (1, 8, 10)
    first, last = (image_resolution_field(net, images, source=source, **how) for source in ("0", "1"))
    torch.testing.assert_close(first.maps, last.maps)


def test_a_unit_that_never_fires_is_told(net, images):
    with pytest.warns(UserWarning, match=r"units \[2\] of layer '2' fired in none of 6 images: their fields are 0"):
        found = image_resolution_field(net, images, source="2", units=[2, 1], top=2, occluder=5)
    assert found.num_images == (0, 2)
    assert found.maps[0].sum() == 0
    assert found.extent(2) == (0, 0)
    assert found.extent(1)[0] > 0


def test_everything_is_left_as_it_was(net, images, monkeypatch):
    def state():
        return (
            [module.training for module in net.modules()],
            [(parameter.grad, parameter.requires_grad, parameter.tolist()) for parameter in net.parameters()],
            [len(module._forward_hooks) for module in net.modules()],
            torch.get_rng_state().tolist(),
        )

    before, own = state(), images.clone()
    image_resolution_field(net, images, source="1", units=[0], top=1, occluder=9)
    assert state() == before
    assert torch.equal(images, own)

    def broken(x):
        raise ZeroDivisionError

    monkeypatch.setattr(net[1], "forward", broken)
    with pytest.raises(ZeroDivisionError):
        image_resolution_field(net, images, source="1", units=[0], occluder=9)
    monkeypatch.undo()
    assert state() == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"units": [3]}, SettingError, "a unit from 0 to 2 of layer '2' was expected, not 3"),
        (
            {"units": []},
            SettingError,
            r"units are given as a list of at least one channel, as units=\[3\], not as \[\]",
        ),
        ({"source": "9"}, SubjectError, "has no layer '9'"),
        ({"occluder": 21}, SettingError, "a patch within the image, 20 x 26 pixels, was expected, not one of 21 x 21"),
        ({"stride": 0}, SettingError, "stride was expected to be at least 1, not 0"),
        ({"top": -1}, SettingError, "top was expected to be at least 1, not -1"),
        ({"images": torch.rand(3, 20, 26)}, SettingError, r"not shape \(3, 20, 26\); add an axis for the batch"),
        ({"images": []}, SettingError, "at least one image was expected, and there is none"),
        ({"images": torch.rand(0, 3, 20, 26)}, SettingError, "at least one image was expected"),
        (
            {"images": [torch.rand(1, 3, 20, 26), torch.rand(1, 3, 20, 20)]},
            SettingError,
            r"images of one size, \(20, 26\), were expected, and one has \(20, 20\) pixels",
        ),
    ],
)
def test_bad_questions(arguments, error, message, net, images):
    given = {"images": images, "source": "2", "units": [0], **arguments}
    with pytest.raises(error, match=message):
        image_resolution_field(net, given.pop("images"), **given)


def test_bad_questions_to_a_field(net, images):
    found = image_resolution_field(net, images, source="2", units=[0], top=1, occluder=9)
    with pytest.raises(SettingError, match=r"one of the units \[0\] that were measured was expected, not 1"):
        found.extent(1)
    with pytest.raises(SettingError, match="a share above 0 and up to 1 was expected, not 0.0"):
        found.window(0, share=0.0)
