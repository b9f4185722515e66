"""Networks by name, from the libraries that people take them from.

    timm:resnet10t             timm's registry
    torchvision:resnet18       torchvision's classifiers
    hf:org/name, hf:FOLDER     an image classifier of transformers: a repository of the Hub, a folder with config.json

Only the libraries' own code runs: a network of the Hub that brings its own code is refused, and so is what would fetch
code for it. A library is imported when one of its names is used.
"""

import difflib
import importlib
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from whynet.base.errors import MissingDependencyError, SubjectError
from whynet.base.files import read_json
from whynet.base.torchvision_operators import define_missing_torchvision_operators

LIBRARIES = {"timm": "timm", "torchvision": "torchvision", "hf": "transformers"}
"""The package behind each prefix."""

FETCH_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What rebuilds a named network without its weights, and without asking anyone.

    Args:
        name: "timm:NAME", "torchvision:NAME", "hf:REPOSITORY" or "hf:FOLDER".
        image_size: Side of the input in pixels; None is the network's usual one.
        config: For transformers: the content of config.json, without what could fetch code.
    """

    name: str
    image_size: int | None = None
    config: dict[str, Any] | None = None


def is_named(name: str) -> bool:
    """Whether a name is one of timm, torchvision or transformers: it has their prefix. Imports none of them."""
    prefix, _, rest = name.partition(":")
    return prefix in LIBRARIES and bool(rest)


def named_architecture(name: str, image_size: int | None) -> Architecture:
    """The description of a named network, for which config.json may be fetched.

    Args:
        name: "timm:NAME", "torchvision:NAME", "hf:REPOSITORY" or "hf:FOLDER".
        image_size: Side of the input in pixels, for networks built for one size; None is their usual one.

    Raises:
        MissingDependencyError: The library is not installed.
        SubjectError: The description of a repository cannot be found or fetched.
    """
    library(name)
    prefix, _, rest = name.partition(":")
    if prefix != "hf":
        return Architecture(name=name, image_size=image_size)
    config = read_json(hub_file(rest, "config.json", name), "a network's config")
    if not isinstance(config, dict):
        raise SubjectError(f"the config.json of {name} must hold an object, not a {type(config).__name__}; restore it")
    return Architecture(name=name, image_size=image_size, config=_harmless(config))


def build_network(architecture: Architecture, num_classes: int) -> nn.Module:
    """The untrained network of a description; its weights come from torch's global generator.

    Args:
        architecture: Of which network.
        num_classes: How many logits it returns.

    Raises:
        MissingDependencyError: The library is not installed.
        SubjectError: There is no such network, or it cannot be built so.
    """
    name, prefix = architecture.name, architecture.name.partition(":")[0]
    library(name)
    if prefix != "hf":
        check_known(name)
    build = {"timm": _timm, "torchvision": _torchvision, "hf": _transformers}[prefix]
    try:
        with quiet():
            return build(architecture, num_classes)
    except (TypeError, ValueError, AssertionError, RuntimeError, LookupError, AttributeError, ImportError) as error:
        size = "" if architecture.image_size is None else f" for images of {architecture.image_size} pixels"
        raise SubjectError(
            f"{name} cannot be built with {num_classes} classes{size} ({first_line(error)}); "
            "choose another size or network"
        ) from error


def library(name: str) -> Any:
    """The package behind a name.

    Raises:
        MissingDependencyError: It is not installed.
        SubjectError: The name has no prefix that is known.
    """
    if not is_named(name):
        raise SubjectError(f"timm:NAME, torchvision:NAME, hf:REPOSITORY or hf:FOLDER was expected, not {name!r}")
    package = LIBRARIES[name.partition(":")[0]]
    if importlib.util.find_spec(package) is None:
        raise MissingDependencyError(f'{name} needs {package}, which is not installed; pip install "whynet[hub]"')
    define_missing_torchvision_operators()
    return importlib.import_module(package)


def check_known(name: str) -> None:
    """Raises `SubjectError`, with near names, if timm or torchvision has no network of this name."""
    prefix, _, rest = name.partition(":")
    package = library(name)
    if prefix == "timm":
        # Not timm.is_model: it would take "hf-hub:..." and folders, whose descriptions are fetched or read.
        known = package.list_models() + (package.list_models(pretrained=True) if "." in rest else [])
    else:
        known = package.models.list_models(module=package.models)  # the classifiers alone
    if rest not in known:
        near = difflib.get_close_matches(rest, known, n=5, cutoff=0.5)
        hint = f"near names are {', '.join(near)}" if near else f"it has {', '.join(known[:8])}, ..."
        raise SubjectError(f"{prefix} has no image classifier {rest!r}; {hint}")


def hub_file(repository: str, file_name: str, name: str) -> Path:
    """A file of a folder or of a repository on the Hub; what the cache holds is not asked for again.

    Args:
        repository: A folder, or "org/name", with "@revision" where one is meant.
        file_name: Which of its files.
        name: What messages call the network.

    Raises:
        SubjectError: It is not in the folder, or can neither be found in the cache nor fetched.
    """
    if Path(repository).is_dir():
        path = Path(repository) / file_name
        if not path.is_file():
            raise SubjectError(f"{name} needs {path}, which is not there; save it there, or name another folder")
        return path
    from huggingface_hub import get_session, hf_hub_download, hf_hub_url, try_to_load_from_cache

    repo, _, revision = repository.partition("@")
    where: dict[str, Any] = {"repo_id": repo, "filename": file_name, "revision": revision or None}
    try:
        cached = try_to_load_from_cache(**where)
        if isinstance(cached, str):
            return Path(cached)
        with quiet():
            # One attempt: left to itself, huggingface_hub goes on for half a minute before it says that it is offline.
            get_session().head(hf_hub_url(**where), timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=True)
            return Path(hf_hub_download(**where))
    except Exception as error:
        what = "weights" if file_name.endswith(".safetensors") else file_name
        remedy = (
            "fetch the safetensors file elsewhere and name it with --weights FILE"
            if what == "weights"
            else "fetch config.json and preprocessor_config.json elsewhere into a folder, name it hf:FOLDER, and its "
            "weights with --weights FILE"
        )
        raise SubjectError(f"the {what} of {name} could not be fetched ({first_line(error)}); {remedy}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """The libraries keep their warnings and progress bars to themselves."""
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "timm", "transformers")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def first_line(error: BaseException) -> str:
    """What an error says, short enough for a message: its first line, or its type."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".:")[:200] if lines else type(error).__name__


