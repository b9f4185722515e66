"""Each regulariser against a slow replica."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from whynet.attribution.regularisers import Regularisers, gaussian_blur
from whynet.base.errors import SettingError


@pytest.fixture
def images():
    return torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def slopes():
    return torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.0, 2.5, 6.0])
def test_blur_is_scipys(images, sigma):
    expected = [[gaussian_filter(channel, sigma, mode="nearest") for channel in image] for image in images.numpy()]
    torch.testing.assert_close(gaussian_blur(images, sigma), torch.tensor(np.array(expected)), rtol=1e-4, atol=1e-6)


def test_blur_comes_every_few_steps(images, slopes):
    own = Regularisers(blur=1.0, blur_every=3)
    blurred = [not torch.equal(own.after_step(images, slopes, step), images) for step in range(7)]
    assert blurred == [True, False, False, True, False, False, True]


def total_variation(images):
    total = torch.zeros((), dtype=images.dtype)
    for image in images:
        for channel in image:
            rows, columns = channel.shape
            for i in range(rows):
                for j in range(columns):
                    if j + 1 < columns:
                        total = total + (channel[i, j + 1] - channel[i, j]) ** 2
                    if i + 1 < rows:
                        total = total + (channel[i + 1, j] - channel[i, j]) ** 2
    return total


def test_total_variation_and_l2_are_gradients_of_their_penalties(images):
    images = images.double().requires_grad_()
    (rough,) = torch.autograd.grad(total_variation(images), images)
    (large,) = torch.autograd.grad(images.square().sum(), images)
    plain = images.detach()
    torch.testing.assert_close(Regularisers(total_variation=0.3).slopes(plain), 0.3 * rough)
    torch.testing.assert_close(Regularisers(l2=0.2).slopes(plain), 0.2 * large)
    torch.testing.assert_close(Regularisers(l2=0.2, total_variation=0.3).slopes(plain), 0.2 * large + 0.3 * rough)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_the_smallest_pixels_become_nothing(images, slopes, share):
    for name in ("small_norm", "small_contribution"):
        expected = images.clone()
        for number in range(2):
            sizes = {}
            for i in range(7):
                for j in range(9):
                    pixel, slope = images[number, :, i, j], slopes[number, :, i, j]
                    sizes[i, j] = pixel.norm() if name == "small_norm" else abs(sum(pixel * slope))
            for i, j in sorted(sizes, key=sizes.get)[: int(share * 63)]:
                expected[number, :, i, j] = 0
        assert torch.equal(Regularisers(**{name: share}).after_step(images, slopes, 0), expected)


def test_decay_takes_its_share_and_what_is_off_does_nothing(images, slopes):
    torch.testing.assert_close(Regularisers(decay=0.25).after_step(images, slopes, 0), 0.75 * images)
    own = Regularisers(small_norm=0.01)  # of 63 pixels: none
    for off in (Regularisers(), own):
        assert torch.equal(off.after_step(images, slopes, 0), images)
        assert not off.slopes(images).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l2": -0.1}, r"l2 must be 0 \(off\) or a positive number, not -0.1"),
        ({"total_variation": float("nan")}, "total_variation must be 0"),
        ({"blur": float("inf")}, "blur must be 0"),
        ({"jitter": -1}, "jitter must be 0"),
        ({"decay": 1.0}, r"decay is a share, from 0 \(off\) to below 1, not 1.0"),
        ({"small_norm": 30.0}, "small_norm is a share"),
        ({"small_contribution": -0.2}, "small_contribution is a share"),
        ({"blur_every": 0}, "blur_every must be a whole number of at least 1, not 0"),
    ],
)
def test_what_is_out_of_its_range_is_told(options, message):
    with pytest.raises(SettingError, match=message):
        Regularisers(**options)
