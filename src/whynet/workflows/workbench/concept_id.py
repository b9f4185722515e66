"""The name by which a concept is addressed and remembered: its class, its number, and the module that it is of.

    5-2-9f3a11c0      x-feature 2 of class 5, of a module whose weights have this digest

A module that is trained again has other x-features, so names and votes given to the old ones do not go over to them.
"""

import re
from dataclasses import dataclass

from whynet.base.errors import SettingError

_FORM = re.compile(r"(0|[1-9][0-9]{0,6})-([1-9][0-9]{0,4})-([0-9a-f]{8})")


@dataclass(frozen=True, kw_only=True, order=True)
class ConceptId:
    """Which x-feature of which module.

    Args:
        class_index: Of the class that the module explains.
        number: Of the x-feature, from 0.
        digest: Of the module's weights: eight hexadecimal digits.
    """

    class_index: int
    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.class_index}-{self.number + 1}-{self.digest}"

    @classmethod
    def parse(cls, text: str) -> "ConceptId":
        """The id that was written so; raises `SettingError` if none is."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise SettingError("a concept's id was expected, as in 5-2-9f3a11c0; take one from the list of concepts")
        return cls(class_index=int(found[1]), number=int(found[2]) - 1, digest=found[3])