def _timm(architecture: Architecture, num_classes: int) -> nn.Module:
    timm = library(architecture.name)
    name = architecture.name.partition(":")[2]
    config = timm.get_pretrained_cfg(name)
    # Other networks take images of any size and no such argument.
    sized = architecture.image_size is not None and config is not None and config.fixed_input_size
    size = {"img_size": architecture.image_size} if sized else {}
    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=num_classes, **size)
    return network


def _torchvision(architecture: Architecture, num_classes: int) -> nn.Module:
    models = library(architecture.name).models
    name, size = architecture.name.partition(":")[2], architecture.image_size
    options: dict[str, Any] = {}
    if name.startswith("vit_") and size is not None:
        options = {"image_size": size}
    elif name.startswith("maxvit") and size is not None:
        options = {"input_size": (size, size)}
    elif name in ("googlenet", "inception_v3"):
        # The auxiliary heads serve training alone; the published weights expect the transform.
        options = {"aux_logits": False, "transform_input": True, "init_weights": True}
    network: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    return network


def _transformers(architecture: Architecture, num_classes: int) -> nn.Module:
    transformers = library(architecture.name)
    values = _harmless(architecture.config or {})
    kind = values.get("model_type")
    if kind not in transformers.CONFIG_MAPPING or kind == "timm_wrapper":
        raise ValueError(f"its model_type is {kind!r}, which is none of transformers' own image classifiers")
    config = transformers.CONFIG_MAPPING[kind].from_dict(values)
    if config.num_labels != num_classes:
        config.num_labels = num_classes
    if architecture.image_size is not None and hasattr(config, "image_size"):
        config.image_size = architecture.image_size
    network: nn.Module = transformers.AutoModelForImageClassification.from_config(
        config, trust_remote_code=False, attn_implementation="eager", dtype=torch.float32
    )
    return network


def _harmless(config: dict[str, Any]) -> dict[str, Any]:
    """A config without what fetches code or another network, and without where it lay."""
    refused = {"auto_map", "_name_or_path", "quantization_config", "dtype", "torch_dtype", "use_pretrained_backbone"}
    return {
        key: _harmless(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in refused and not key.endswith("_implementation") and not key.endswith("_implementation_internal")
    }
