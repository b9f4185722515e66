"""Which classes a command is asked for, and the folder in which the results of each lie."""

import re
import unicodedata

from whynet.base.errors import SettingError
from whynet.models.subject import Subject
from whynet.workflows.settings import ALL

_LONGEST = 40
"""Characters of a class's name in the name of its folder."""


def wanted_classes(subject: Subject, text: str) -> list[int]:
    """The classes of a comma-separated text, in the subject's order; "all" is all of them.

    Args:
        subject: Whose classes they are.
        text: Names or numbers.

    Raises:
        SettingError: None is named, or the subject has none of this name.
    """
    if text == ALL:
        return list(range(len(subject.class_names)))
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise SettingError("classes by name or number, or all, were expected, and none is named")
    return sorted({subject.class_number(name) for name in names})


def folder_name(class_index: int, class_name: str) -> str:
    """What the folder of a class is called; the name is there for people to read, and only its plain letters are."""
    plain = unicodedata.normalize("NFKD", class_name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST]
    return "-".join(filter(None, (f"{class_index:04d}", words)))
