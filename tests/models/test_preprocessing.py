import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from whynet.base.errors import SettingError
from whynet.models.preprocessing import Preprocessing


@settings(max_examples=40)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from(["stretch", "crop"]),
    st.sampled_from(["area", "nearest", "bilinear", "bicubic", "lanczos"]),
    st.floats(0.1, 1.0),
)
def test_any_size_and_shape_becomes_the_input(rows, columns, fit, interpolation, share):
    picture = np.full((rows, columns, 3), 255, np.uint8)
    own = Preprocessing(
        height=9,
        width=14,
        fit=fit,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        crop_share=share,
        interpolation=interpolation,
    )
    images = own([picture])
    assert images.shape == (1, 3, 9, 14)
    torch.testing.assert_close(images, torch.ones(1, 3, 9, 14))


def test_agrees_with_torchvision():
    transforms = pytest.importorskip("torchvision.transforms.v2.functional")
    picture = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    ours = Preprocessing(height=12, width=12)([picture])
    theirs = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    theirs = transforms.normalize(theirs, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(ours, theirs)


def test_stretch_shows_every_pixel_and_crop_the_centre():
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[:, :2] = 255  # the left edge
    keep = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    assert Preprocessing(height=4, width=4, fit="stretch", **keep)([picture])[0, 0, :, 0].tolist() == [1.0] * 4
    assert Preprocessing(height=4, width=4, fit="crop", **keep)([picture]).max() == 0


def test_what_was_normalised_comes_back():
    pictures = torch.from_numpy(np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3))
    own = Preprocessing(height=16, width=16)
    assert torch.equal(own.denormalise(own.normalise(pictures)), pictures)
    assert own.denormalise(torch.tensor([-50.0, 50.0]).expand(1, 3, 1, 2))[0, 0, :, 0].tolist() == [0, 255]


def test_shrinking_averages():
    picture = np.indices((64, 64)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255  # a chessboard
    images = Preprocessing(height=8, width=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))([picture])
    torch.testing.assert_close(images, torch.full_like(images, 0.5), atol=0.01, rtol=0)


def as_before_there_were_shares(picture, height, width, fit):
    """The bytes of version 0.1.0, whose runs go on being read."""
    rows, columns = picture.shape[:2]
    if fit == "crop":
        scale = max(height / rows, width / columns)
        kept_rows = min(rows, max(1, round(height / scale)))
        kept_columns = min(columns, max(1, round(width / scale)))
        top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
        picture = picture[top : top + kept_rows, left : left + kept_columns]
        rows, columns = kept_rows, kept_columns
    if (rows, columns) == (height, width):
        return picture
    shrinking = height <= rows and width <= columns
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["stretch", "crop"]))
def test_the_default_is_what_it_always_was(rows, columns, fit):
    picture = np.random.default_rng(rows).integers(0, 256, (rows, columns, 3), np.uint8)
    values = {"height": 9, "width": 14, "fit": fit, "mean": [0.5] * 3, "std": [0.5] * 3}  # an old dictionary
    expected = as_before_there_were_shares(picture, 9, 14, fit)
    np.testing.assert_array_equal(Preprocessing.from_json(values).resize(picture), expected)


def tent(distance):
    return max(0.0, 1.0 - abs(distance))


@pytest.mark.parametrize("length", [40, 7])
def test_bilinear_weighs_every_covered_pixel(length):
    line = np.random.default_rng(1).integers(0, 256, length).astype(np.uint8)
    picture = line[None, :, None].repeat(10, 0).repeat(3, 2)
    found = Preprocessing(height=10, width=10, interpolation="bilinear").resize(picture)[0, :, 0]
    step = length / 10
    spread = max(1.0, step)
    for index in range(10):
        centre, total, weight = (index + 0.5) * step, 0.0, 0.0
        for pixel in range(length):
            share = tent((pixel + 0.5 - centre) / spread)
            total, weight = total + share * line[pixel], weight + share
        assert abs(total / weight - int(found[index])) <= 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("rows", "columns"), [(200, 313), (313, 200), (41, 60), (30, 30)])
def test_a_cut_is_torchvisions_to_within_a_level(rows, columns, interpolation):
    transforms = pytest.importorskip("torchvision.transforms")
    picture = np.random.default_rng(0).integers(0, 256, (rows, columns, 3), np.uint8)
    method = transforms.InterpolationMode(interpolation)
    theirs = transforms.Compose([transforms.Resize(48, method), transforms.CenterCrop(42)])(Image.fromarray(picture))
    own = Preprocessing(height=42, width=42, fit="crop", crop_share=42 / 48, interpolation=interpolation)
    assert np.abs(own.resize(picture).astype(int) - np.asarray(theirs)).max() <= 1


@pytest.mark.parametrize("interpolation", ["area", "bilinear"])
@pytest.mark.parametrize("fit", ["stretch", "crop"])
def test_the_share_is_the_centre(fit, interpolation):
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[10:30, 10:30] = 255
    own = Preprocessing(height=8, width=8, fit=fit, crop_share=0.5, interpolation=interpolation)
    assert (own.resize(picture)[1:-1, 1:-1] == 255).all()
    assert (Preprocessing(height=8, width=8, fit=fit, interpolation=interpolation).resize(picture)[0] == 0).all()


def test_json_and_back():
    own = Preprocessing(height=5, width=6, fit="crop", crop_share=0.875, interpolation="bicubic")
    assert Preprocessing.from_json(own.to_json()) == own
    with pytest.raises(SettingError, match="a preprocessing .* was expected"):
        Preprocessing.from_json({"height": 5})


def test_errors():
    with pytest.raises(SettingError, match="at least one picture"):
        Preprocessing(height=4, width=4)([])
    with pytest.raises(SettingError, match="not 4 x 0"):
        Preprocessing(height=0, width=4)
    with pytest.raises(SettingError, match="three means"):
        Preprocessing(height=4, width=4, std=(1.0, 0.0, 1.0))
    with pytest.raises(SettingError, match="above 0 and up to 1 was expected, not 1.5"):
        Preprocessing(height=4, width=4, crop_share=1.5)
    values = Preprocessing(height=4, width=4).to_json() | {"interpolation": "cubic"}
    with pytest.raises(SettingError, match="not 'cubic'|a preprocessing .* was expected"):
        Preprocessing.from_json(values)


@pytest.mark.parametrize("interpolation", ["area", "bilinear"])
@pytest.mark.parametrize("fit", ["stretch", "crop"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_box_is_what_fills_the_input(interpolation, fit, share):
    """Columns numbered from left to right: the input begins and ends with the numbers of the box."""
    rows, columns = 100, 200
    ramp = np.broadcast_to(np.arange(columns, dtype=np.uint8)[None, :, None], (rows, columns, 3)).copy()
    own = Preprocessing(height=50, width=50, fit=fit, crop_share=share, interpolation=interpolation)
    left, top, right, bottom = own.box(rows, columns)
    seen = own.resize(ramp)[25, :, 0].astype(float)
    step = (right - left) / 50
    assert seen[0] == pytest.approx(left + step / 2 - 0.5, abs=1)
    assert seen[-1] == pytest.approx(right - step / 2 - 0.5, abs=1)
    expected = {"stretch": (columns, rows), "crop": (rows, rows)}[fit]
    assert (right - left, bottom - top) == pytest.approx([side * share for side in expected], abs=1)
    assert (left + right, top + bottom) == pytest.approx((columns, rows), abs=1)
