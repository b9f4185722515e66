"""The networks that whynet brings itself, by the name that the command line and a saved subject give them.

Light to import, because the settings read the names from here; a network's file is imported when its name is used.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from whynet.base.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class BuiltInNetwork:
    """Where a network is found, and what its name stands for.

    Args:
        module: Its file in `whynet.models`.
        class_name: Its class there, which takes the number of classes first.
        options: Arguments that the name fixes.
        has_width: Whether it takes the factor `width` of all its channels.
    """

    module: str
    class_name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    has_width: bool = True


BUILT_IN_NETWORKS = {
    "convnet": BuiltInNetwork(module="convnet", class_name="ConvNet", has_width=False),
    "small_convnet": BuiltInNetwork(module="small_convnet", class_name="SmallConvNet"),
    "alexnet": BuiltInNetwork(module="alexnet", class_name="AlexNet"),
    "vgg11": BuiltInNetwork(module="vgg", class_name="VGG", options={"depth": 11}),
    "vgg13": BuiltInNetwork(module="vgg", class_name="VGG", options={"depth": 13}),
    "vgg16": BuiltInNetwork(module="vgg", class_name="VGG", options={"depth": 16}),
    "vgg19": BuiltInNetwork(module="vgg", class_name="VGG", options={"depth": 19}),
    "vgg_m": BuiltInNetwork(module="vgg_m_s", class_name="VGGM"),
    "vgg_s": BuiltInNetwork(module="vgg_m_s", class_name="VGGS"),
    "resnet18": BuiltInNetwork(module="resnet", class_name="ResNet18"),
}
"""Two convnets of ours, and the networks of Zhang, Wu & Zhu's "Interpretable Convolutional Neural Networks"."""

NETWORKS_WITH_WIDTH = tuple(name for name, network in BUILT_IN_NETWORKS.items() if network.has_width)


def network_class(name: str) -> type[nn.Module]:
    """The class of a built-in network; raises `SettingError` that lists the names if there is none of this name."""
    if name not in BUILT_IN_NETWORKS:
        raise SettingError(f"network {name!r} is unknown; choose one of {', '.join(BUILT_IN_NETWORKS)}")
    network = BUILT_IN_NETWORKS[name]
    module = importlib.import_module(f"whynet.models.{network.module}")
    found: type[nn.Module] = getattr(module, network.class_name)
    return found


def build_built_in(name: str, num_classes: int, **options: Any) -> nn.Module:
    """A built-in network with initial weights from torch's global generator.

    Args:
        name: One of `BUILT_IN_NETWORKS`.
        num_classes: How many logits it returns.
        options: Further arguments of its class, such as `width`.

    Raises:
        SettingError: There is none of this name, or an argument is out of its range.
    """
    return network_class(name)(num_classes, **BUILT_IN_NETWORKS[name].options, **options)


def name_of_built_in(network: nn.Module) -> str | None:
    """The name of a built-in network; None if it is none of them."""
    cls = type(network)
    for name, entry in BUILT_IN_NETWORKS.items():
        is_class = (cls.__module__, cls.__name__) == (f"whynet.models.{entry.module}", entry.class_name)
        if is_class and all(getattr(network, key) == value for key, value in entry.options.items()):
            return name
    return None
