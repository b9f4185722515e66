"""The SRAE explanation module: a few x-features from which one logit can be read off again.

Qi & Li, "Embedding Deep Networks into Visual Explanations", 2017, arXiv:1709.05360, sections 2.1 to 2.3. Z is one layer
of the network that is explained, y one of its logits before the softmax:

    E = encoder(Z),   y^ = v . E + b,   Z^ = decoder(E)

The encoder has ReLU layers of 800 and 100 units and a linear one of n x-features; v_n E_n is what x-feature n adds to
the prediction. The decoder keeps the x-features from being n copies of y; it is of no use after training. How they are
trained is `training.srae`.

Differs from the paper: the readout has a bias. The sign of an x-feature means nothing, since v_n and the signs of its
encoder and decoder can be changed together; `signed_for` chooses it so that v_n >= 0, so that a high x-feature always
speaks for the class, and its heat map shows what does.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SettingError


class ExplanationModule(nn.Module, PyTorchModelHubMixin):
    """The x-features of one logit.

    Args:
        input_size: Length of Z.
        num_features: How many x-features, n.
        hidden: Units of the encoder's hidden layers.
        mirrored: Whether the decoder has the encoder's hidden layers in reverse; else it is one linear layer.

    Raises:
        SettingError: A size is below 1, or there are more x-features than entries of Z.
    """

    def __init__(
        self, input_size: int, *, num_features: int = 5, hidden: Sequence[int] = (800, 100), mirrored: bool = False
    ) -> None:
        super().__init__()
        if min(input_size, num_features, *hidden) < 1:
            raise SettingError(
                f"sizes of at least 1 were expected, not {input_size} entries, hidden layers {list(hidden)} and "
                f"{num_features} x-features"
            )
        if num_features > input_size:
            raise SettingError(
                f"{num_features} x-features of a layer of {input_size} entries explain nothing; ask for fewer"
            )
        self.input_size, self.num_features = input_size, num_features
        self.hidden, self.mirrored = tuple(hidden), mirrored
        self.encoder = _layers((input_size, *hidden, num_features))
        self.readout = nn.Linear(num_features, 1)
        self.decoder = _layers((num_features, *(reversed(hidden) if mirrored else ()), input_size))

    def forward(self, activations: Float[Tensor, "batch entries"]) -> Float[Tensor, " batch"]:
        """The logit that the x-features predict, y^."""
        prediction: Tensor = self.readout(self.encoder(activations))[:, 0]
        return prediction

    def contributions(self, activations: Float[Tensor, "batch entries"]) -> Float[Tensor, "batch features"]:
        """What each x-feature adds to the prediction, v_n E_n, in units of the logit; with the bias they make up y^."""
        added: Tensor = self.encoder(activations) * self.readout.weight[0]
        return added

    @property
    def bias(self) -> float:
        """What the prediction is where no x-feature adds anything."""
        return float(self.readout.bias.detach())

    @torch.no_grad()
    def signed_for(self) -> "ExplanationModule":
        """Itself, the same function, with each x-feature's sign such that v_n >= 0."""
        sign = torch.where(self.readout.weight[0] < 0, -1.0, 1.0)  # (n)
        last, first = self.encoder[-1], self.decoder[0]
        assert isinstance(last, nn.Linear)
        assert isinstance(first, nn.Linear)
        last.weight.mul_(sign[:, None])
        last.bias.mul_(sign)
        self.readout.weight.mul_(sign)
        first.weight.mul_(sign)
        return self

    @torch.no_grad()
    def scaled(self, *, activations: float, mean: float, deviation: float) -> "ExplanationModule":
        """Itself for plain Z and y, where it was trained on Z / `activations` and on (y - mean) / deviation."""
        first, last = self.encoder[0], self.decoder[-1]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        first.weight.div_(activations)
        last.weight.mul_(activations)
        last.bias.mul_(activations)
        self.readout.weight.mul_(deviation)
        self.readout.bias.mul_(deviation).add_(mean)
        return self


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of these sizes with a ReLU between any two."""
    linear = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)]
    return nn.Sequential(*[part for layer in linear for part in (nn.ReLU(), layer)][1:])
