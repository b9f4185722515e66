"""Networks in a folder: `config.json` and `model.safetensors`, as huggingface_hub writes them, never a pickle."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from whynet.base.errors import RunError, StorageError, SubjectError
from whynet.base.files import read_json

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


Network = TypeVar("Network", bound=nn.Module)


def save_network(network: PyTorchModelHubMixin, folder: Path) -> None:
    """Write a network to a folder, each file whole or not at all; raises `StorageError` if that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            network.save_pretrained(temporary)
            for name in (WEIGHTS, CONFIG):
                (Path(temporary) / name).replace(folder / name)
    except (OSError, SafetensorError) as error:
        raise StorageError(
            f"cannot write the network to {folder} ({error}); free space or choose another folder"
        ) from error


def load_network(
    kind: type[Network], folder: Path, *, change: Callable[[nn.Module], nn.Module] = lambda network: network
) -> Network:
    """The network that `save_network` wrote.

    Args:
        kind: Its class.
        folder: Where it lies.
        change: What was done to its layers after it was built.

    Raises:
        RunError: A file is absent or damaged.
        SubjectError: The weights do not fit, or the change cannot be made.
    """
    _check_files(folder)
    config = read_json(folder / CONFIG, "a network's settings")
    try:
        network = kind(**config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{folder / CONFIG} does not describe a {kind.__name__} ({error}); train it again") from error
    changed = change(network)
    assert isinstance(changed, kind)
    load_weights(changed, folder / WEIGHTS)
    return changed.eval()


def check_saved(folder: Path) -> None:
    """Raise `RunError` where a network of `save_network` is absent or cut off; the network is not built."""
    _check_files(folder)
    check_weights(folder / WEIGHTS)


def _check_files(folder: Path) -> None:
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise RunError(f"{folder / name} is not there; train that part of the run again")


def check_weights(path: Path) -> None:
    """Raise `RunError` unless a safetensors file is there and whole, as far as its first bytes and its length tell."""
    if not path.is_file():
        raise RunError(f"{path} is not there; train that part of the run again, or copy it there")
    try:
        with safe_open(str(path), framework="pt"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(
            f"{path} is not a whole safetensors file ({error}); copy it again, or train that part of the run again"
        ) from error


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill any network from a safetensors file; every tensor must be there and none may be left over.

    Raises:
        RunError: The file is absent, damaged, or not safetensors.
        SubjectError: Its tensors do not fit the network.
    """
    if not path.is_file():
        raise RunError(f"the weights {path} are not there; check the path")
    try:
        tensors = load_file(str(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(
            f"{path} is not a whole safetensors file ({error}); copy it again, or convert it with "
            "safetensors.torch.save_file"
        ) from error
    own = network.state_dict()
    # Tied weights are saved once: a missing name is fine if another name of the same storage came.
    held = {tensor.data_ptr() for name, tensor in own.items() if name in tensors}
    missing = [name for name, tensor in own.items() if name not in tensors and tensor.data_ptr() not in held]
    wrong = [name for name, tensor in tensors.items() if name not in own or own[name].shape != tensor.shape]
    if missing or wrong:
        raise SubjectError(
            f"{path} does not fit the network: {len(missing)} tensors are missing ({', '.join(missing[:3]) or '-'}), "
            f"{len(wrong)} are unknown or of another shape ({', '.join(wrong[:3]) or 'none'}); name the right weights"
        )
    with torch.no_grad():
        network.load_state_dict(tensors, strict=False)
