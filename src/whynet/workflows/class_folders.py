"""Folders of a run that hold something for each class, and the classes that a user asks for."""

import re
import unicodedata
from collections.abc import Collection
from pathlib import Path

from whynet.base.errors import SettingError, StorageError
from whynet.models.subject import Subject
from whynet.workflows.run import Run
from whynet.workflows.settings import ALL


def class_folder(run: Run, within: str, class_index: int, class_name: str) -> Path:
    """Where something of a class lies; the name is there for people to read, and only its plain letters are."""
    plain = unicodedata.normalize("NFKD", class_name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40]
    return run.folder / within / "-".join(filter(None, (f"{class_index:04d}", words)))


def other_folders(run: Run, within: str, keep: Collection[Path], files: Collection[str]) -> list[Path]:
    """The folders of classes that hold some of our files and are none of those that are kept, by number.

    Args:
        run: Whose.
        within: Its folder, such as "tree".
        keep: What `class_folder` gave for the classes that stay.
        files: The names of ours.
    """
    return sorted(
        path
        for path in (run.folder / within).glob("*")
        if re.fullmatch(r"\d{4,}(-[a-z0-9-]*)?", path.name)
        and path not in keep
        and path.is_dir()
        and not path.is_symlink()
        and any((path / name).is_file() for name in files)
    )


def remove_class_files(folder: Path, files: Collection[str]) -> None:
    """Remove our files from the folder of a class, and the folder where nothing else is in it.

    Args:
        folder: Of a class; it need not be there.
        files: The names of ours.

    Raises:
        StorageError: A file cannot be removed.
    """
    try:
        for name in files:
            (folder / name).unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise StorageError(
            f"cannot remove what {folder} holds of an earlier request ({error}); remove it by hand"
        ) from error


def wanted_classes(subject: Subject, text: str) -> list[int]:
    """The classes of a comma-separated text, in the subject's order; "all" is all of them.

    Raises:
        SettingError: No class is named, or the subject has none of that name.
    """
    if text == ALL:
        return list(range(len(subject.class_names)))
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise SettingError("classes by name or number, or all, were expected, and none is named")
    return sorted({subject.class_number(name) for name in names})
