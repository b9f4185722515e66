"""What lets networks that were made for 224 pixels take small pictures: pooling windows clipped to the map.

A map smaller than a pooling window would leave no position, and torch would refuse it; clipped to the map, the window
leaves one. Wherever the window fits, this is torch's own pooling.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SubjectError
from whynet.base.types import Images


class ClippedMaxPool2d(nn.MaxPool2d):
    """Max pooling whose window is no larger than the map: square and not padded; arguments as `torch.nn.MaxPool2d`."""

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels rows columns"]:
        """The largest value of each window; there is at least one row and one column of them."""
        assert isinstance(self.kernel_size, int)
        rows, columns = input.shape[-2:]
        # Asked first: a window that depended on the map's size would tie an exported network to one size.
        if rows >= self.kernel_size and columns >= self.kernel_size:
            pooled: Tensor = super().forward(input)
            return pooled
        window = min(rows, self.kernel_size), min(columns, self.kernel_size)
        return F.max_pool2d(input, window, self.stride, ceil_mode=self.ceil_mode)


def check_side(images: Images, least: int, name: str) -> None:
    """Raise `SubjectError` if images have fewer rows or columns than a network can take.

    Args:
        images: Its input.
        least: Fewest rows, and fewest columns.
        name: What the message calls the network.
    """
    rows, columns = images.shape[2:]
    if rows < least or columns < least:
        raise SubjectError(
            f"{name} takes pictures of at least {least} x {least} pixels, not {columns} x {rows}; "
            "choose a larger image size"
        )
