"""VGG-M and VGG-S, with MatConvNet's layer names: conv1, relu1, norm1, pool1, conv2, ..., relu5, pool5, fc6, ..., fc8.

Chatfield, Simonyan, Vedaldi & Zisserman, "Return of the Devil in the Details: Delving Deep into Convolutional Nets",
BMVC 2014, arXiv:1405.3531, table 1, CNN-M and CNN-S:

            conv1              conv2              conv3 .. conv5      fc6, fc7
    VGG-M   96, 7 x 7 / 2      256, 5 x 5 / 2     512, 3 x 3          4096 each
            norm, pool 3 / 2   norm, pool 3 / 2   pool 3 / 2
    VGG-S   96, 7 x 7 / 2      256, 5 x 5 / 1     512, 3 x 3          4096 each
            norm, pool 3 / 3   pool 2 / 2         pool 3 / 3

Local response normalisation, over the 5 neighbouring channels j of channel i (Krizhevsky et al. 2012, section 3.3):

    y_i = x_i / (2 + (0.0005 / 5) sum_j x_j^2)^0.75

The rest is that of the released Caffe models (VGG_CNN_M, VGG_CNN_S) and of their ports to Torch and MatConvNet: conv1
has no padding, conv2 one pixel in VGG-M and none in VGG-S, conv3 to conv5 one pixel; pooling rounds the map's size up,
which leaves maps of 13 x 13 (M) and 17 x 17 (S) below pool5, and 6 x 6 above, for a picture of 224 x 224.

Differs from them: all sizes can be scaled by one factor; maps are averaged to 6 x 6 before fc6, which changes nothing
at 224 pixels, and small pictures are taken (`whynet.models.clipped_pooling`); the input is RGB as any network's here.
"""

from typing import ClassVar, NamedTuple

from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from whynet.base.types import Images, Logits
from whynet.models.clipped_pooling import ClippedMaxPool2d, check_side
from whynet.models.initial_weights import initialise
from whynet.models.local_response_norm import LocalResponseNorm
from whynet.models.width import check_sizes, scaled


class Stage(NamedTuple):
    """One convolution and what follows it: channels, kernel, stride, padding, whether there is a norm, and a pool."""

    channels: int
    kernel: int
    stride: int
    padding: int
    norm: bool = False
    pool: tuple[int, int] | None = None  # window and stride


class _ChatfieldNetwork(nn.Module, PyTorchModelHubMixin):
    """What VGG-M and VGG-S share: all but the sizes of their stages."""

    top_layer = "relu5"
    """The ReLU behind the top convolution."""
    upper_layers = ("relu2", "relu3", "relu4", "relu5")
    """The ReLUs behind all convolutions but the first, bottom to top: where an explanatory graph has its nodes."""

    stages: ClassVar[tuple[Stage, ...]]
    least_side: ClassVar[int]

    def __init__(self, num_classes: int, *, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        check_sizes(num_classes, width, dropout)
        inputs = 3
        for number, stage in enumerate(self.stages, start=1):
            outputs = scaled(stage.channels, width)
            convolution = nn.Conv2d(inputs, outputs, stage.kernel, stride=stage.stride, padding=stage.padding)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"relu{number}", nn.ReLU())
            if stage.norm:
                self.add_module(f"norm{number}", LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
            if stage.pool is not None:
                self.add_module(f"pool{number}", ClippedMaxPool2d(*stage.pool, ceil_mode=True))
            inputs = outputs
        units = scaled(4096, width)
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.flatten = nn.Flatten()  # (B, D, 6, 6) -> (B, 36 D)
        self.fc6 = nn.Linear(inputs * 6 * 6, units)
        self.relu6 = nn.ReLU()
        self.dropout6 = nn.Dropout(dropout)
        self.fc7 = nn.Linear(units, units)
        self.relu7 = nn.ReLU()
        self.dropout7 = nn.Dropout(dropout)
        self.fc8 = nn.Linear(units, num_classes)
        initialise(self, width)

    def forward(self, images: Images) -> Logits:
        """The logits of a batch; raises `SubjectError` if the images have too few rows or columns."""
        check_side(images, self.least_side, type(self).__name__)
        x = images
        for layer in self.children():  # in the order in which they were added
            x = layer(x)
        return x


class VGGM(_ChatfieldNetwork):
    """VGG-M, a classifier of images of 17 x 17 pixels or more; the original takes 224 x 224.

    Args:
        num_classes: How many logits it returns.
        width: Factor of all channels and fully connected sizes, above 0; see `whynet.models.width.scaled`.
        dropout: Share of the outputs of the first two fully connected layers dropped in training.

    Raises:
        SettingError: There are fewer than two classes, or the width or the dropout is out of its range.
    """

    least_side = 17
    stages = (
        Stage(96, 7, 2, 0, norm=True, pool=(3, 2)),
        Stage(256, 5, 2, 1, norm=True, pool=(3, 2)),
        Stage(512, 3, 1, 1),
        Stage(512, 3, 1, 1),
        Stage(512, 3, 1, 1, pool=(3, 2)),
    )


class VGGS(_ChatfieldNetwork):
    """VGG-S, a classifier of images of 31 x 31 pixels or more; arguments and errors as of `VGGM`."""

    least_side = 31
    stages = (
        Stage(96, 7, 2, 0, norm=True, pool=(3, 3)),
        Stage(256, 5, 1, 0, pool=(2, 2)),
        Stage(512, 3, 1, 1),
        Stage(512, 3, 1, 1),
        Stage(512, 3, 1, 1, pool=(3, 3)),
    )
