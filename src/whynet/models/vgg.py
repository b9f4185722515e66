"""VGG-11, -13, -16 and -19, with torchvision's layer names: its state dicts load unchanged.

Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, arXiv:1409.1556,
table 1, configurations A, B, D and E: five blocks of 3 x 3 convolutions, each with a ReLU behind it, and 2 x 2 max
pooling after each block; then three fully connected layers (classifier.0, .3, .6). No batch norm.

Differs from torchvision: all sizes can be scaled by one factor, ReLUs are not in place, and small pictures are taken
(`whynet.models.clipped_pooling`).
"""

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from whynet.base.errors import SettingError
from whynet.base.types import Images, Logits
from whynet.models.clipped_pooling import ClippedMaxPool2d
from whynet.models.initial_weights import initialise
from whynet.models.width import check_sizes, scaled

CHANNELS = (64, 128, 256, 512, 512)
"""Of the convolutions of each block."""

CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""How many each block has, by depth."""


class VGG(nn.Module, PyTorchModelHubMixin):
    """A classifier of images of any size; the original takes 224 x 224.

    Args:
        num_classes: How many logits it returns.
        depth: Layers with weights: 11, 13, 16 or 19.
        width: Factor of all channels and fully connected sizes, above 0; see `whynet.models.width.scaled`.
        dropout: Share of the outputs of the first two fully connected layers dropped in training.

    Raises:
        SettingError: There are fewer than two classes, there is no such depth, or the width or the dropout is out of
            its range.
    """

    def __init__(self, num_classes: int, *, depth: int = 16, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        check_sizes(num_classes, width, dropout)
        if depth not in CONVOLUTIONS:
            raise SettingError(f"a VGG of depth {', '.join(map(str, CONVOLUTIONS))} was expected, not of {depth}")
        self.depth = depth
        layers: list[nn.Module] = []
        inputs = 3
        for channels, number in zip(CHANNELS, CONVOLUTIONS[depth], strict=True):
            outputs = scaled(channels, width)
            for _ in range(number):
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
                inputs = outputs
            layers.append(ClippedMaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        units = scaled(4096, width)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * 7 * 7, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, num_classes),
        )
        initialise(self, width)

    @property
    def top_layer(self) -> str:
        """The ReLU behind the top convolution: "features.29" of VGG-16."""
        return f"features.{len(self.features) - 2}"

    @property
    def upper_layers(self) -> tuple[str, ...]:
        """The ReLUs behind the last two convolutions of its upper two blocks: where an explanatory graph has nodes."""
        pools = [place for place, layer in enumerate(self.features) if isinstance(layer, ClippedMaxPool2d)]
        return tuple(f"features.{pool - back}" for pool in pools[-2:] for back in (3, 1))

    def forward(self, images: Images) -> Logits:
        """The logits of a batch."""
        maps = self.avgpool(self.features(images))
        logits: Logits = self.classifier(torch.flatten(maps, 1))  # (B, D, 7, 7) -> (B, C)
        return logits
