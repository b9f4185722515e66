"""Folders of a run that hold something for each class, and the classes that a user asks for."""

import re
import unicodedata
from pathlib import Path

from whynet.base.errors import SettingError
from whynet.models.subject import Subject
from whynet.workflows.run import Run
from whynet.workflows.settings import ALL


def class_folder(run: Run, within: str, class_index: int, class_name: str) -> Path:
    """Where something of a class lies; the name is there for people to read, and only its plain letters are."""
    plain = unicodedata.normalize("NFKD", class_name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40]
    return run.folder / within / "-".join(filter(None, (f"{class_index:04d}", words)))


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
