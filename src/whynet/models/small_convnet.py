"""Three blocks of convolution and a linear layer: the smallest network whose top filters still have a place.

As `convnet`, whose blocks they are, but with a block less and no hidden layers, so that for a picture of 64 x 64 the
top convolution has maps of 8 x 8 positions, where convnet's has 4 x 4.
"""

from itertools import pairwise

from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from whynet.base.types import Images, Logits
from whynet.models.convnet import block
from whynet.models.width import check_sizes, scaled


class SmallConvNet(nn.Module, PyTorchModelHubMixin):
    """A convolutional classifier of images of any size.

    Args:
        num_classes: How many logits it returns.
        width: Factor of its 32, 64 and 128 channels.

    Raises:
        SettingError: There are fewer than two classes, or the width is out of range.
    """

    top_layer = "blocks.2.2"
    """The ReLU behind the top convolution."""
    upper_layers = ("blocks.0.2", "blocks.1.2", "blocks.2.2")
    """The ReLUs behind all convolutions, bottom to top: where an explanatory graph has its nodes."""

    def __init__(self, num_classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        check_sizes(num_classes, width)
        channels = (3, *(scaled(size, width) for size in (32, 64, 128)))
        self.blocks = nn.Sequential(*(block(a, b, first=i == 0) for i, (a, b) in enumerate(pairwise(channels))))
        self.feature = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.output = nn.Linear(channels[-1], num_classes)

    def forward(self, images: Images) -> Logits:
        """The logits of a batch."""
        logits: Logits = self.output(self.feature(self.blocks(images)))
        return logits
