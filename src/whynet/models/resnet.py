"""ResNet-18, with torchvision's layer names: its state dict loads unchanged.

He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385, table 1: a 7 x 7
convolution, max pooling, four layers of two blocks each, the average over space and a linear layer. A block computes

    y = ReLU(F(x) + s(x))

F: convolution, batch norm, ReLU, convolution, batch norm; s: the identity, or where the sizes of x and F(x) differ
(`downsample`, the paper's option B) a 1 x 1 convolution with batch norm.

Differs from torchvision: all channels can be scaled by one factor, ReLUs and sums are not in place, and the linear
layer begins as `whynet.models.initial_weights` says.
"""

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.types import Images, Logits
from whynet.models.initial_weights import initialise
from whynet.models.width import check_sizes, scaled


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut around them.

    Args:
        inputs: Channels of x.
        outputs: Channels of y.
        stride: Of the first convolution and of the shortcut.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs rows columns"]:
        """The block's map, rectified."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        rectified: Tensor = self.relu(y + shortcut)
        return rectified


class ResNet18(nn.Module, PyTorchModelHubMixin):
    """A classifier of images of any size; the original takes 224 x 224.

    Args:
        num_classes: How many logits it returns.
        width: Factor of all channels, above 0; see `whynet.models.width.scaled`.

    Raises:
        SettingError: There are fewer than two classes, or the width is not positive.
    """

    top_layer = "layer4"
    """The top block, rectified."""
    upper_layers = ("layer2", "layer3", "layer4")
    """The upper blocks, bottom to top: where an explanatory graph has its nodes."""

    def __init__(self, num_classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        check_sizes(num_classes, width)
        a, b, c, d = (scaled(size, width) for size in (64, 128, 256, 512))
        self.conv1 = nn.Conv2d(3, a, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(a)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(a, a), BasicBlock(a, a))
        self.layer2 = nn.Sequential(BasicBlock(a, b, stride=2), BasicBlock(b, b))
        self.layer3 = nn.Sequential(BasicBlock(b, c, stride=2), BasicBlock(c, c))
        self.layer4 = nn.Sequential(BasicBlock(c, d, stride=2), BasicBlock(d, d))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(d, num_classes)
        initialise(self, width)

    def forward(self, images: Images) -> Logits:
        """The logits of a batch."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Logits = self.fc(torch.flatten(self.avgpool(x), 1))  # (B, D, H, W) -> (B, C)
        return logits
