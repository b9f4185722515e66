"""The theoretical receptive field: which pixels a unit of a layer can depend on, whatever the weights.

Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019,
doi:10.23915/distill.00021. From the images on, a kernel of k units, s apart, d dilated and padded by p makes of a map
with extent r, stride j and a first field that starts at b

    r' = r + (k - 1) d j,   j' = s j,   b' = b - p j

and what several inputs are joined to sees all that they see. One forward pass of one image is followed, whichever way
the network is written; the rules of its operations are `receptive_rules`, their arithmetic is `receptive_axis`.

Pixel i covers [i, i + 1) and has its centre at i + 0.5; rows come before columns.

Differs from the paper: the field of each unit is also known as the image's border cuts it off, where padding counts for
nothing; and transposed convolutions and interpolation, whose units see different numbers of pixels by turns, are
followed exactly. Cutting a map into windows is the exception (`receptive_rules`): there the field is an upper bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from whynet.attribution.passage import layer_of, network_of, output_of
from whynet.attribution.receptive_axis import AxisField
from whynet.attribution.receptive_rules import receptive_rules
from whynet.attribution.signal import Model
from whynet.base.errors import SettingError, SubjectError
from whynet.base.seeding import generator
from whynet.models.subject import device_of

_NUM_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class ReceptiveField:
    """What each unit of a layer can see.

    Where every unit also sees something that does not move with it (a gate that looks at the whole image, as of squeeze
    and excitation; a norm over positions), boxes and the extent are of all it sees, while the stride and the centres
    stay those of the map itself. Behind a global pooling there is one unit, which sees what all see together.

    Args:
        layer: Its dotted name.
        image_size: Rows and columns of the image.
        rows: What the rows of units see of the rows of the image.
        columns: The same for columns.
    """

    layer: str
    image_size: tuple[int, int]
    rows: AxisField
    columns: AxisField

    @property
    def num_units(self) -> tuple[int, int]:
        """Rows and columns of units."""
        return len(self.rows.first), len(self.columns.first)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of pixels of the largest field, were the image large enough."""
        return self.rows.extent, self.columns.extent

    @property
    def stride(self) -> tuple[float, float]:
        """Rows and columns of pixels from one unit's field to the next; 0 where all units see the same."""
        return float(self.rows.stride), float(self.columns.stride)

    def box(self, row: int, column: int, *, clipped: bool = False) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of a unit's field: the pixels from top and left up to before bottom and right.

        Args:
            row: Of the unit.
            column: Of the unit.
            clipped: Whether the box ends where the image does; padding counts for nothing then. Else it may reach
                beyond the image.

        Returns:
            Pixels; (0, 0, 0, 0) for a unit that sees nothing (in the gaps of a transposed convolution).

        Raises:
            SettingError: There is no such unit.
        """
        self._check(row, column)
        tops, bottoms = _ends(self.rows, clipped=clipped)
        lefts, rights = _ends(self.columns, clipped=clipped)
        top, left, bottom, right = int(tops[row]), int(lefts[column]), int(bottoms[row]), int(rights[column])
        return (top, left, bottom, right) if top < bottom and left < right else (0, 0, 0, 0)

    def centre(self, row: int, column: int) -> tuple[float, float]:
        """The centre (y, x) of a unit's unclipped field in pixels; the centre of pixel (0, 0) is (0.5, 0.5).

        NaN for a unit that sees nothing.

        Raises:
            SettingError: There is no such unit.
        """
        self._check(row, column)
        return float(_centres(self.rows)[row]), float(_centres(self.columns)[column])

    def centres(self) -> Float[Tensor, "rows columns 2"]:
        """`centre` of every unit."""
        return torch.stack(torch.meshgrid(_centres(self.rows), _centres(self.columns), indexing="ij"), -1)

    def region(
        self, units: Bool[Tensor, "*batch rows columns"], *, extent: tuple[float | int, float | int] | None = None
    ) -> Bool[Tensor, "*batch height width"]:
        """The union of the round receptive fields of some units: the pixels that at least one of them covers.

        A round field is the ellipse within the unclipped box; a pixel is covered if its centre is.

        Args:
            units: True for each unit that counts.
            extent: Rows and columns of pixels of a field in place of the theoretical ones, as an
                `ImageResolutionField` gives them.

        Raises:
            SettingError: The units are not those of the layer.
        """
        if units.shape[-2:] != self.num_units:
            raise SettingError(
                f"units of shape (..., {self.num_units[0]}, {self.num_units[1]}), as layer {self.layer!r} has them, "
                f"were expected, not {tuple(units.shape)}; give a map of this layer for images of {self.image_size}"
            )
        height, width = self.image_size
        tall, wide = self.extent if extent is None else extent
        wanted = units.flatten(-2).flatten(0, -2) if units.ndim > 2 else units.flatten()[None]  # (B, units)
        found = torch.zeros(len(wanted), height * width, dtype=torch.bool, device=units.device)
        active = wanted.any(0).nonzero()[:, 0]
        centres = self.centres().flatten(0, 1).to(units.device)
        y, x = (torch.arange(size, device=units.device) + 0.5 for size in (height, width))
        for some in torch.split(active, _NUM_AT_ONCE):
            down = ((y - centres[some, 0, None]) * 2 / max(tall, 1e-9)).square()  # (n, H)
            across = ((x - centres[some, 1, None]) * 2 / max(wide, 1e-9)).square()
            covered = (down[:, :, None] + across[:, None] <= 1).flatten(1)  # (n, H W)
            found |= wanted[:, some].float() @ covered.float() > 0
        return found.view(*units.shape[:-2], height, width)

    def maps(self, output: Tensor) -> Float[Tensor, "batch channels rows columns"]:
        """What the layer returned for a batch, as maps; for channels last, too, and for vectors as maps of one unit.

        Raises:
            SubjectError: It has other axes.
        """
        if output.ndim == 2 and self.num_units == (1, 1):
            return output[:, :, None, None]
        if output.ndim != 4:
            raise SubjectError(
                f"layer {self.layer!r} returns {tuple(output.shape)}, not maps (batch, channels, rows, columns); name "
                "one that does"
            )
        last = self.rows.dim == 1 or (self.rows.dim is None and self.columns.dim == 2)
        rows = self.rows.dim or (1 if last else 5 - (self.columns.dim or 3))
        columns = self.columns.dim or (2 if last else 5 - rows)
        return output.permute(0, 6 - rows - columns, rows, columns)

    def _check(self, row: int, column: int) -> None:
        rows, columns = self.num_units
        if not (0 <= row < rows and 0 <= column < columns):
            raise SettingError(
                f"a unit from (0, 0) to ({rows - 1}, {columns - 1}), as layer {self.layer!r} has them for images of "
                f"{self.image_size}, was expected, not ({row}, {column})"
            )


def receptive_field(model: Model, layer: str, images: Tensor | Sequence[int]) -> ReceptiveField:
    """The receptive field of the units of a layer, found by following one forward pass.

    Args:
        model: Any network; it is run in evaluation mode and left as it was.
        layer: The dotted name of a module; of one that runs several times, the first run counts.
        images: Preprocessed images (batch, channels, rows, columns), of which the size alone counts; or that size,
            (rows, columns) for pictures of three channels or (channels, rows, columns).

    Raises:
        SettingError: The images or the size cannot be used.
        SubjectError: The layer does not exist, did not run, or has no rows and columns of its own; or an operation
            before it has no rule, or joins maps of different strides.
    """
    network = network_of(model)
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise SubjectError("a scripted module hides its operations; give the network before it was scripted")
    layer_of(network, layer)
    image = images[:1] if isinstance(images, Tensor) else _noise(network, images)
    if image.ndim != 4:
        raise SettingError(
            "a batch of images (batch, channels, rows, columns) was expected, not one of shape "
            f"{tuple(image.shape)}; add an axis for the batch: images[None]"
        )
    mode = receptive_rules(network)
    output = output_of(network, image.to(device_of(network)), layer, under=mode)
    sight = mode.sight(output)
    if sight is None:
        raise SubjectError(
            f"nothing that can be followed leads from the images to layer {layer!r}; name a layer that comes from them"
        )
    rows, columns = sight
    if rows.dim is not None and rows.dim == columns.dim:
        raise SubjectError(
            f"layer {layer!r} returns {tuple(output.shape)}, with rows and columns in one axis; name a layer before "
            "they are merged"
        )
    return ReceptiveField(layer=layer, image_size=(image.shape[2], image.shape[3]), rows=rows, columns=columns)


def _noise(network: nn.Module, size: Sequence[int]) -> Tensor:
    """One image of noise of a size, as the network takes it."""
    if len(size) not in (2, 3) or any(not isinstance(n, int) or n < 1 for n in size):
        raise SettingError(
            f"the size of an image, (rows, columns) or (channels, rows, columns), was expected, not {size!r}"
        )
    full = (1, *size) if len(size) == 3 else (1, 3, *size)
    own = next((parameter for parameter in network.parameters() if parameter.is_floating_point()), torch.empty(0))
    return torch.rand(full, generator=generator(0, "receptive field")).to(own)


def _ends(field: AxisField, *, clipped: bool) -> tuple[Tensor, Tensor]:
    if clipped or field.wide:
        return field.first, field.last
    return field.endless(torch.arange(len(field.first)))


def _centres(field: AxisField) -> Tensor:
    units = torch.arange(len(field.first))
    first, last = field.endless(units) if field.shift else (field.first, field.last)
    return torch.where(first < last, (first + last) / 2, torch.nan).float()
