"""What metrics of filters over parts share: both refuse the same and count the same."""

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.metrics import Dissection, PartInterpretability, discs

BOTH = pytest.mark.parametrize("metric", [Dissection, PartInterpretability])


@BOTH
@pytest.mark.parametrize("iou", [-0.1, 1.0])
def test_an_iou_out_of_its_range_is_refused(metric, iou):
    with pytest.raises(SettingError, match=f"an IoU of at least 0 and below 1 was expected, not {iou}"):
        metric(2, 1, torch.zeros(2), iou=iou)


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
@pytest.mark.parametrize(
    ("metric", "name"), [(Dissection, "dissection"), (PartInterpretability, "part interpretability")]
)
def test_figures_of_no_image_are_refused(metric, name):
    with pytest.raises(DataError, match=f"^{name} needs at least 1 image, but there are 0; call update first"):
        metric(2, 1, torch.zeros(2)).compute()


def test_both_count_images_and_empty_masks_alike():
    torch.manual_seed(0)
    maps, masks = torch.rand(3, 2, 4, 4), torch.rand(3, 2, 8, 8)
    masks[1, 0] = 0
    present = torch.tensor([[True, False], [True, True], [True, True]])
    dissection, share = Dissection(2, 2, torch.full((2,), 0.5)), PartInterpretability(2, 2, torch.full((2,), 0.5))
    centres = torch.stack(torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij"), -1) + 0.5
    dissection.update(maps, masks, present)
    share.update(maps, masks, present, discs(centres, 1.0, (4, 4), (8, 8)))
    assert int(dissection.total) == int(share.total) == 3
    assert dissection.compute().empty_masks.tolist() == share.compute().empty_masks.tolist() == [1, 0]
