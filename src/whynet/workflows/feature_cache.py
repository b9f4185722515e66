"""r(x) and the logits of a data set on disk: a network that does not change is not run twice on the same pictures.

One safetensors file an entry, named by its key: a hash of the versions of whynet and its libraries, of all that the
network computes (`introspection_fingerprint`), of the pictures in their order (`ExampleDataset.fingerprint`) and of
what the caller says was done to them. Whatever changes has another key, so an entry is never out of date; what the two
fingerprints cannot see is told where they are made, and there the remedy is to empty the folder.

An entry is believed only if it is whole: its key, the hash of its numbers, their shapes and that they are finite are
checked when it is read. One that is not is named in the log, removed, and counts as absent, so that its numbers are
computed again.
"""

import logging
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import whynet
from whynet.base.file_cache import FileCache
from whynet.base.types import Logits, Reading
from whynet.data.birds.cache import cache_folder
from whynet.data.example import ExampleDataset, digest_of
from whynet.models.fingerprint import introspection_fingerprint
from whynet.models.introspection import Introspection

_FORMAT = 1
_HEADER_BYTES = 1024
"""More than safetensors and the metadata add to the numbers."""
_log = logging.getLogger("whynet")


class FeatureCache:
    """A folder of readings (`base.file_cache`).

    Args:
        folder: Where to; by default `features` in WHYNET_CACHE or in the user's cache folder. Made when first needed.
        max_bytes: How much it may hold, from 0; a larger entry is not kept. Processes that write at the same moment may
            exceed it by what they write.

    Raises:
        SettingError: `max_bytes` is negative.
    """

    def __init__(self, folder: Path | None = None, *, max_bytes: int = 4 << 30) -> None:
        folder = cache_folder(None) / "features" if folder is None else folder
        self._files = FileCache(folder, "readings", ".safetensors", max_bytes=max_bytes)

    @property
    def folder(self) -> Path:
        """Where to."""
        return self._files.folder

    def key(self, introspection: Introspection, examples: ExampleDataset, change: str = "") -> str | None:
        """The name of one reading.

        Args:
            introspection: What is read.
            examples: Of which pictures.
            change: Says all that is done to the preprocessed pictures before, its random stream included.

        Returns:
            A key; None if nothing can tell the reading apart from others (see `introspection_fingerprint`): then do not
            cache it.
        """
        network = introspection_fingerprint(introspection)
        if network is None:
            return None
        versions = [whynet.__version__, torch.__version__, np.__version__, cv2.__version__, PIL.__version__]
        return digest_of(_FORMAT, versions, network, examples.fingerprint(), change)

    def load(self, key: str) -> tuple[Reading, Logits] | None:
        """The readings and the logits of this key, or None if they are not there or not whole.

        Raises:
            SettingError: No `key` made this key.
        """
        path = self._files.path(key)
        try:
            readings, logits = _read(path, key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _log.warning("%s cannot be read (%s); its readings are computed again", path, error.strerror or error)
            return None
        except (SafetensorError, ValueError) as error:
            _log.warning("%s is no whole entry of this cache (%s); its readings are computed again", path, error)
            self._files.drop(key)
            return None
        self._files.used(key)
        return readings, logits

    def store(self, key: str, readings: Reading, logits: Logits) -> None:
        """Keep the readings and the logits of this key, if there is room and the folder can be written.

        Raises:
            SettingError: No `key` made this key.
        """
        tensors = {"readings": readings.detach().cpu().contiguous(), "logits": logits.detach().cpu().contiguous()}
        size = sum(tensor.nbytes for tensor in tensors.values()) + _HEADER_BYTES
        metadata = {"key": key, "numbers": _hash(tensors.values())}
        self._files.write(key, size, lambda path: save_file(tensors, path, metadata=metadata))


def _read(path: Path, key: str) -> tuple[Tensor, Tensor]:
    """An entry's two tensors; raises `ValueError` or `SafetensorError` if it is not whole."""
    with path.open("rb"):  # safetensors words a missing file and a refused one in its own ways
        pass
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("key") != key:
            raise ValueError(f"it belongs to the key {metadata.get('key')}")
        if set(file.keys()) != {"readings", "logits"}:
            raise ValueError(f"it holds {sorted(file.keys())}")
        # Copies: what safetensors returns lies in the file.
        readings, logits = file.get_tensor("readings").clone(), file.get_tensor("logits").clone()
    if _hash((readings, logits)) != metadata.get("numbers"):
        raise ValueError("its numbers have changed")
    if readings.ndim != 2 or logits.ndim != 2 or len(readings) != len(logits):
        raise ValueError(f"its shapes are {tuple(readings.shape)} and {tuple(logits.shape)}")
    for tensor in (readings, logits):
        if not (tensor.is_floating_point() and tensor.isfinite().all()):
            raise ValueError("its numbers are not finite")
    return readings, logits


def _hash(tensors: Iterable[Tensor]) -> str:
    digest = blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
