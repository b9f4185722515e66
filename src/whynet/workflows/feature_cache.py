"""r(x) and the logits of a data set on disk: a network that does not change is not run twice on the same pictures.

One safetensors file an entry, named by its key: a hash of the versions of whynet and its libraries, of all that the
network computes (`introspection_fingerprint`), of the pictures in their order (`ExampleDataset.fingerprint`) and of
what the caller says was done to them. Whatever changes has another key, so an entry is never out of date; what the two
fingerprints cannot see is told where they are made, and there the remedy is to empty the folder.

An entry is believed only if it is whole: its key, the hash of its numbers, their shapes and that they are finite are
checked when it is read. One that is not is named in the log, removed, and counts as absent, so that its numbers are
computed again. A folder that cannot be written is named in the log once, and nothing is kept.
"""

import contextlib
import logging
import os
import re
import time
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
from whynet.base.errors import SettingError, StorageError
from whynet.base.files import atomic_path
from whynet.base.types import Logits, Reading
from whynet.data.birds.cache import cache_folder
from whynet.data.example import ExampleDataset, digest_of
from whynet.models.fingerprint import introspection_fingerprint
from whynet.models.introspection import Introspection

_FORMAT = 1
_KEY = re.compile(r"[0-9a-f]{32}")
_HEADER_BYTES = 1024
"""More than safetensors and the metadata add to the numbers."""
_ABANDONED_SECONDS = 24 * 3600
"""A file that has been in the writing for so long was left by a process that was killed."""
_log = logging.getLogger("whynet")


class FeatureCache:
    """A folder of readings; the least recently used ones make room for new ones.

    Args:
        folder: Where to; by default `features` in WHYNET_CACHE or in the user's cache folder. Made when first needed.
        max_bytes: How much it may hold, from 0; a larger entry is not kept. Processes that write at the same moment may
            exceed it by what they write.

    Raises:
        SettingError: `max_bytes` is negative.
    """

    def __init__(self, folder: Path | None = None, *, max_bytes: int = 4 << 30) -> None:
        if max_bytes < 0:
            raise SettingError(f"a feature cache holds 0 bytes or more, not {max_bytes}; choose a size")
        self.folder = cache_folder(None) / "features" if folder is None else folder
        self.max_bytes = max_bytes
        self._is_writable = True

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
        path = self._path(key)
        try:
            readings, logits = _read(path, key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _log.warning("%s cannot be read (%s); its readings are computed again", path, error.strerror or error)
            return None
        except (SafetensorError, ValueError) as error:
            _log.warning("%s is no whole entry of this cache (%s); its readings are computed again", path, error)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the age of its last use
        return readings, logits

    def store(self, key: str, readings: Reading, logits: Logits) -> None:
        """Keep the readings and the logits of this key, if there is room and the folder can be written.

        Raises:
            SettingError: No `key` made this key.
        """
        path = self._path(key)
        tensors = {"readings": readings.detach().cpu().contiguous(), "logits": logits.detach().cpu().contiguous()}
        size = sum(tensor.nbytes for tensor in tensors.values()) + _HEADER_BYTES
        if not self._is_writable:
            return
        if size > self.max_bytes:
            _log.info("readings of %d bytes are not kept, since %s may hold %d", size, self.folder, self.max_bytes)
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size, path)
            with atomic_path(path) as temporary:
                save_file(tensors, temporary, metadata={"key": key, "numbers": _hash(tensors.values())})
        except (OSError, StorageError) as error:
            self._is_writable = False
            _log.warning("readings cannot be kept in %s (%s); they are computed anew each time", self.folder, error)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise SettingError(f"a key has 32 hexadecimal digits, unlike {key!r}; take it from FeatureCache.key")
        return self.folder / f"{key}.safetensors"

    def _make_room(self, size: int, path: Path) -> None:
        """Delete what was left half-written and, longest unused first, what leaves no room for `size` at `path`."""
        entries = []
        for entry in self.folder.glob("*.safetensors"):
            with contextlib.suppress(FileNotFoundError):  # another process may delete as well
                state = entry.stat()
                if _KEY.fullmatch(entry.stem) and entry != path:
                    entries.append((state.st_mtime_ns, state.st_size, entry))
                elif entry.name.startswith(".writing-") and state.st_mtime < time.time() - _ABANDONED_SECONDS:
                    entry.unlink()
        held = sum(size for _, size, _ in entries)
        for _, freed, entry in sorted(entries):
            if held + size <= self.max_bytes:
                return
            entry.unlink(missing_ok=True)
            held -= freed


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
