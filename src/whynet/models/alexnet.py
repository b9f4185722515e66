"""AlexNet, with torchvision's layer names: its state dict loads unchanged.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, arXiv:1404.5997, the network of one
tower and no normalisation that torchvision calls `alexnet`: five convolutions (features.0, .3, .6, .8, .10), each with
a ReLU behind it, and three fully connected layers (classifier.1, .4, .6).

Differs from torchvision: all sizes can be scaled by one factor, ReLUs are not in place, small pictures are taken
(`whynet.models.clipped_pooling`), and the initial weights are those of `whynet.models.initial_weights`.
"""

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from whynet.base.types import Images, Logits
from whynet.models.clipped_pooling import ClippedMaxPool2d, check_side
from whynet.models.initial_weights import initialise
from whynet.models.width import check_sizes, scaled

LEAST_SIDE = 7
"""With the padding, one position of the first convolution."""


class AlexNet(nn.Module, PyTorchModelHubMixin):
    """A classifier of images of 7 x 7 pixels or more; the original takes 224 x 224.

    Args:
        num_classes: How many logits it returns.
        width: Factor of all channels and fully connected sizes, above 0; see `whynet.models.width.scaled`.
        dropout: Share of the inputs of the first two fully connected layers dropped in training.

    Raises:
        SettingError: There are fewer than two classes, or the width or the dropout is out of its range.
    """

    top_layer = "features.11"
    """The ReLU behind the top convolution."""
    upper_layers = ("features.4", "features.7", "features.9", "features.11")
    """The ReLUs behind all convolutions but the first, bottom to top: where an explanatory graph has its nodes."""

    def __init__(self, num_classes: int, *, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        check_sizes(num_classes, width, dropout)
        a, b, c, d, units = (scaled(size, width) for size in (64, 192, 384, 256, 4096))
        self.features = nn.Sequential(
            nn.Conv2d(3, a, 11, stride=4, padding=2),
            nn.ReLU(),
            ClippedMaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2),
            nn.ReLU(),
            ClippedMaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(d, d, 3, padding=1),
            nn.ReLU(),
            ClippedMaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(d * 6 * 6, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Linear(units, num_classes),
        )
        initialise(self, width)

    def forward(self, images: Images) -> Logits:
        """The logits of a batch; raises `SubjectError` if the images have fewer than 7 rows or columns."""
        check_side(images, LEAST_SIDE, "AlexNet")
        maps = self.avgpool(self.features(images))
        logits: Logits = self.classifier(torch.flatten(maps, 1))  # (B, D, 6, 6) -> (B, C)
        return logits
