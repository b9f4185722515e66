"""Interpretable convolutions: filters whose maps are masked around their strongest position.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 3. After the ReLU, a filter's map x keeps what lies near its peak:

    x_masked = max(x o T_mu, 0),        mu = argmax_ij x_ij

with T / tau for T, whose peak is 1 (`part_templates`), since the next layer absorbs the scale. As in the paper the top
convolution is masked, and so is a new 3 x 3 convolution of as many filters on top of it. What pushes a filter towards
one part of one category in training is the filter loss (`filter_loss`), which takes part only while filters learn
(`training.interpretable`): at inference there is a mask and a ReLU, no loss and no labels.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SubjectError
from whynet.base.types import Images
from whynet.models.filter_settings import FilterSettings
from whynet.models.named_network import first_line
from whynet.models.part_templates import shapes
from whynet.models.subject import evaluating

Maps = Float[Tensor, "batch filters rows columns"]


class PartMask(nn.Module):
    """Keeps of each map what lies around its strongest position.

    Attributes:
        beta: Of each filter (a buffer: no optimiser changes it), in single precision whatever the network has: where it
            is learned, its steps are smaller than half precision can tell.
        categories: What each filter stands for, by the number of the class; -1 before training.
        push: Set while the filters learn: what adds the gradient of the filter loss to the maps it is given.
    """

    beta: Tensor
    categories: Tensor

    def __init__(self, num_filters: int, settings: FilterSettings) -> None:
        super().__init__()
        self.settings = settings
        self.push: Callable[[Tensor], Tensor] | None = None
        self.register_buffer("beta", torch.full((num_filters,), settings.beta, dtype=torch.float32))
        self.register_buffer("categories", torch.full((num_filters,), -1))

    def forward(self, maps: Maps) -> Maps:
        """The masked maps; `maps` are at least 0."""
        if self.push is not None:
            maps = self.push(maps)
        rows, columns = maps.shape[2:]
        mask = shapes(maps.detach().flatten(2).argmax(2), rows, columns, self.beta.to(maps.dtype), self.settings.norm)
        return maps * mask.relu_()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "PartMask":
        """What `to`, `half` and their like call: they move beta, but leave it in its precision."""
        beta = self.beta
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.beta.dtype != beta.dtype:
            self.beta = beta.to(self.beta.device)
        return self


class InterpretableConv(nn.Module):
    """The top convolution of a network, masked, and a new masked 3 x 3 convolution on top of it.

    Args:
        below: The top convolution, its ReLU, or a block that ends in them.
        num_filters: How many maps it returns.
        settings: Of the masks.

    Attributes:
        masks: Those of the old and of the new filters; the new ones' output is this module's.
    """

    def __init__(self, below: nn.Module, num_filters: int, settings: FilterSettings) -> None:
        super().__init__()
        self.below = below
        self.below_relu = nn.ReLU()  # one of its own: a hook on the other hears the new filters alone
        self.below_mask = PartMask(num_filters, settings)
        self.convolution = nn.Conv2d(num_filters, num_filters, 3, padding=1)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]
        self.relu = nn.ReLU()
        self.mask = PartMask(num_filters, settings)

    @property
    def masks(self) -> tuple[PartMask, PartMask]:
        """Those of the old and of the new filters."""
        return self.below_mask, self.mask

    def forward(self, inputs: Any) -> Maps:
        """The masked maps of the new filters."""
        maps = self.below_mask(self.below_relu(self.below(inputs)))
        masked: Tensor = self.mask(self.relu(self.convolution(maps)))
        return masked


def make_interpretable(
    network: nn.Module, layer: str, *, images: Images | None = None, settings: FilterSettings | None = None
) -> nn.Module:
    """A copy of a classifier whose top convolution has interpretable filters.

    They become so by training, as `whynet train --interpretable` does, with `training.interpretable.FilterLearning`.

    Args:
        network: Any classifier of images; it is left as it is.
        layer: The dotted name of its top convolution, of the ReLU after it, or of the block that ends in them (of a
            ResNet "layer4"), before its pooling. Where a normalisation lies between the two, name the ReLU. Of a layer
            with several names any one, since it is replaced under all of them.
        images: One preprocessed image or more, of the size that the network will see; by default one of 224 x 224.
        settings: Of the masks.

    Returns:
        The copy, in the mode of the original; the layer's old weights are those of `<layer>.below`, the new ones are
        drawn from torch's global generator.

    Raises:
        SubjectError: The network does not take the images; or there is no such layer, it did not run or ran several
            times, it returns no maps (batch, channels, rows, columns), or one of 1 x 1, which has no place for a part;
            or the network calls it past its names, so that it cannot be replaced.
    """
    made = copy.deepcopy(network)
    modules = dict(made.named_modules(remove_duplicate=False))
    if layer not in modules or not layer:
        raise SubjectError(f"the network has no layer {layer!r}; its last layers are {', '.join(list(modules)[-12:])}")
    if isinstance(modules[layer], InterpretableConv):
        raise SubjectError(f"layer {layer!r} is interpretable already; take the network as it was before")
    example = next(network.parameters(), torch.empty(0))
    if images is None:
        images = torch.zeros(1, 3, 224, 224)
    rows, columns, channels = _shape_of(made, modules[layer], layer, images.to(example))
    if rows * columns < 2:
        raise SubjectError(
            f"the maps of layer {layer!r} are {rows} x {columns}, so a filter has no place to choose; name a layer "
            "before a pooling, or give larger images"
        )
    own = InterpretableConv(modules[layer], channels, settings or FilterSettings())
    own.to(device=example.device, dtype=example.dtype).train(modules[layer].training)
    for alias in [name for name, module in modules.items() if module is own.below]:
        parent, _, name = alias.rpartition(".")
        setattr(modules[parent], name, own)
    if not _outputs_of(made, own, images.to(example)):
        raise SubjectError(
            f"the network calls layer {layer!r} past its names, so it cannot be replaced; let its forward reach the "
            "layer through an attribute or a container of modules, not through a plain list or a function"
        )
    return made


def interpretable_layers(network: nn.Module) -> dict[str, InterpretableConv]:
    """The interpretable layers of a network, by their dotted names."""
    return {name: module for name, module in network.named_modules() if isinstance(module, InterpretableConv)}


def _shape_of(network: nn.Module, module: nn.Module, layer: str, images: Tensor) -> tuple[int, int, int]:
    """Rows, columns and channels of what a module returns."""
    caught = _outputs_of(network, module, images)
    if len(caught) != 1:
        runs = f"ran {len(caught)} times" if caught else "did not run"
        raise SubjectError(f"layer {layer!r} {runs} in the forward pass; name one that runs once")
    output = caught[0]
    if not isinstance(output, Tensor) or output.ndim != 4:
        shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else type(output).__name__
        raise SubjectError(
            f"layer {layer!r} returns {shape}, not maps (channels, rows, columns); name a convolution, its ReLU or a "
            "block of them"
        )
    return int(output.shape[2]), int(output.shape[3]), int(output.shape[1])


def _outputs_of(network: nn.Module, module: nn.Module, images: Tensor) -> list[Any]:
    """What a module returns, each time that it runs."""
    caught: list[Any] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    try:
        with evaluating(network), torch.no_grad():
            network(images)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, AssertionError) as error:
        raise SubjectError(
            f"the network does not take images of shape {tuple(images.shape)} ({first_line(error)}); give one "
            "of the size that it will see as images"
        ) from error
    finally:
        handle.remove()
    return caught
