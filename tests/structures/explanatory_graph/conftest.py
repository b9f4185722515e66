"""A small world of maps in which it is known what moves with what, shared by the tests of the graph."""

from dataclasses import dataclass

import pytest
import torch

IMAGE = 64


@dataclass(frozen=True)
class World:
    """Maps of 64 x 64 images: `maps` bottom to top, and where the two parts of filter 0 of the lower layer are."""

    maps: list
    parts: torch.Tensor
    whole: torch.Tensor


def blobs(places, heights, side, width):
    """Maps (images, side, side) with a round blob at each place (images, blobs, 2), in pixels."""
    centres = (torch.arange(side) + 0.5) * IMAGE / side
    row = torch.exp(-((centres - places[..., :1]) ** 2) / (2 * width**2))
    column = torch.exp(-((centres - places[..., 1:]) ** 2) / (2 * width**2))
    return torch.einsum("nk,nkr,nkc->nrc", heights, row, column)


@pytest.fixture(scope="session")
def world():
    """An object wanders; lower filter 0 fires for two of its parts, now for the one more, now for the other.

    Lower filter 1 fires for something that wanders by itself, filter 2 never; upper filter 0 fires for the object,
    upper filter 1 for something by itself.
    """
    torch.manual_seed(0)
    num_images = 80
    whole = 16 + 32 * torch.rand(num_images, 2)
    parts = whole[:, None] + torch.tensor([[-8.0, -5.0], [6.0, 8.0]]) + 0.7 * torch.randn(num_images, 2, 2)
    alone, stray = IMAGE * torch.rand(2, num_images, 1, 2)
    one = torch.ones(num_images, 1)
    lower = [blobs(parts, 0.5 + torch.rand(num_images, 2), 16, 3.0), blobs(stray, one, 16, 3.0)]
    upper = [blobs(whole[:, None], one, 8, 6.0), blobs(alone, one, 8, 6.0)]
    noise = 0.02 * torch.rand(num_images, 2, 16, 16), 0.02 * torch.rand(num_images, 2, 8, 8)
    dead = -torch.ones(num_images, 1, 16, 16)
    return World(
        [torch.cat([torch.stack(lower, 1) + noise[0], dead], 1), torch.stack(upper, 1) + noise[1]], parts, whole
    )
