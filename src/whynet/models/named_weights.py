"""The weights of named networks: published ones, fetched once, or a file of one's own.

Tensors are read from safetensors; torchvision's files, which are none, with torch's reader of plain tensors. Nothing is
unpickled. Without a network, what cannot be fetched is told within seconds.
"""

import urllib.request
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from whynet.base.errors import RunError, SubjectError
from whynet.models.named_network import (
    FETCH_TIMEOUT_SECONDS,
    Architecture,
    build_network,
    first_line,
    hub_file,
    library,
    quiet,
)
from whynet.models.saved_network import WEIGHTS, load_weights


def published_network(architecture: Architecture, num_classes: int) -> nn.Module:
    """A network with the weights that its authors published.

    Args:
        architecture: Of which network.
        num_classes: How many outputs those weights have.

    Raises:
        SubjectError: They are not in the cache and cannot be fetched, do not fit, or are not published as safetensors.
    """
    name = architecture.name
    prefix, _, rest = name.partition(":")
    if prefix == "hf":
        path = hub_file(rest, WEIGHTS, name)
        return network_from_file(architecture, num_classes, path)
    if prefix == "timm":
        return _published_by_timm(architecture, num_classes)
    network = build_network(architecture, num_classes)
    tensors = _fetched_by_torchvision(rest, name)
    own = network.state_dict()
    try:
        network.load_state_dict({key: value for key, value in tensors.items() if key in own})  # auxiliary heads go
    except RuntimeError as error:
        raise _unfit(architecture, error) from error
    return network


def _published_by_timm(architecture: Architecture, num_classes: int) -> nn.Module:
    name = architecture.name
    timm = library(name)
    config = timm.get_pretrained_cfg(name.partition(":")[2])
    file_name = (config and config.hf_hub_filename) or WEIGHTS
    if config is None or not config.hf_hub_id or not file_name.endswith(".safetensors"):
        raise SubjectError(
            f"no weights of {name} are published as safetensors; name a file of your own with --weights FILE"
        )
    path = hub_file(config.hf_hub_id, file_name, name)
    own: dict[str, Any] = {"file": str(path), "custom_load": False}  # timm renames and resizes what needs it
    sized = architecture.image_size is not None and config.fixed_input_size
    size = {"img_size": architecture.image_size} if sized else {}
    try:
        with quiet():
            network: nn.Module = timm.create_model(
                name.partition(":")[2], pretrained=True, num_classes=num_classes, pretrained_cfg_overlay=own, **size
            )
    except Exception as error:
        raise _unfit(architecture, error) from error
    return network


def _fetched_by_torchvision(rest: str, name: str) -> dict[str, torch.Tensor]:
    """The published tensors, read without running what a pickle could say."""
    weights = library(name).models.get_model_weights(rest).DEFAULT
    try:
        if not (Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name).is_file():
            # Fails soon, and before anything is printed; the download itself knows no timeout.
            request = urllib.request.Request(weights.url, method="HEAD")  # noqa: S310 - torchvision's own address
            urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_SECONDS).close()  # noqa: S310
        tensors: dict[str, torch.Tensor] = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as error:
        raise SubjectError(
            f"the weights of {name} could not be fetched ({first_line(error)}); save their state_dict elsewhere with "
            "safetensors.torch.save_file and name the safetensors file with --weights FILE"
        ) from error
    return tensors


def network_from_file(architecture: Architecture, num_classes: int, path: Path) -> nn.Module:
    """A network with the weights of a safetensors file.

    Args:
        architecture: Of which network.
        num_classes: How many outputs the file's last layer should have.
        path: The file.

    Raises:
        RunError: It is absent, damaged, or not safetensors.
        SubjectError: It holds another number of outputs, or does not fit for another reason.
    """
    network = build_network(architecture, num_classes)
    held = network.state_dict()
    for key, shape in _shapes(path).items():
        own = tuple(held[key].shape) if key in held else None
        if own and shape and shape != own and shape[1:] == own[1:] and own[0] == num_classes:
            raise SubjectError(
                f"the weights are of a network with {shape[0]} outputs, but there are {num_classes} class names; "
                f"name one class an output of {path}"
            )
    if architecture.config is not None:
        return _filled_by_transformers(network, architecture, path)
    load_weights(network, path)
    return network


def _filled_by_transformers(network: Any, architecture: Architecture, path: Path) -> nn.Module:
    """As `load_weights`, but published tensors may bear older names, which the library translates."""
    logging = library(architecture.name).utils.logging
    had_bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with quiet():
            filled, report = type(network).from_pretrained(
                None, config=network.config, state_dict=load_file(str(path)), output_loading_info=True,
                ignore_mismatched_sizes=True, attn_implementation="eager", dtype=torch.float32,
            )  # fmt: skip
    except (RuntimeError, ValueError, OSError, LookupError) as error:
        raise _unfit(architecture, error) from error
    finally:
        if had_bar:
            logging.enable_progress_bar()
    # Tensors that are left over are fine: many repositories hold a pooling layer that no classifier uses.
    missing = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if missing:
        raise SubjectError(
            f"{path} does not fit {architecture.name}: {len(missing)} tensors are missing or of another shape "
            f"({', '.join(missing[:3])}); name the right weights"
        )
    model: nn.Module = filled
    return model


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    if not path.is_file():
        raise RunError(f"the weights {path} are not there; check the path")
    try:
        with safe_open(str(path), framework="pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 - no dictionary
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(
            f"{path} is not a whole safetensors file ({error}); copy it again, or convert it with "
            "safetensors.torch.save_file"
        ) from error


def _unfit(architecture: Architecture, error: BaseException) -> SubjectError:
    size = "its usual size" if architecture.image_size is None else f"{architecture.image_size} pixels"
    return SubjectError(
        f"the weights of {architecture.name} do not fit the network at {size} ({first_line(error)}); "
        "choose another size"
    )
