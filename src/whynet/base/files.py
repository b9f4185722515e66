"""Writing files so that a reader sees the old content or the new, never a part of it.

The new content goes to a hidden file in the same folder, is flushed to the disk, and takes the old one's place in one
step (`os.replace`). Whatever goes wrong before that step, the old file stays whole and the hidden one is removed.
"""

import contextlib
import errno
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from safetensors import SafetensorError

from whynet.base.errors import StorageError

_REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EFBIG: "free some space there or raise the limit on file sizes",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "choose a path whose parent is a folder",
    errno.EISDIR: "choose the name of a file",
}


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path to write to; what was written there becomes `path` when the block ends without an error.

    For writers that want a path, such as `safetensors.torch.save_file`. The suffix is the one of `path`.

    Args:
        path: The file to be; its folder must exist.

    Yields:
        The path of a new, empty file in the same folder.

    Raises:
        StorageError: The file cannot be created, written or moved: no space, no permission, no such folder.
    """
    temporary = path.with_name(f".writing-{secrets.token_hex(8)}{path.suffix}")
    try:
        # Not tempfile: its files are closed to the group and to others, and keep that mode when moved.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        if error.filename is not None and Path(error.filename) not in (temporary, path, path.parent):
            raise  # the block failed over some other file
        _refuse(path, error.errno, error.strerror or str(error), error)
    except SafetensorError as error:
        # It carries no errno, only the text "... (os error 28)".
        code = next((code for code in _REMEDIES if f"os error {code})" in str(error)), None)
        if code is None:
            raise
        _refuse(path, code, os.strerror(code), error)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Write a whole file, or leave what was there; raises as `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text_atomically(path: Path, text: str) -> None:
    """Write a whole UTF-8 file with its line ends as they are, or leave what was there.

    Raises:
        StorageError: As `atomic_path`, or the text holds half a surrogate pair.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StorageError(
            f"{path}: character {error.start} of the text is U+{ord(text[error.start]):04X}, half a surrogate pair, "
            "which no UTF-8 file can hold; remove it"
        ) from error
    write_bytes_atomically(path, data)


def write_json_atomically(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, or leave what was there.

    Args:
        path: The file to be.
        value: Dictionaries, lists, strings, finite numbers, booleans and None.

    Raises:
        StorageError: As `atomic_path`, or a number is not finite, which JSON cannot express.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, indent=2)
    except ValueError as error:
        where = _find_not_finite(value, "the value")
        if where is None:
            raise  # a value that contains itself
        raise StorageError(
            f"{path}: JSON holds finite numbers only, but {where}; leave the key out or write null"
        ) from error
    # Half a surrogate pair (from an odd file name) becomes \udcXX, which is how JSON spells it.
    write_bytes_atomically(path, (text + "\n").encode("utf-8", errors="backslashreplace"))


def read_json(path: Path, what: str) -> Any:
    """Read a UTF-8 JSON file.

    Args:
        path: The file.
        what: What it is, as in "the vocabulary", for the messages.

    Returns:
        The value, of whatever type; the caller checks its form.

    Raises:
        StorageError: The file is absent, unreadable, or not standard JSON (NaN and Infinity are not).
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise StorageError(f"expected {what} at {path}, but there is no such file; check the path") from error
    except OSError as error:
        raise StorageError(
            f"{what} at {path} cannot be read ({error.strerror or error}); check the path and its permissions"
        ) from error
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise StorageError(f"{what} at {path} is not valid JSON ({error}); restore it or make it anew") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _refuse(path: Path, code: int | None, reason: str, cause: Exception) -> NoReturn:
    remedy = _REMEDIES.get(code or 0, "check the path and the disk")
    raise StorageError(f"{path} cannot be written ({reason}); {remedy}") from cause


def _flush_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut; Windows offers no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _find_not_finite(value: Any, where: str) -> str | None:
    """Where the first number stands that is not finite, as in "the value['rows'][3] is nan"."""
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{where} is {value}"
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, item in items:
        if found := _find_not_finite(key, f"a key of {where}") or _find_not_finite(item, f"{where}[{key!r}]"):
            return found
    return None
