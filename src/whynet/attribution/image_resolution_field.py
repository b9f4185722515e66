"""The image-resolution receptive field: what part of its theoretical field a unit really looks at, measured.

Zhou, Khosla, Lapedriza, Oliva & Torralba, "Object Detectors Emerge in Deep Scene CNNs", ICLR 2015, arXiv:1412.6856,
section 3.2. Of the K images in which unit u fires strongest, each is covered with a small random patch at each place
(i, j) of a dense grid, and the discrepancy map is

    d(i, j) = |a_u(image) - a_u(image with the patch at (i, j))|

where a_u is the activation at the unit's strongest position. Each map is shifted so that the centre of the theoretical
field of that position lies in the middle, and the mean over the K images is the calibrated field.

Differs from the paper: a patch's pixels are drawn evenly between the lowest and the highest value of each channel of
the image, anew at each place, and one more place at the right and at the bottom covers what the grid leaves over. A
discrepancy belongs to the centre of its patch, with straight lines between the centres. A pixel of the field counts in
those images alone in which it lies within the image. Only images in which the unit fires, with an activation above 0,
are taken.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isnan

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from whynet.attribution.passage import network_of, output_of
from whynet.attribution.receptive_field import ReceptiveField
from whynet.attribution.signal import Model
from whynet.attribution.strongest_images import StrongestImages, batches_of
from whynet.base.errors import SettingError
from whynet.base.progress import track
from whynet.base.seeding import numpy_generator
from whynet.models.subject import device_of


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageResolutionField:
    """What the units of a layer really look at; the middle of each map is the centre of the theoretical field.

    Maps are as large as the theoretical field, but never larger than twice the image, and 0 where no image has a pixel.

    Args:
        units: The channels that were measured.
        maps: The mean discrepancy, at least 0, in units of the activation; one pixel of a map is one of the image.
        patches: The mean of the images around the strongest positions, in the same places as the maps.
        num_images: Over how many images each was averaged; fewer than asked for if the unit fired in fewer.
        theoretical: The theoretical receptive field.
    """

    units: tuple[int, ...]
    maps: Float[Tensor, "units rows columns"]
    patches: Float[Tensor, "units channels rows columns"]
    num_images: tuple[int, ...]
    theoretical: ReceptiveField

    def window(self, unit: int, *, share: float = 0.5) -> tuple[float, float, float, float]:
        """Top, left, bottom and right of the measured field, in pixels from the centre of the theoretical one.

        The paper shows the field and gives no rule for where it ends. Our choice: the smallest box around all pixels
        whose discrepancy is at least half the greatest. It is blurred by the patch, and so known to about half a
        patch; what is smaller than the patch seems as large as the patch.

        Args:
            unit: One of `units`.
            share: Of the greatest discrepancy, above 0 and up to 1.

        Returns:
            Zeros if the unit never fired, or no patch changed it.

        Raises:
            SettingError: The unit was not measured, or the share is out of range.
        """
        if unit not in self.units:
            raise SettingError(f"one of the units {list(self.units)} that were measured was expected, not {unit}")
        if not 0 < share <= 1:
            raise SettingError(f"a share above 0 and up to 1 was expected, not {share}")
        own = self.maps[self.units.index(unit)]
        if not bool(own.any()):
            return 0.0, 0.0, 0.0, 0.0
        places = (own >= share * own.max()).nonzero()
        (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
        rows, columns = own.shape
        return top - rows / 2, left - columns / 2, bottom + 1 - rows / 2, right + 1 - columns / 2

    def extent(self, unit: int, *, share: float = 0.5) -> tuple[int, int]:
        """Rows and columns of pixels of `window`, whose arguments and errors these are; 0 if there is none."""
        top, left, bottom, right = self.window(unit, share=share)
        return round(bottom - top), round(right - left)


def image_resolution_field(
    model: Model,
    images: Tensor | Iterable[Tensor],
    *,
    source: str,
    units: Sequence[int],
    top: int = 10,
    occluder: int = 11,
    stride: int = 3,
    seed: int = 0,
    batch_size: int = 64,
) -> ImageResolutionField:
    """The measured receptive fields of units of a layer.

    It costs one forward up to the layer for each place of the patch on each image that is among a unit's strongest
    (about 5,000 for 224 x 224 pixels); units that share images share these.

    Args:
        model: Any network; it is run in evaluation mode and left as it was.
        images: Preprocessed, all of one size: a batch, or batches one after another, of which no more are kept than are
            among the strongest of a unit.
        source: The layer whose units are measured.
        units: Channels of it.
        top: The number of images K for a unit.
        occluder: Side of the patch in pixels.
        stride: Pixels from one place of the patch to the next.
        seed: Of the patches; the same for an image whatever the units and the batch size.
        batch_size: Images a forward pass.

    Raises:
        SettingError: The images, the units or a number is out of range.
        SubjectError: As `receptive_field`, or the layer held NaN.

    Warns:
        UserWarning: A unit fired in no image; its map is 0.
    """
    network = network_of(model)
    if isinstance(units, (int, str)) or not len(units):
        raise SettingError(f"units are given as a list of at least one channel, as units=[3], not as {units!r}")
    units = tuple(units)
    for name, number in (("top", top), ("occluder", occluder), ("stride", stride), ("batch_size", batch_size)):
        if number < 1:
            raise SettingError(f"{name} was expected to be at least 1, not {number}")
    found = StrongestImages(network, source, units, top)
    for batch in track(batches_of(images, batch_size), "Finding the strongest images"):
        if occluder > min(batch.shape[2:]):
            raise SettingError(
                f"a patch within the image, {batch.shape[2]} x {batch.shape[3]} pixels, was expected, not one of "
                f"{occluder} x {occluder}; give a smaller occluder"
            )
        found.look(batch)
    if found.field is None:
        raise SettingError("at least one image was expected, and there is none")
    silent = [unit for unit, values in zip(units, found.values, strict=True) if not bool((values > 0).any())]
    if silent:
        warnings.warn(
            f"units {silent} of layer {source!r} fired in none of {found.num_seen} images: their fields are 0; give "
            "images in which they fire",
            stacklevel=2,
        )
    sums, columns = _Sums(found.field, len(units), batch.shape[1]), found.field.num_units[1]
    for number, image in track(sorted(found.images.items()), "Covering images"):
        own, rank = ((found.numbers == number) & (found.values > 0)).nonzero().T
        places = found.places[own, rank]
        wanted = torch.tensor(units)[own], places // columns, places % columns
        draws = numpy_generator(seed, "occluders", number)
        maps = _covered(network, source, found.field, image, wanted, (occluder, stride, batch_size), draws)
        for unit, own_map, row, column in zip(own.tolist(), maps, *(at.tolist() for at in wanted[1:]), strict=True):
            sums.add(unit, own_map, image, found.field.centre(row, column))
    return sums.mean(units)


def _covered(
    network: nn.Module,
    source: str,
    field: ReceptiveField,
    image: Tensor,
    wanted: tuple[Tensor, Tensor, Tensor],
    grid: tuple[int, int, int],
    draws: np.random.Generator,
) -> Tensor:
    """(units, height, width): by how much an activation changes if the image is covered around a pixel.

    Args:
        network: See `image_resolution_field`.
        source: See there.
        field: Of the source.
        image: Without a batch axis.
        wanted: Channel, row and column of each unit.
        grid: Side of the patch, stride, and images a forward pass.
        draws: Of the patches.
    """
    occluder, stride, batch_size = grid
    device = device_of(network)

    def activations(images: Tensor) -> Tensor:
        maps = field.maps(output_of(network, images.to(device), source))
        channels, rows, columns = (index.to(device) for index in wanted)
        return maps[:, channels, rows, columns].float().cpu()  # (B, U)

    tops, lefts = (_starts(side, occluder, stride) for side in field.image_size)
    places = [(top, left) for top in tops for left in lefts]
    image = image.cpu()
    low, high = image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)
    plain, changes = activations(image[None]), []
    for start in range(0, len(places), batch_size):
        some = places[start : start + batch_size]
        covered = image.repeat(len(some), 1, 1, 1)
        for own, (top, left) in zip(covered, some, strict=True):
            noise = torch.from_numpy(draws.random((len(image), occluder, occluder), dtype=np.float32))
            own[:, top : top + occluder, left : left + occluder] = low + noise.to(image.dtype) * (high - low)
        changes.append((activations(covered) - plain).abs())
    on_grid = torch.cat(changes).T.reshape(-1, len(tops), len(lefts))  # (U, tops, lefts)
    down, across = _lines(field.image_size[0], tops, occluder), _lines(field.image_size[1], lefts, occluder)
    return down @ on_grid @ across.T


def _starts(side: int, occluder: int, stride: int) -> list[int]:
    return sorted({*range(0, side - occluder + 1, stride), side - occluder})


def _lines(side: int, starts: Sequence[int], occluder: int) -> Tensor:
    """(pixels, places): the weights of straight lines between the centres of the patches."""
    pixels, centres = np.arange(side) + 0.5, np.array(starts) + occluder / 2
    weights = np.stack([np.interp(pixels, centres, one) for one in np.eye(len(starts))], 1)
    return torch.from_numpy(weights).float()


class _Sums:
    """Maps and images, shifted to the middle and summed up."""

    def __init__(self, field: ReceptiveField, num_units: int, num_channels: int) -> None:
        self.field = field
        sides = zip(field.extent, field.image_size, strict=True)
        self.size = [extent if extent <= 2 * side else 2 * side - extent % 2 for extent, side in sides]
        # The map, then the image's channels, then how many images have each pixel.
        self.sums = torch.zeros(num_units, num_channels + 2, *self.size)
        self.num_images = [0] * num_units

    def add(self, own: int, map_: Tensor, image: Tensor, centre: tuple[float, float]) -> None:
        """Add what lies around the centre (y, x), which is NaN for a unit that sees nothing of the image."""
        if isnan(sum(centre)):
            return
        top, left = (floor(at - size / 2 + 0.5) for at, size in zip(centre, self.size, strict=True))
        layers = torch.cat([map_[None], image.float().cpu(), torch.ones_like(map_)[None]])
        height, width = self.field.image_size
        # Negative padding cuts off.
        ends = (-left, left + self.size[1] - width, -top, top + self.size[0] - height)
        self.sums[own] += F.pad(layers, ends)
        self.num_images[own] += 1

    def mean(self, units: tuple[int, ...]) -> ImageResolutionField:
        """The mean over the images that have a pixel."""
        means = self.sums[:, :-1] / self.sums[:, -1:].clamp(min=1)
        return ImageResolutionField(
            units=units,
            maps=means[:, 0],
            patches=means[:, 1:],
            num_images=tuple(self.num_images),
            theoretical=self.field,
        )
