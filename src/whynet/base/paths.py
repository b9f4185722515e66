"""Names from annotation files and uploads, turned into paths that stay within their folder."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from whynet.base.errors import DataError


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
