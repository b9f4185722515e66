"""Local response normalisation over channels, several times faster on a CPU than torch's own.

Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012, section
3.3, over the n neighbouring channels j of channel i:

    y_i = x_i / (k + (alpha / n) sum_j x_j^2)^beta

torch sums by a three-dimensional average pooling, whose loops took more than half of a training step of VGG-M; here a
1 x 1 convolution by a band of ones does.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import has_torch_function_unary


class LocalResponseNorm(nn.LocalResponseNorm):
    """torch's layer with the same arguments, for maps (batch, channels, rows, columns)."""

    def forward(self, maps: Tensor) -> Tensor:
        """The normalised maps, of the same shape."""
        if has_torch_function_unary(maps):  # who watches operations (backward rules, receptive fields) knows torch's
            normalised: Tensor = super().forward(maps)
            return normalised
        channels = maps.shape[1]
        before, after = self.size // 2, (self.size - 1) // 2
        band = maps.new_ones(channels, channels).tril(after).triu(-before)
        energy = F.conv2d(maps * maps, band[:, :, None, None])
        divisor = energy * (self.alpha / self.size) + self.k
        if self.beta == 0.75:
            root = divisor.rsqrt()
            return maps * root * root.sqrt()
        return maps / divisor.pow(self.beta)
