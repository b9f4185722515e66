"""The text of an annotation file, or one clear error."""

from pathlib import Path

from whynet.base.errors import DataError


def read_annotation_text(path: Path, what: str) -> str:
    """Read a UTF-8 file, with or without a byte order mark; every line ends in a line feed.

    Args:
        path: The file.
        what: What it is, as in "the CUB-200-2011 file", for the messages.

    Raises:
        DataError: The file is absent, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"expected {what} {path}, but there is none; check the folder") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); convert it") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
