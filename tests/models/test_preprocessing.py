import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from whynet.base.errors import SettingError
from whynet.models.preprocessing import Preprocessing


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["stretch", "crop"]))
def test_any_size_and_shape_becomes_the_input(rows, columns, fit):
    picture = np.full((rows, columns, 3), 255, np.uint8)
    images = Preprocessing(height=9, width=14, fit=fit, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))([picture])
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


def test_shrinking_averages():
    picture = np.indices((64, 64)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255  # a chessboard
    images = Preprocessing(height=8, width=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))([picture])
    torch.testing.assert_close(images, torch.full_like(images, 0.5), atol=0.01, rtol=0)


def test_json_and_back():
    own = Preprocessing(height=5, width=6, fit="crop")
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
