"""A folder of files that can be made again: the least recently used ones make room for new ones.

Each file is named by its key, a hash of all that it depends on, so that it is never out of date. A folder that cannot
be written is named in the log once, and nothing is kept.
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from whynet.base.errors import SettingError, StorageError
from whynet.base.files import atomic_path

_KEY = re.compile(r"[0-9a-f]{32}")
_ABANDONED_SECONDS = 24 * 3600
"""A file that has been in the writing for so long was left by a process that was killed."""
_log = logging.getLogger("whynet")


class FileCache:
    """Files of one kind in a folder.

    Args:
        folder: Made when first needed.
        what: What they hold, for messages, as in "readings".
        suffix: How their names end, as in ".json".
        max_bytes: How much they may take together, from 0. Processes that write at the same moment may exceed it by
            what they write.

    Raises:
        SettingError: `max_bytes` is negative.
    """

    def __init__(self, folder: Path, what: str, suffix: str, *, max_bytes: int) -> None:
        if max_bytes < 0:
            raise SettingError(f"a cache of {what} holds 0 bytes or more, not {max_bytes}; choose a size")
        self.folder, self.what, self.suffix, self.max_bytes = folder, what, suffix, max_bytes
        self._is_writable = True

    def path(self, key: str) -> Path:
        """Where the file of a key is or would be; raises `SettingError` unless it has 32 hexadecimal digits."""
        if not _KEY.fullmatch(key):
            raise SettingError(f"a key has 32 hexadecimal digits, unlike {key!r}; take a hash of what it stands for")
        return self.folder / f"{key}{self.suffix}"

    def used(self, key: str) -> None:
        """Note that a file was read: its age begins anew."""
        with contextlib.suppress(OSError):
            os.utime(self.path(key))

    def drop(self, key: str) -> None:
        """Remove a file that is not whole."""
        with contextlib.suppress(OSError):
            self.path(key).unlink()

    def write(self, key: str, size: int, write: Callable[[Path], object]) -> None:
        """Keep a file, if there is room and the folder can be written.

        Args:
            key: Its name.
            size: Of it, in bytes, at least.
            write: Writes it to the path that it is given.
        """
        path = self.path(key)
        if not self._is_writable:
            return
        if size > self.max_bytes:
            _log.info("%s of %d bytes are not kept, since %s may hold %d", self.what, size, self.folder, self.max_bytes)
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size, path)
            with atomic_path(path) as temporary:
                write(temporary)
        except (OSError, StorageError) as error:
            self._is_writable = False
            _log.warning(
                "%s cannot be kept in %s (%s); they are computed anew each time", self.what, self.folder, error
            )

    def _make_room(self, size: int, path: Path) -> None:
        """Delete what was left half-written and, longest unused first, what leaves no room for `size` at `path`."""
        entries = []
        for entry in self.folder.glob(f"*{self.suffix}"):
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
