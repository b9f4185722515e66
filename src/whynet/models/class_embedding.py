"""Class embeddings: what the decoder of "Generating Visual Explanations" is told of the class that it explains.

Hendricks et al., ECCV 2016, arXiv:1603.08507, section 3: the decoder reads the image's feature and a vector of its
class,

    r'(x, c) = [r(x), e_c],   e_c = mean over the training sentences of class c of the language model's mean state

c is the true class in training and the predicted one at test. The language model is `language_model`.
"""

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SettingError
from whynet.base.types import Labels, Reading


class ClassEmbedding(nn.Module, PyTorchModelHubMixin):
    """One vector a class; `vectors` (classes, size) are zero until they are filled in or loaded.

    Args:
        num_classes: How many vectors, at least 1.
        size: Length of each, at least 1.

    Raises:
        SettingError: There is no class, or the size is below 1.
    """

    def __init__(self, num_classes: int, size: int) -> None:
        super().__init__()
        if min(num_classes, size) < 1:
            raise SettingError(f"one class and a size of at least 1 were expected, not {num_classes} and {size}")
        self.register_buffer("vectors", torch.zeros(num_classes, size))

    vectors: Tensor

    def forward(self, readings: Reading, classes: Labels) -> Float[Tensor, "batch joined"]:
        """Each r(x) followed by the vector of its class.

        Args:
            readings: r(x) of each image.
            classes: The class of each, from 0 to `num_classes` - 1.

        Raises:
            SettingError: There is no such class.
        """
        outside = (classes < 0) | (classes >= len(self.vectors))
        if bool(outside.any()):
            raise SettingError(
                f"classes from 0 to {len(self.vectors) - 1} were expected, not {int(classes[outside][0])}; "
                "use the embedding of the same classes"
            )
        return torch.cat([readings, self.vectors[classes]], 1)  # (B, R + size)
