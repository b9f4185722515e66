"""A small convolutional network that trains in minutes on two cores: the demo's classifier.

Blocks of convolution, batch norm, ReLU and pooling; a global average; then the head of InterpNET: 0 to 3 hidden ReLU
layers and one linear output. Its layers for r(x): "feature" is x, "hidden.0", "hidden.1", ... the hidden layers.
"""

from collections.abc import Sequence
from itertools import pairwise

from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from whynet.base.errors import SettingError
from whynet.base.types import Images, Logits


class ConvNet(nn.Module, PyTorchModelHubMixin):
    """A convolutional classifier of images of any size.

    Args:
        num_classes: How many logits it returns.
        widths: Channels of each block; each block halves the resolution, and the first halves it once more.
        hidden: Sizes of the head's hidden layers; InterpNET's released code has 500, and 500 and 300.
        dropout: Share of the hidden units dropped in training.

    Raises:
        SettingError: There are fewer than two classes or no block.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        widths: Sequence[int] = (32, 64, 128, 256),
        hidden: Sequence[int] = (500, 300),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if num_classes < 2 or not widths:
            raise SettingError(f"at least two classes and one block were expected, not {num_classes} and {len(widths)}")
        self.blocks = nn.Sequential(
            *(_block(inputs, outputs, first=i == 0) for i, (inputs, outputs) in enumerate(pairwise((3, *widths))))
        )
        self.feature = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        sizes = (widths[-1], *hidden)
        self.hidden = nn.ModuleList(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(sizes[-1], num_classes)

    def forward(self, images: Images) -> Logits:
        """The logits of a batch."""
        x = self.feature(self.blocks(images))  # (B, D)
        for layer in self.hidden:
            x = self.dropout(layer(x))
        logits: Logits = self.output(x)
        return logits


def _block(inputs: int, outputs: int, *, first: bool) -> nn.Sequential:
    convolution = (
        nn.Conv2d(inputs, outputs, 5, stride=2, padding=2, bias=False)
        if first
        else nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    )
    # Ceil mode: a picture of one pixel still has one position after every block.
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True))
