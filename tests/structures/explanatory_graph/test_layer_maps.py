"""Maps come batch by batch, and layers that cannot be read so, or stand upside down, are told in a sentence."""

import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError, SubjectError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.structures.explanatory_graph.layer_maps import check_running_order, layer_maps


class Reused(nn.Module):
    """One ReLU behind both convolutions; the modules are listed in another order than they run in."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(5, 2)
        self.upper = nn.Conv2d(4, 5, 3, padding=1)
        self.lower = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, images):
        x = self.relu(self.upper(self.relu(self.lower(images))))
        return self.output(self.pool(x).flatten(1))


@pytest.fixture
def subject():
    torch.manual_seed(0)
    return Subject(Reused(), class_names=["a", "b"], preprocess=Preprocessing(height=8, width=6))


def collect(subject, layers, images, batch_size=2):
    return list(layer_maps(subject, layers, images, batch_size))


def test_maps_of_all_batches(subject):
    images = torch.randn(5, 3, 8, 6)
    found = collect(subject, ["lower", "relu:1"], images)
    assert [len(batch) for batch, _ in found] == [2, 2, 1]
    lower = torch.cat([maps[0] for _, maps in found])
    torch.testing.assert_close(lower, subject.network.lower(images).detach())
    upper = torch.cat([maps[1] for _, maps in found])
    torch.testing.assert_close(upper, subject.network.upper(lower.relu()).detach().relu())
    again = collect(subject, ["lower", "relu:1"], [images[:3], images[:0], images[3:]])
    torch.testing.assert_close(torch.cat([maps[1] for _, maps in again]), upper)


@pytest.mark.parametrize("order", [["lower", "upper"], ["lower", "relu:0", "upper", "relu:1"], ["relu:1", "pool"]])
def test_the_order_of_running_is_taken(subject, order):
    check_running_order(subject, order, torch.randn(1, 3, 8, 6))
    with pytest.raises(SubjectError, match=f"which is {', '.join(order)}, but {', '.join(reversed(order))} came"):
        check_running_order(subject, order[::-1], torch.randn(1, 3, 8, 6))
    assert not subject.network.lower._forward_hooks


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["relu"], "layer 'relu' runs several times in the forward pass; name one of its runs, such as 'relu:0'"),
        (["output"], r"layer 'output' returns \(2, 2\) for 2 images, not maps"),
        (["pool"], "the maps of layer 'pool' are 1 x 1, so a part has no place in them"),
        (["lower", "lower"], "each layer can be named once"),
        (["conv"], "has no layer 'conv'"),
    ],
)
def test_layers_without_a_map_each_are_refused(subject, layers, message):
    with pytest.raises(SubjectError, match=message):
        collect(subject, layers, torch.randn(2, 3, 8, 6))


def test_images_and_batches_that_are_none_are_refused(subject):
    with pytest.raises(SettingError, match="a batch of at least 1 image was expected, not 0"):
        collect(subject, ["lower"], torch.randn(2, 3, 8, 6), 0)
    with pytest.raises(SettingError, match="add an axis for the batch"):
        collect(subject, ["lower"], torch.randn(3, 8, 6))
    with pytest.raises(SubjectError, match="NaN or infinite .* check its weights and its input"):
        collect(subject, ["lower"], torch.full((2, 3, 8, 6), torch.nan))
