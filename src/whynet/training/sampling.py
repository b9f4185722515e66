"""The order in which an epoch shows its items."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from whynet.base.seeding import generator


class EpochSampler(Sampler[int]):
    """A new random order each epoch, drawn from (seed, epoch) alone; Lightning tells it the epoch.

    Args:
        groups: For each item the group it is in, such as the image of a caption.
        per_group: How many items of each group an epoch shows, drawn anew each epoch; None shows all.
        seed: Of the random order.
    """

    def __init__(self, groups: torch.Tensor, *, per_group: int | None, seed: int) -> None:
        self.groups = groups
        self.per_group = per_group
        self.seed = seed
        self.epoch = 0
        sizes = groups.bincount()
        self.length = len(groups) if per_group is None else int(sizes.clamp(max=per_group).sum())

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of this epoch next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(len(self.groups), generator=generator(self.seed, "order", self.epoch))
        if self.per_group is None:
            return iter(order.tolist())
        left = [self.per_group] * (int(self.groups.max()) + 1)
        chosen = []
        for item, group in zip(order.tolist(), self.groups[order].tolist(), strict=True):
            if left[group]:
                left[group] -= 1
                chosen.append(item)
        return iter(chosen)
