"""Where units look: of an even network the even grid, of an uneven one beside it."""

import torch
from torch import nn

from whynet.models.alexnet import AlexNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.graph.centres import UnitCentres, unit_centres


def subject_of(network):
    return Subject(network.eval(), class_names=("a", "b"), preprocess=Preprocessing(height=128, width=96))


def test_positions_on_the_even_grid_are_moved_to_where_the_units_look():
    subject = subject_of(AlexNet(2, width=0.05))
    found = unit_centres(subject, "features.11", (7, 5), (128, 96))
    # By hand: the middle of 11 pixels from -2 on is 3.5, a pooling of 3 at stride 4 adds 4, one at stride 8 adds 8.
    assert found.start == (15.5, 15.5)
    assert found.step == (16.0, 16.0)
    middles = torch.tensor([[128 / 14, 96 / 10], [128 / 14 * 13, 96 / 10 * 9]])
    torch.testing.assert_close(found.seen(middles), torch.tensor([[15.5, 15.5], [111.5, 79.5]]))
    torch.testing.assert_close(found.of_units(torch.tensor([0, 34]), 5), torch.tensor([[15.5, 15.5], [111.5, 79.5]]))


class Shuffled(nn.Module):
    """Its maps cannot be followed back to the image."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, images):
        return self.relu(torch.fft.fft2(images).real).mean((2, 3))[:, :2]


def test_what_cannot_be_followed_keeps_the_even_grid():
    found = unit_centres(subject_of(Shuffled()), "relu", (128, 96), (128, 96))
    assert found == UnitCentres(start=(0.5, 0.5), step=(1.0, 1.0), cell=(1.0, 1.0))
    places = torch.tensor([[3.0, 4.0]])
    torch.testing.assert_close(found.seen(places), places)
