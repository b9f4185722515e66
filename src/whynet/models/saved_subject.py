"""Subjects that come from a folder, or from the user's own code.

A saved subject is a folder with `subject.json` (the network's kind, class names, preprocessing) beside the network. Of
a network of timm, torchvision or transformers it holds the name and what rebuilds it offline. A subject that the user's
own function builds keeps the function's name and its weights; opening the folder runs that code only if the user names
it again.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin
from safetensors.torch import save_model
from torch import nn

from whynet.base.errors import RunError, SettingError, SubjectError
from whynet.base.files import atomic_path, read_json, write_json_atomically
from whynet.models.built_in_networks import BUILT_IN_NETWORKS, name_of_built_in, network_class
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import interpretable_layers, make_interpretable
from whynet.models.named_network import Architecture, build_network, is_named
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_network import WEIGHTS, check_saved, check_weights, load_network, load_weights, save_network
from whynet.models.subject import Subject

DESCRIPTION = "subject.json"


def save_subject(subject: Subject, folder: Path, *, function: str | None = None) -> None:
    """Write a subject to a folder, which is made if it is absent.

    Args:
        subject: Its network is one of `BUILT_IN_NETWORKS` or has an architecture by name, or `function` is given.
        folder: Where to.
        function: "package.module:function" that builds the network.

    Raises:
        StorageError: The folder cannot be written.
        SubjectError: The network is none of these and no function is given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = subject.network
    architecture = None if function else subject.architecture
    built_in = name_of_built_in(network)
    kind = function or (architecture.name if architecture else built_in)
    if kind is None:
        raise SubjectError(f"a {type(network).__name__} can be saved only with the function that builds it; name that")
    if built_in is not None:
        assert isinstance(network, PyTorchModelHubMixin)
        save_network(network, folder)
    else:
        with atomic_path(folder / WEIGHTS) as path:
            save_model(network, str(path))
    preprocessing = subject.preprocess.to_json() if isinstance(subject.preprocess, Preprocessing) else None
    description: dict[str, Any] = {
        "network": kind,
        "class_names": list(subject.class_names),
        "preprocessing": preprocessing,
    }
    if architecture is not None:
        description["architecture"] = {"image_size": architecture.image_size, "config": architecture.config}
    if own := interpretable_layers(network):
        description["interpretable"] = {
            name: {"norm": layer.mask.settings.norm, "beta": layer.mask.settings.beta} for name, layer in own.items()
        }
    write_json_atomically(folder / DESCRIPTION, description)


def load_subject(folder: Path, *, function: str | None = None, option: str = "--subject") -> Subject:
    """Read the subject that `save_subject` wrote.

    Args:
        folder: Holds `subject.json`.
        function: "package.module:function"; imported and called if the folder names the same.
        option: How the command line is told to name it.

    Raises:
        MissingDependencyError: The library of a named network is not installed.
        RunError: A file is absent or damaged.
        SubjectError: The folder names a function and `function` is not the same: its code is not run unasked.
    """
    description = read_json(folder / DESCRIPTION, "a saved subject")
    try:
        kind, class_names, values = (description[key] for key in ("network", "class_names", "preprocessing"))
        preprocessing = None if values is None else Preprocessing.from_json(values)
        if not isinstance(kind, str) or not all(isinstance(name, str) for name in class_names):
            raise TypeError("names must be text")
    except (KeyError, TypeError, SettingError) as error:
        raise RunError(f"{folder / DESCRIPTION} does not describe a subject ({error}); train it again") from error
    if kind in BUILT_IN_NETWORKS or is_named(kind):
        if preprocessing is None:
            raise RunError(f"{folder / DESCRIPTION} lacks the preprocessing; train the subject again")
        with_filters = _with_filters(description.get("interpretable", {}), preprocessing, folder)
        if is_named(kind):
            architecture = _architecture(kind, description.get("architecture"), folder)
            network = with_filters(build_network(architecture, len(class_names))).eval()
            load_weights(network, folder / WEIGHTS)
            return Subject(
                network, class_names=class_names, preprocess=preprocessing, name=kind, architecture=architecture
            )
        network = load_network(network_class(kind), folder, change=with_filters)
        if name_of_built_in(network) != kind:
            raise RunError(f"{folder} names the network {kind} and holds another; train it again")
        return Subject(network, class_names=class_names, preprocess=preprocessing, name=folder.name)
    if ":" not in kind:
        raise RunError(
            f"{folder / DESCRIPTION} names the network {kind!r}, which is none of {', '.join(BUILT_IN_NETWORKS)}; "
            "train it again, or update whynet"
        )
    _check_allowed(folder, kind, function, option)
    return import_subject(kind, weights=folder / WEIGHTS, class_names=class_names, preprocessing=preprocessing)


