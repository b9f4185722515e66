"""Initial weights of networks that are trained from scratch, with or without batch norm.

He et al., "Delving Deep into Rectifiers", ICCV 2015, arXiv:1502.01852, section 2.2, as torchvision begins its VGGs:

    convolution    N(0, 2 / (kernel rows * kernel columns * output channels)), biases 0
    linear layer   N(0, 0.01^2), biases 0

Differs from torchvision: at a width w the deviation of linear layers is 0.01 / sqrt(w), so that a narrow network passes
on as strong a signal as the whole one, for which it is 0.01; and every network of ours begins so, AlexNet too.
"""

import math

from torch import nn

LINEAR_DEVIATION = 0.01


def initialise(network: nn.Module, width: float = 1.0) -> None:
    """Draw all weights of a network anew, in place, from torch's global generator.

    Args:
        network: Its batch norms keep what torch gives them: weight 1, bias 0.
        width: Factor of its channels, above 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, LINEAR_DEVIATION / math.sqrt(width))
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            nn.init.zeros_(module.bias)
