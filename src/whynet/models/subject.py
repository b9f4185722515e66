"""The Subject: a network being explained, with what it needs to be used.

Any `nn.Module` that maps a batch of images to (batch, classes) logits, or to an object that holds them as its
attribute `logits`, as the networks of transformers do. It is never modified and never left in another mode.
"""

import difflib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from whynet.base.errors import SettingError, SubjectError
from whynet.base.types import Images, Logits, Picture
from whynet.models.named_network import Architecture


@dataclass
class _Visit:
    """Who uses a network in evaluation mode at present: the first thread to come switches, the last to go restores."""

    visitors: int = 0
    training: list[nn.Module] = field(default_factory=list)


_LOCK = threading.Lock()
_VISITS: "WeakKeyDictionary[nn.Module, _Visit]" = WeakKeyDictionary()


def logits_of(output: object) -> object:
    """What a network returned, or its attribute `logits` where it has one that is a tensor."""
    logits = getattr(output, "logits", None)
    return logits if isinstance(logits, Tensor) else output


def device_of(network: nn.Module) -> torch.device:
    """Where a network's first parameter lies; the CPU if it has none."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[nn.Module]:
    """A network in evaluation mode; on leaving, each module is back in the mode it was in.

    Several threads may be inside at once; the modes come back when the last one leaves.
    """
    with _LOCK:
        visit = _VISITS.setdefault(network, _Visit())
        if visit.visitors == 0:
            visit.training = [module for module in network.modules() if module.training]
            for module in visit.training:
                module.training = False
        visit.visitors += 1
    try:
        yield network
    finally:
        with _LOCK:
            visit.visitors -= 1
            if visit.visitors == 0:
                for module in visit.training:
                    module.training = True


class Subject:
    """A network with its preprocessing and the names of its classes.

    Args:
        network: Maps images (batch, 3, height, width) to logits (batch, classes).
        class_names: One name an output, in order.
        preprocess: Maps pictures (RGB, 0 to 255, any sizes) to the network's input, as `Preprocessing` does.
        name: What messages and reports call the network.
        architecture: Where a library built the network by name: what rebuilds it without its weights.

    Raises:
        SubjectError: There are no class names, or one is not unique.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        class_names: Sequence[str],
        preprocess: Callable[[Sequence[Picture]], Images],
        name: str = "network",
        architecture: Architecture | None = None,
    ) -> None:
        self.network = network
        self.class_names = tuple(class_names)
        self.preprocess = preprocess
        self.name = name
        self.architecture = architecture
        if not self.class_names or len(set(self.class_names)) < len(self.class_names):
            raise SubjectError(f"one unique name for each class was expected, not {list(self.class_names)}")

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The dotted name of each module within the network."""
        return tuple(name for name, _ in self.network.named_modules() if name)

    def layer(self, name: str) -> nn.Module:
        """The module of this dotted name; raises `SubjectError` that lists near names if there is none."""
        modules: dict[str, nn.Module] = dict(self.network.named_modules(remove_duplicate=False))
        if name and name in modules:
            return modules[name]
        near = difflib.get_close_matches(name, [key for key in modules if key], n=5, cutoff=0.4)
        hint = f"near names are {', '.join(near)}" if near else f"its layers are {', '.join(self.layer_names[:20])}"
        raise SubjectError(f"{self.name} has no layer {name!r}; {hint}")

    def class_number(self, name: str) -> int:
        """The number of a class, given by its name or its number; raises `SettingError` that lists near names."""
        names = self.class_names
        if name in names:
            return names.index(name)
        if name.isdecimal():
            if int(name) < len(names):
                return int(name)
            raise SettingError(f"{self.name} has classes 0 to {len(names) - 1}, not {name}")
        lower = {own.lower(): own for own in names}
        near = [lower[key] for key in difflib.get_close_matches(name.lower(), lower, n=5, cutoff=0.5)]
        hint = f"near names are {', '.join(near)}" if near else f"its classes are {', '.join(names[:10])}"
        raise SettingError(f"{self.name} has no class {name!r}; {hint}{'' if near or len(names) <= 10 else ', ...'}")

    @property
    def device(self) -> torch.device:
        """Where the network's first parameter lies; the CPU if it has none."""
        return device_of(self.network)

    def to(self, device: torch.device | str) -> "Subject":
        """Move the network's parameters to a device, as `nn.Module.to` does."""
        self.network.to(device)
        return self

    def logits(self, images: Images) -> Logits:
        """The network's logits in evaluation mode, without gradients; raises `SubjectError` on NaN or a wrong shape."""
        with evaluating(self.network) as network, torch.no_grad():
            return self.check_logits(network(images.to(self.device)))

    def check_logits(self, output: object) -> Logits:
        """The logits in a network's output, one finite logit for each class and image; else raises `SubjectError`."""
        output = logits_of(output)
        expected = f"{self.name} must return logits of shape (batch, {len(self.class_names)}), one for each class name"
        if not isinstance(output, Tensor):
            raise SubjectError(
                f"{expected}, not a {type(output).__name__}; wrap it so that it returns the logits alone"
            )
        if output.ndim != 2 or output.shape[1] != len(self.class_names):
            raise SubjectError(
                f"{expected}, not {tuple(output.shape)}; check the class names and the network's last layer"
            )
        if not output.isfinite().all():
            raise SubjectError(f"{self.name} returned NaN or infinite logits; check its weights and its input's range")
        return output
