"""Where the map lies on the picture, on which scale, and what the bar says."""

import numpy as np
import pytest
import torch
from PIL import Image

from whynet.attribution import overlay
from whynet.attribution.colours import colour_table
from whynet.attribution.overlay import colour_bar, number, sensible_scale
from whynet.base.errors import SettingError
from whynet.models.preprocessing import Preprocessing

GREY = np.full((60, 80, 3), 128, np.uint8)


def peak(image):
    """Where a picture differs most from its median colour: (column, row) in shares of its sides."""
    pixels = np.asarray(image).astype(float)
    off = np.abs(pixels - np.median(pixels, axis=(0, 1))).sum(2)
    rows, columns = np.nonzero(off > 0.9 * off.max())
    return (columns.mean() + 0.5) / pixels.shape[1], (rows.mean() + 0.5) / pixels.shape[0]


@pytest.mark.parametrize("longest_side", [None, 40, 333])
def test_the_map_lies_on_the_whole_picture(longest_side):
    heat = torch.zeros(6, 8)
    heat[1, 6] = 1
    drawn = overlay(GREY, heat, longest_side=longest_side)
    assert drawn.size == {None: (80, 60), 40: (40, 30), 333: (333, 250)}[longest_side]
    assert peak(drawn) == pytest.approx((6.5 / 8, 1.5 / 6), abs=0.02)


@pytest.mark.parametrize("interpolation", ["area", "bilinear"])
@pytest.mark.parametrize(("fit", "crop_share"), [("stretch", 1.0), ("crop", 1.0), ("crop", 0.6), ("stretch", 0.7)])
def test_the_map_lies_where_the_network_looked(fit, crop_share, interpolation):
    """A white dot goes through the preprocessing; a map that follows the network's input must lie on the dot."""
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[120:140, 230:250] = 255  # the middle is (240, 130)
    own = Preprocessing(height=32, width=32, fit=fit, crop_share=crop_share, interpolation=interpolation)
    images = own([picture])
    drawn = overlay(picture, (images[0, 0] - images[0, 0].min()), box=own.box(300, 400), opaque=1.0, longest_side=None)
    glow = np.asarray(drawn).astype(float)
    bright = (glow[..., 0] > 200) & (glow[..., 1] > 100) & (glow[..., 2] < 190)  # orange and yellow
    rows, columns = np.nonzero(bright)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((240, 130), abs=4)


def test_what_the_network_was_not_shown_is_faded():
    drawn = np.asarray(overlay(GREY, torch.ones(3, 3), box=(10.0, 0.0, 70.0, 60.0), longest_side=None)).astype(int)
    assert (drawn[:, :10] == drawn[0, 0]).all()
    assert drawn[0, 0].min() > 200  # nearly white
    assert np.abs(drawn[:, 11:69] - drawn[30, 40]).max() <= 1  # one value, one colour
    assert (drawn[30, 40] != drawn[0, 0]).any()


def test_zero_shows_the_picture_and_the_scale_the_strongest_colour():
    heat = torch.tensor([[0.0, 2.0]])
    drawn = np.asarray(overlay(GREY, heat, opaque=1.0, longest_side=None))
    assert len(set(drawn[0, 0].tolist())) == 1  # grey
    assert drawn[0, -1].tolist() == colour_table(signed=False)[255].tolist()


def test_a_fixed_scale_makes_pictures_comparable():
    weak, strong = torch.full((2, 2), 0.1), torch.full((2, 2), 0.4)
    own = [np.asarray(overlay(GREY, heat)) for heat in (weak, strong)]
    fixed = [np.asarray(overlay(GREY, heat, scale=0.4)) for heat in (weak, strong)]
    assert (own[0] == own[1]).all()
    assert (fixed[1] == own[1]).all()
    assert (fixed[0] != fixed[1]).any()


def test_signs_choose_the_colours():
    heat = torch.tensor([[-1.0, 1.0]])
    left, right = (np.asarray(overlay(GREY, heat, longest_side=None))[0, at].astype(int) for at in (0, -1))
    assert left[2] > left[0]
    assert right[0] > right[2]
    as_unsigned = np.asarray(overlay(GREY, heat, signed=False, longest_side=None))[0, 0]
    assert len(set(as_unsigned.tolist())) == 1


def test_a_map_of_zeros_shows_the_picture():
    assert np.asarray(overlay(GREY, torch.zeros(2, 2))).std() == 0


def test_takes_pil_pictures_and_numpy_maps():
    heat = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    from_pil = overlay(Image.fromarray(GREY).convert("RGBA"), heat, bar=True)
    assert np.array_equal(np.asarray(from_pil), np.asarray(overlay(GREY, torch.from_numpy(heat), bar=True)))


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (3, 3), (2, 4000)])
def test_any_picture_has_room_for_its_bar(shape):
    picture = np.zeros((*shape, 3), np.uint8)
    drawn = overlay(picture, torch.rand(4, 4), bar=True)
    assert drawn.size[1] >= 96
    assert drawn.size[0] > 40
    bar = np.asarray(drawn)[:, -4:]
    assert (bar == 255).all()  # no letter is cut off at the right


@pytest.mark.parametrize(("signed", "scale", "exceeded"), [(False, 0.00001234, True), (True, 123456.0, True)])
def test_no_number_of_the_bar_is_cut_off(signed, scale, exceeded):
    bar = colour_bar(120, scale, signed=signed, exceeded=exceeded)
    assert (bar[:, -2:] == 255).all()
    assert (bar[:1, 20:] == 255).all()
    assert (bar[-1:, 20:] == 255).all()
    assert (bar[:20, 20:] < 128).any()  # the upper number is there


def test_numbers_are_short():
    values = [0.0, 0.0314, -0.5, 12.0, 1234.0, 0.00001234, -2e-7, 1e10]
    found = [number(value).replace("\N{MINUS SIGN}", "-") for value in values]
    assert found == [
        "0",
        "0.031",
        "-0.5",
        "12",
        "1200",
        "1.2e-5",
        "-2e-7",
        "1e10",
    ]


def test_a_sensible_scale_leaves_out_the_few_largest():
    assert sensible_scale([torch.arange(1001.0)]) == pytest.approx(998)
    assert sensible_scale([torch.tensor([[0.0, -3.0]]), torch.tensor([[1.0, 2.0]])]) == 3
    assert sensible_scale([torch.zeros(2, 2)]) == 1


@pytest.mark.parametrize(
    ("heat", "options", "message"),
    [
        (torch.zeros(2, 3, 3), {}, r"one map of rows and columns was expected, not shape \(2, 3, 3\)"),
        (torch.full((2, 2), float("nan")), {}, "NaN or infinite"),
        (torch.ones(2, 2), {"scale": 0.0}, "a scale above 0 was expected, not 0.0"),
        (torch.ones(2, 2), {"opaque": 1.5}, "an opacity from 0 to 1"),
        (torch.ones(2, 2), {"longest_side": 0}, "a side of at least 1 pixel"),
    ],
)
def test_says_what_cannot_be_drawn(heat, options, message):
    with pytest.raises(SettingError, match=message):
        overlay(GREY, heat, **options)
