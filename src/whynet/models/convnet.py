"""A small convolutional network that trains in minutes on two cores: the demo's classifier.

Blocks of convolution, batch norm, ReLU and pooling; the feature x, a global average or compact bilinear pooling; then
the head of InterpNET: 0 to 3 hidden ReLU layers and one linear output. Its layers for r(x): "feature" is x, "hidden.0",
"hidden.1", ... the hidden layers.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from whynet.base.errors import SettingError
from whynet.base.types import Images, Logits, Reading
from whynet.models.bilinear import CompactBilinearPooling


class ConvNet(nn.Module, PyTorchModelHubMixin):
    """A convolutional classifier of images of any size.

    Args:
        num_classes: How many logits it returns.
        widths: Channels of each block; each block halves the resolution, and the first halves it once more.
        hidden: Sizes of the head's hidden layers; InterpNET's released code has 500, and 500 and 300.
        dropout: Share of the hidden units dropped in training.
        bilinear: Length of the compact bilinear feature of the last block before its pooling, as of VGG-16's relu5_3
            in the paper, where it is 8,192; 0 averages the last block's map over space instead.

    Raises:
        SettingError: There are fewer than two classes, no block, or a negative length.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        widths: Sequence[int] = (32, 64, 128, 256),
        hidden: Sequence[int] = (500, 300),
        dropout: float = 0.2,
        bilinear: int = 0,
    ) -> None:
        super().__init__()
        if num_classes < 2 or not widths or bilinear < 0:
            raise SettingError(
                "at least two classes, one block and a bilinear feature of 0 entries or more were expected, not "
                f"{num_classes}, {len(widths)} and {bilinear}"
            )
        blocks = [block(inputs, outputs, first=i == 0) for i, (inputs, outputs) in enumerate(pairwise((3, *widths)))]
        self.feature: nn.Module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        if bilinear:
            blocks[-1].pop(-1)  # as many positions as there are
            self.feature = CompactBilinearPooling(widths[-1], bilinear)
        self.blocks = nn.Sequential(*blocks)
        self.settings: dict[str, Any] = {
            "num_classes": num_classes,
            "widths": widths,
            "dropout": dropout,
            "bilinear": bilinear,
        }
        sizes = (bilinear or widths[-1], *hidden)
        self.hidden = nn.ModuleList(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(sizes[-1], num_classes)

    @property
    def top_layer(self) -> str:
        """The ReLU behind the top convolution."""
        return f"blocks.{len(self.blocks) - 1}.2"

    @property
    def upper_layers(self) -> tuple[str, ...]:
        """The ReLUs behind its upper three convolutions, bottom to top: where an explanatory graph has its nodes."""
        return tuple(f"blocks.{place}.2" for place in range(max(0, len(self.blocks) - 3), len(self.blocks)))

    def forward(self, images: Images) -> Logits:
        """The logits of a batch."""
        return self.classify(self.feature(self.blocks(images)))

    def classify(self, features: Reading) -> Logits:
        """The logits of features x (batch, length): the head alone."""
        x = features
        for layer in self.hidden:
            x = self.dropout(layer(x))
        logits: Logits = self.output(x)
        return logits

    def with_head(self, hidden: Sequence[int]) -> "ConvNet":
        """A network of its own with the same feature x and a fresh head of these hidden sizes."""
        network = ConvNet(hidden=hidden, **self.settings)
        network.blocks.load_state_dict(self.blocks.state_dict())
        network.feature.load_state_dict(self.feature.state_dict())
        return network


def block(inputs: int, outputs: int, *, first: bool) -> nn.Sequential:
    """Convolution, batch norm, ReLU and pooling; halves the resolution, and the first halves it once more."""
    convolution = (
        nn.Conv2d(inputs, outputs, 5, stride=2, padding=2, bias=False)
        if first
        else nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    )
    # Ceil mode: a picture of one pixel still has one position after every block.
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True))
