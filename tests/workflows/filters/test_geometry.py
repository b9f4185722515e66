"""The round fields of a layer's units: their centres, and whose radius it is."""

import pytest
import torch
from torch import nn

from whynet.base.errors import SubjectError
from whynet.metrics.part_interpretability import discs
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import InterpretableConv, make_interpretable
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.filters.geometry import unit_geometry

HEIGHT, WIDTH, CELL = 40, 64, 4


class Cells(nn.Module):
    """One filter, whose units each see the mean red of one cell of 4 x 4 pixels."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(CELL)
        self.pick = nn.Conv2d(3, 1, 1, bias=False)
        self.relu = nn.ReLU()
        nn.init.constant_(self.pick.weight, 1.0)

    def forward(self, images):
        mean = self.relu(self.pick(self.pool(images))).mean((1, 2, 3))
        return torch.stack([mean, -mean], 1)


@pytest.fixture
def images():
    """A bright block of three by three cells on a dim ground, at another place in each."""
    made = torch.full((3, 3, HEIGHT, WIDTH), 0.1)
    for own, (top, left) in zip(made, ((8, 12), (16, 28), (20, 40)), strict=True):
        own[:, top : top + 3 * CELL, left : left + 3 * CELL] = 1.0
        own[:, top + CELL : top + 2 * CELL, left + CELL : left + 2 * CELL] = 1.1
    return made


def subject_of(network):
    return Subject(network.eval(), class_names=("a", "b"), preprocess=Preprocessing(height=HEIGHT, width=WIDTH))


def test_the_centres_are_those_of_the_cells_of_an_image_that_is_not_square(images):
    found = unit_geometry(subject_of(Cells()), "relu", images)
    rows, columns = torch.meshgrid(torch.arange(10), torch.arange(16), indexing="ij")
    torch.testing.assert_close(found.centres, torch.stack([rows, columns], -1) * float(CELL) + CELL / 2)
    assert CELL / 2 <= found.radius <= CELL, "a cell, and up to half a patch on either side"
    fields = discs(found.centres, found.radius, (HEIGHT, WIDTH), (HEIGHT, WIDTH))
    assert bool(fields.any(0).all()), "no pixel lies in a gap between the fields"
    assert found.is_least == (found.radius == pytest.approx(CELL / 2**0.5))


def test_the_radius_of_an_interpretable_layer_is_that_of_its_new_filters(images):
    """Of the same cells below one new filter looks at nine, the other at one."""
    own_cell = torch.zeros(3, 3)
    own_cell[1, 1] = 1.0
    radii = []
    for kernel in (torch.ones(3, 3), own_cell):
        network = make_interpretable(Cells(), "relu", images=images[:1], settings=FilterSettings(beta=1.0))
        own = network.relu
        assert isinstance(own, InterpretableConv)
        with torch.no_grad():
            own.convolution.weight.copy_(kernel[None, None])
        radii.append(unit_geometry(subject_of(network), "relu", images).radius)
    below = unit_geometry(subject_of(network), "relu.below", images).radius
    assert radii[0] > 1.3 * below
    assert radii[1] == pytest.approx(below, abs=CELL / 2)


def test_where_nothing_fires_nothing_is_measured(images):
    with pytest.raises(SubjectError, match=r"no filter of layer 'relu' fires in any of 3 pictures.*train it longer"):
        unit_geometry(subject_of(Cells()), "relu", -images)
