"""Parameter randomisation: does the map change when what the network has learned is taken away?

Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018, arXiv:1810.03292,
section 3. The parameters of a layer get fresh initial values, and the map of an image in the randomised network is
compared with that in the trained one:

    cascading     from the logits down, each layer with all above it
    independent   each layer alone, the others as trained

by Spearman's rank correlation and SSIM. A map that stays alike does not depend on what was learned: it is an edge
detector at best. The network itself is not touched; a copy is randomised.

A layer is a module that has parameters of its own, and its place is that of its first call. It is initialised by its
own `reset_parameters` (which sets a batch norm's statistics back, too); where it has none, each of its parameters is
drawn from a normal distribution with the mean and standard deviation that its entries have.

Differs from the paper: maps are compared as `explain` gives them, so let it give absolute values where signs do not
matter; the paper's third figure, the correlation of HOG features, is left out.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SettingError, SubjectError
from whynet.base.progress import track
from whynet.base.seeding import generator, seeded
from whynet.metrics.sanity.likeness import rank_correlation, structural_similarity

Explain: TypeAlias = Callable[[nn.Module, Tensor], Tensor]
"""Gives the maps (batch, ...) of images in a network; asked for the same images each time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerLikeness:
    """How alike the maps of the trained and of the randomised network are; near 0 is good, 1 is bad.

    Where one of both maps is the same everywhere, as one that went blank, nothing can be said: the correlation is NaN.

    Args:
        layer: The (last) layer that was randomised.
        rank_correlation: Of each image, in [-1, 1].
        ssim: Of each image, at most 1; None where maps have no rows and columns.
    """

    layer: str
    rank_correlation: Float[Tensor, " batch"]
    ssim: Float[Tensor, " batch"] | None


def parameter_randomisation(
    explain: Explain,
    network: nn.Module,
    images: Tensor,
    *,
    layers: Sequence[str] | None = None,
    cascading: bool = True,
    seed: int = 0,
) -> tuple[LayerLikeness, ...]:
    """Compare the maps of a network with those of its randomised copies.

    Args:
        explain: The method.
        network: It is left as it is.
        images: Preprocessed.
        layers: After which to look, in any order; None takes all of `layers_from_top`.
        cascading: Whether the layers above each are randomised with it.
        seed: Of the new parameters; a layer's are the same in either way.

    Returns:
        One record a layer, from the top.

    Raises:
        SubjectError: The network cannot be copied, or no layer has parameters.
        SettingError: A layer has none of its own, or did not run; the others are listed.
    """
    known = layers_from_top(network, images)
    wanted = set(known) if layers is None else set(layers)
    if unknown := sorted(wanted - set(known)):
        raise SettingError(
            f"layer {unknown[0]!r} has no parameters of its own that run; those that have are, from the top, "
            f"{', '.join(known[:20])}"
        )
    trained = explain(network, images)
    changed = copied(network) if cascading else None
    last = max((place for place, layer in enumerate(known) if layer in wanted), default=-1)
    found = []
    for layer in track(known[: last + 1], "Randomising layers"):
        if changed is not None:
            _randomise(changed, layer, seed)
        if layer in wanted:
            other = changed if changed is not None else randomised_network(network, [layer], seed=seed)
            maps = explain(other, images)
            found.append(
                LayerLikeness(
                    layer=layer,
                    rank_correlation=rank_correlation(trained, maps),
                    ssim=structural_similarity(trained, maps) if trained.ndim == 3 else None,
                )
            )
    return tuple(found)


def randomised_network(network: nn.Module, layers: Sequence[str], *, seed: int = 0) -> nn.Module:
    """A copy in evaluation mode whose layers of these names have fresh parameters.

    Args:
        network: It is left as it is, and so are the global random generators.
        layers: Dotted names of modules with parameters of their own; "" is the network itself.
        seed: Equal seeds give a layer equal parameters, whatever else is randomised.

    Raises:
        SubjectError: The network cannot be copied.
        SettingError: There is no such layer, or it has no parameters of its own.
    """
    changed = copied(network)
    for layer in layers:
        _randomise(changed, layer, seed)
    return changed


def layers_from_top(network: nn.Module, images: Tensor) -> tuple[str, ...]:
    """The names of the modules with parameters of their own, the last to be called first.

    A module whose parameters are used without a call of it (by the module around it) has the place of that one.

    Raises:
        SubjectError: The network cannot be copied, or no module has parameters.
    """
    probe = copied(network)
    called: dict[str, int] = {}
    for name, module in probe.named_modules():
        module.register_forward_pre_hook(_note(name, called))
    with torch.no_grad():
        probe(images[:1])
    places = {
        name: next(called[outer] for outer in _outwards(name) if outer in called)
        for name, module in probe.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    }
    if not places:
        raise SubjectError("no module of the network has parameters, so there is nothing to randomise")
    return tuple(sorted(places, key=lambda name: places[name], reverse=True))


def _note(name: str, called: dict[str, int]) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: object) -> None:
        called.setdefault(name, len(called))

    return hook


def copied(network: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode; raises `SubjectError` if it cannot be copied."""
    try:
        return copy.deepcopy(network).eval()
    except Exception as error:  # whatever a stranger's module raises
        raise SubjectError(
            f"the check needs a copy of the network, which cannot be made ({error}); keep no computed tensors in its "
            "attributes"
        ) from error


def _randomise(network: nn.Module, layer: str, seed: int) -> None:
    module = dict(network.named_modules()).get(layer)
    own = [] if module is None else list(module.named_parameters(recurse=False))
    if module is None or not own:
        raise SettingError(f"layer {layer!r} was expected to have parameters of its own, and it has none; name another")
    reset = getattr(module, "reset_parameters", None)
    with torch.inference_mode(False), torch.no_grad():
        if callable(reset):
            with seeded(seed, "randomisation", layer):
                reset()
            return
        for name, parameter in own:
            fresh = torch.randn(parameter.shape, generator=generator(seed, "randomisation", layer, name))
            mean, deviation = parameter.float().mean(), parameter.float().std(correction=0)
            parameter.copy_(fresh.to(parameter.device) * deviation + mean)


def _outwards(name: str) -> Iterator[str]:
    """A dotted name, and those of the modules around it."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""
