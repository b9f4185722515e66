"""Images become pictures: what the network saw, or at their own contrast."""

import numpy as np
import pytest
import torch
from torch import nn

from whynet.attribution import as_pictures
from whynet.base.errors import SettingError, SubjectError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject


def subject_of(preprocess):
    return Subject(nn.Identity(), class_names=["any"], preprocess=preprocess, name="own net")


def test_a_subject_gives_back_the_picture_that_it_was_made_of():
    picture = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    preprocess = Preprocessing(height=6, width=5)
    (found,) = as_pictures(preprocess([picture]), subject_of(preprocess))
    assert np.array_equal(found, picture)
    beyond = torch.tensor([-100.0, 100.0]).view(2, 1, 1, 1).expand(2, 3, 6, 5)
    black, white = as_pictures(beyond, subject_of(preprocess))
    assert (black.max(), white.min()) == (0, 255)


def test_without_a_subject_each_image_has_its_own_contrast():
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).clamp(-2, 2)
    pictures = as_pictures(images)
    fainter = as_pictures(images * 1e-2 + 5)
    assert max(np.abs(one.astype(int) - other).max() for one, other in zip(fainter, pictures, strict=True)) <= 1
    for image, picture in zip(images.numpy(), pictures, strict=True):
        wanted = 255 * (0.5 + (image - image.mean()) / (5 * image.std()))
        assert np.abs(picture.transpose(2, 0, 1) - wanted).max() <= 0.51
    (grey,) = as_pictures(images[:1, :1])
    assert grey.shape == (8, 8, 3)
    assert (grey == grey[..., :1]).all()
    assert (as_pictures(torch.zeros(1, 3, 2, 2))[0] == 128).all()


def test_what_cannot_be_shown_is_told():
    with pytest.raises(SettingError, match="a picture has 1 or 3 channels, not 6"):
        as_pictures(torch.zeros(1, 6, 2, 2))
    with pytest.raises(SettingError, match="the images hold NaN"):
        as_pictures(torch.full((1, 3, 2, 2), torch.nan))
    with pytest.raises(SubjectError, match="own net does not tell how its preprocessing is undone"):
        as_pictures(torch.zeros(1, 3, 2, 2), subject_of(lambda _: torch.zeros(1, 3, 2, 2)))
