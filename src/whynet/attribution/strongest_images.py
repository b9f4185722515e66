"""The images in which units of a layer fire strongest, found batch by batch; no other image is kept."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from whynet.attribution.passage import output_of
from whynet.attribution.receptive_field import ReceptiveField, receptive_field
from whynet.base.errors import SettingError
from whynet.models.subject import device_of


class StrongestImages:
    """The strongest images of each unit so far, strongest first.

    Args:
        network: Left as it was.
        source: The layer of the units.
        units: Channels of it.
        top: How many images are kept for a unit.
        keep: Whether the images themselves are kept; else their numbers alone.
    """

    def __init__(self, network: nn.Module, source: str, units: Sequence[int], top: int, *, keep: bool = True) -> None:
        self.network, self.source, self.units, self.top, self.keep = network, source, list(units), top, keep
        self.field: ReceptiveField | None = None
        """Of the source; None before the first batch."""
        self.values = torch.zeros(len(units), 0)  # (U, K)
        """The activations at the strongest positions."""
        self.numbers = torch.zeros(len(units), 0, dtype=torch.long)
        """The numbers of the images, in the order in which they came."""
        self.places = torch.zeros(len(units), 0, dtype=torch.long)
        """The strongest positions, counted row by row."""
        self.images: dict[int, Tensor] = {}
        """By number, those among the strongest of a unit that fires there, above 0."""
        self.num_seen = 0
        """How many images came."""

    def look(self, batch: Tensor) -> None:
        """Take note of a batch.

        Raises:
            SettingError: The images are not of the size of those before, or there is no such unit.
            SubjectError: As `receptive_field`, or the layer held NaN.
        """
        size = (batch.shape[2], batch.shape[3])
        if self.field is None:
            self.field = receptive_field(self.network, self.source, batch)
        if size != self.field.image_size:
            raise SettingError(f"images of one size, {self.field.image_size}, were expected, and one has {size} pixels")
        maps = self.field.maps(output_of(self.network, batch.to(device_of(self.network)), self.source))
        for unit in self.units:
            if not 0 <= unit < maps.shape[1]:
                raise SettingError(
                    f"a unit from 0 to {maps.shape[1] - 1} of layer {self.source!r} was expected, not {unit}"
                )
        values, places = maps[:, self.units].float().flatten(2).cpu().max(2)  # (B, U)
        numbers = torch.arange(self.num_seen, self.num_seen + len(batch)).expand(len(self.units), -1)
        self.num_seen += len(batch)
        all_values = torch.cat([self.values, values.T], 1)
        order = all_values.sort(dim=1, descending=True, stable=True).indices[:, : self.top]
        self.values = all_values.gather(1, order)
        self.numbers = torch.cat([self.numbers, numbers], 1).gather(1, order)
        self.places = torch.cat([self.places, places.T], 1).gather(1, order)
        if not self.keep:
            return
        kept = set(self.numbers[self.values > 0].tolist())
        first = self.num_seen - len(batch)
        # Copies, since a part would keep its whole batch alive.
        new = {number: batch[number - first].clone() for number in kept if number >= first}
        self.images = {number: image for number, image in self.images.items() if number in kept} | new


def batches_of(images: Tensor | Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    """Batches of at most this size of images that are one batch or several."""
    for batch in [images] if isinstance(images, Tensor) else images:
        if not isinstance(batch, Tensor) or batch.ndim != 4:
            what = f"shape {tuple(batch.shape)}" if isinstance(batch, Tensor) else f"a {type(batch).__name__}"
            raise SettingError(
                f"a batch of images (batch, channels, rows, columns), or several, was expected, not {what}; add an "
                "axis for the batch: images[None]"
            )
        yield from torch.split(batch, batch_size)
