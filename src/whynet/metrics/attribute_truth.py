"""Are the attributes that a sentence claims true, and does it name those that tell the classes apart?

A sentence "because this bird has a black head and a yellow belly" makes two claims. Each can be checked against what
is true of this very image, and against what is true of its class; a sentence copied from another bird of the class
fails the first test and passes the second. Over all sentences s (micro-averaged: every claim weighs the same):

    true_of_image = sum_s |claimed & true of the image|                  / sum_s |claimed|
    true_of_class = sum_s |claimed & true of the class|                  / sum_s |claimed|
    recall        = sum_s |claimed & discriminative & true of the image| / sum_s |discriminative & true of the image|
    claims        = sum_s |claimed| / number of sentences

A sentence that claims nothing leaves the first two untouched and lowers the other two: read them together. A share of
nothing at all (0 / 0: no sentence claims anything, or nothing telling could be seen) is left out of the result.
"""

from collections.abc import Hashable, Set

import torch
from torch import Tensor
from torchmetrics import Metric

from whynet.base.errors import DataError


class AttributeTruth(Metric):
    """Share of the claimed attributes that are true, and share of the telling ones that are claimed.

    A torchmetrics `Metric`: feed it sentence by sentence with `update`; counts are summed over devices.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    sentences: Tensor
    claimed: Tensor
    claimed_true_of_image: Tensor
    claimed_true_of_class: Tensor
    claimed_telling: Tensor
    telling: Tensor

    def __init__(self) -> None:
        super().__init__()
        claims = ("claimed", "claimed_true_of_image", "claimed_true_of_class", "claimed_telling")
        for name in ("sentences", *claims, "telling"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

    def update(
        self,
        claimed: Set[Hashable],
        true_of_image: Set[Hashable],
        true_of_class: Set[Hashable],
        discriminative: Set[Hashable],
    ) -> None:
        """Count one sentence.

        Args:
            claimed: What the sentence claims, as in {("crown colour", "red")}; may be empty.
            true_of_image: Every attribute that can be seen in the image.
            true_of_class: Every attribute of the image's class.
            discriminative: The attributes that tell this class from others; those that the image does not show are not
                asked for.
        """
        telling = discriminative & true_of_image
        self.sentences += 1
        self.claimed += len(claimed)
        self.claimed_true_of_image += len(claimed & true_of_image)
        self.claimed_true_of_class += len(claimed & true_of_class)
        self.claimed_telling += len(claimed & telling)
        self.telling += len(telling)

    def compute(self) -> dict[str, float]:
        """The figures of all sentences so far.

        Returns:
            `true_of_image`, `true_of_class` and `recall` in [0, 1], higher is better, each absent where it is a share
            of nothing; `claims`, the mean number of claims a sentence.

        Raises:
            DataError: No sentence was given.
        """
        if not self.sentences:
            raise DataError("the truth of attributes needs at least 1 sentence, but there are 0; call update first")
        figures = {"claims": float(self.claimed / self.sentences)}
        if self.claimed:
            figures["true_of_image"] = float(self.claimed_true_of_image / self.claimed)
            figures["true_of_class"] = float(self.claimed_true_of_class / self.claimed)
        if self.telling:
            figures["recall"] = float(self.claimed_telling / self.telling)
        return figures
