"""Names from annotation files, uploads and users' pictures, turned into paths that stay within their folder."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from whynet.base.errors import DataError

_LONGEST_STEM = 40
"""Letters, of at most four bytes each: a name of 255 bytes has room for its ending."""


def path_inside(folder: Path, name: str) -> Path:
    """The file `name` of `folder`, if it lies there once every link is followed.

    Args:
        folder: The folder that must not be left; may itself be a link.
        name: A relative name with forward slashes, from a source that is not trusted.

    Returns:
        `folder / name`; the file need not exist.

    Raises:
        DataError: The name is empty or absolute, holds `..`, a backslash or a control character, or a link leads out.
    """
    parts = PurePosixPath(name).parts
    plain = all(c >= " " for c in name) and "\\" not in name and not PureWindowsPath(name).drive
    if not parts or not plain or name.startswith("/") or ".." in parts:
        raise DataError(f"expected a file name within {folder}, but it is {name!r}; give a relative name without '..'")
    path = folder.joinpath(*parts)
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise DataError(f"{path} cannot be followed ({error}); replace the link by the file") from error
    if not target.is_relative_to(folder.resolve()):
        raise DataError(f"{path} is a link that leaves {folder}; copy the file there instead")
    return path


def file_names(sources: Sequence[Path], ending: str, folder: Path) -> list[str]:
    """A safe name in `folder` for what is made of each file: no two are the same, and none is one of the files.

    Args:
        sources: The files, whose names are not trusted; two may have the same.
        ending: Of every name, such as ".saliency.png".
        folder: Where the names will stand.
    """
    taken = {str(path.resolve()).lower() for path in sources}  # some disks do not tell A from a
    names = []
    for path in sources:
        plain = "".join(letter if letter.isalnum() or letter in "._- " else "_" for letter in path.stem)
        stem = plain[:_LONGEST_STEM].strip(". ") or "file"
        number, name = 1, f"{stem}{ending}"
        while str((folder / name).resolve()).lower() in taken:
            number += 1
            name = f"{stem}-{number}{ending}"
        taken.add(str((folder / name).resolve()).lower())
        names.append(name)
    return names
