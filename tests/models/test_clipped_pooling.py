import pytest
import torch
from torch import nn

from whynet.base.errors import SubjectError
from whynet.models.clipped_pooling import ClippedMaxPool2d, check_side


def replica(maps, window, stride, *, ceil):
    """Each window by a loop: all those that start inside the map and, without `ceil`, end inside it, and the first."""
    batch, channels, height, width = maps.shape
    tops, lefts = ([start for start in range(0, side, stride) if start == 0 or (start - stride + window < side if ceil
                    else start + window <= side)] for side in (height, width))  # fmt: skip
    pooled = torch.empty(batch, channels, len(tops), len(lefts))
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            pooled[:, :, i, j] = maps[:, :, top : top + window, left : left + window].flatten(2).max(2).values
    return pooled


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("window", "stride"), [(3, 2), (3, 3), (2, 2)])
def test_every_map_has_the_windows_of_the_replica(window, stride, ceil):
    generator = torch.Generator().manual_seed(0)
    pool = ClippedMaxPool2d(window, stride, ceil_mode=ceil)
    for height in range(1, 9):
        for width in range(1, 9):
            maps = torch.randn(2, 3, height, width, generator=generator)
            assert torch.equal(pool(maps), replica(maps, window, stride, ceil=ceil)), (height, width)


def test_where_the_window_fits_it_is_torchs_own():
    maps = torch.randn(2, 3, 8, 5, generator=torch.Generator().manual_seed(0))
    for ceil in (False, True):
        arguments = {"stride": 2, "ceil_mode": ceil}
        assert torch.equal(ClippedMaxPool2d(3, **arguments)(maps), nn.MaxPool2d(3, **arguments)(maps))


def test_images_that_are_too_small_are_told():
    check_side(torch.zeros(1, 3, 7, 9), 7, "AlexNet")
    with pytest.raises(
        SubjectError, match="AlexNet takes pictures of at least 7 x 7 pixels, not 20 x 6; choose a larg"
    ):
        check_side(torch.zeros(1, 3, 6, 20), 7, "AlexNet")
    with pytest.raises(SubjectError, match="not 6 x 20"):
        check_side(torch.zeros(1, 3, 20, 6), 7, "AlexNet")