def check_subject(folder: Path, *, function: str | None = None, option: str = "--subject") -> None:
    """Raise what `load_subject` would where that can be told without building the network.

    Args:
        folder: Holds `subject.json`.
        function: "package.module:function"; imported if the folder names the same, and not called.
        option: How the command line is told to name it.

    Raises:
        RunError: A file is absent or damaged.
        SubjectError: The folder names a function and `function` is not the same, or cannot be imported.
    """
    description = read_json(folder / DESCRIPTION, "a saved subject")
    kind = description.get("network") if isinstance(description, dict) else None
    if not isinstance(kind, str):
        raise RunError(f"{folder / DESCRIPTION} does not describe a subject; train it again")
    if kind in BUILT_IN_NETWORKS:
        check_saved(folder)
        return
    if names_code(kind):
        _check_allowed(folder, kind, function, option)
        _imported(kind)
    check_weights(folder / WEIGHTS)


def names_code(kind: str) -> bool:
    """Whether the network of a `subject.json` is the user's own function, whose code runs only if it is named again."""
    return ":" in kind and not is_named(kind)


def _check_allowed(folder: Path, kind: str, function: str | None, option: str) -> None:
    if function != kind:
        raise SubjectError(
            f"{folder} holds weights for the network that {kind!r} builds; "
            f"to let that code run, name it again: {option} {kind}"
        )


def _with_filters(values: Any, preprocessing: Preprocessing, folder: Path) -> Callable[[nn.Module], nn.Module]:
    """What makes layers of a network interpretable again."""
    wrong = RunError(f"{folder / DESCRIPTION} does not describe interpretable layers; train it again")
    if not isinstance(values, dict):
        raise wrong
    try:
        layers = {
            name: FilterSettings(norm=own["norm"], beta=own["beta"], strength=0.0) for name, own in values.items()
        }
    except (KeyError, TypeError, SettingError) as error:
        raise wrong from error

    def changed(network: nn.Module) -> nn.Module:
        for name, settings in layers.items():
            network = make_interpretable(network, name, images=preprocessing.blank(), settings=settings)
        return network

    return changed


def _architecture(name: str, values: Any, folder: Path) -> Architecture:
    size, config = (values.get("image_size"), values.get("config")) if isinstance(values, dict) else (0, None)
    is_size = size is None or (isinstance(size, int) and size > 0)
    is_config = isinstance(config, dict) if name.startswith("hf:") else config is None
    if not is_size or not is_config:
        raise RunError(f"{folder / DESCRIPTION} does not describe how to build {name}; train it again")
    return Architecture(name=name, image_size=size, config=config)


@contextmanager
def _importable_from_here() -> Iterator[None]:
    """The current folder's modules can be imported too, after all others: a file there never hides an installed one."""
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


def import_subject(
    function: str, *, weights: Path | None, class_names: Sequence[str], preprocessing: Preprocessing | None
) -> Subject:
    """The subject that the user's own function builds. This runs the user's code.

    Args:
        function: "package.module:function"; it takes no argument and returns an `nn.Module` or a `Subject`.
        weights: A safetensors file for the network; None keeps what the function built.
        class_names: Used if the function returns a network alone.
        preprocessing: Likewise.

    Raises:
        SubjectError: It cannot be imported, returns something else, or the weights do not fit.
    """
    build = _imported(function)
    with _importable_from_here():  # what fails in the function itself is shown as it is
        built = build()
    if isinstance(built, nn.Module):
        if preprocessing is None:
            raise SubjectError(f"{function} returned a network alone; return a whynet.Subject with its preprocessing")
        built = Subject(built, class_names=class_names, preprocess=preprocessing, name=function)
    if not isinstance(built, Subject):
        raise SubjectError(
            f"{function} must return a torch.nn.Module or a whynet.Subject, not a {type(built).__name__}"
        )
    if weights is not None:
        load_weights(built.network, weights)
    return built


def _imported(function: str) -> Callable[[], Any]:
    """The function that is named so; raises `SubjectError` if it cannot be imported or takes arguments."""
    module_name, colon, function_name = function.partition(":")
    if not (colon and module_name and function_name):
        raise SubjectError(
            f"a subject is the folder of a run or of a saved subject, timm:NAME, torchvision:NAME, hf:REPOSITORY or "
            f"package.module:function, not {function!r}; check the path"
        )
    try:
        with _importable_from_here():
            build = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise SubjectError(f"cannot import {function!r} ({error}); run from the folder that holds it") from error
    try:
        inspect.signature(build).bind()
    except (TypeError, ValueError) as error:
        raise SubjectError(f"{function} must be a function that can be called without arguments ({error})") from error
    found: Callable[[], Any] = build
    return found
