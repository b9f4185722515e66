"""What the store takes: ids, names, people and ticked parts; all checks of input are here.

Ids are for programs: printable ASCII without spaces. All else is for people: any script and any emoji, in Unicode's
composed form (NFC), without spaces at the ends. Refused are characters that would spoil the page around them:

    control characters                   line ends, tabs, NUL, ...
    line and paragraph separators        U+2028, U+2029
    halves of surrogate pairs            which no UTF-8 file can hold
    bidirectional control characters     embeddings, overrides and isolates: U+202A to U+202E, U+2066 to U+2069

Right-to-left letters need none of the latter. The marks U+200E, U+200F and U+061C are taken: they turn nothing round.
Text is kept as it is, `<script>` too: to escape it is the page's task.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from whynet.base.errors import SettingError

LONGEST_ID = 200
LONGEST_NAME = 120
LONGEST_PERSON = 80
MOST_PARTS = 200
"""Lengths in Unicode characters; the columns of the tables are as wide."""

_ID = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")
_BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_INVISIBLE = {"Cf", "Zs"}


def checked_id(value: Any, what: str) -> str:
    """An id as it came.

    Args:
        value: The id.
        what: What it is an id of, as in "concept", for the message.

    Raises:
        SettingError: It is not 1 to 200 printable ASCII characters without spaces.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise SettingError(
            f"the id of a {what} is 1 to {LONGEST_ID} printable ASCII characters without spaces, "
            f"but it is {_shown(value)}; choose another"
        )
    return value


def cleaned_name(value: Any) -> str:
    """The name of a concept, composed and without spaces at its ends; raises `SettingError`."""
    return _cleaned(value, "a name", LONGEST_NAME)


def cleaned_person(value: Any, what: str) -> str:
    """An author, a voter or a participant (`what`), cleaned as names are; raises `SettingError`."""
    return _cleaned(value, what, LONGEST_PERSON)


def cleaned_parts(value: Any) -> tuple[str, ...]:
    """Ticked parts, each cleaned as names are.

    Raises:
        SettingError: They are no list of strings, too many, or one comes twice.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise SettingError(f"the parts of an answer are a list of strings, but they are {_shown(value)}")
    if len(value) > MOST_PARTS:
        raise SettingError(f"an answer has at most {MOST_PARTS} parts, but it has {len(value)}; leave some out")
    parts = tuple(_cleaned(part, "a part", LONGEST_NAME) for part in value)
    for number, part in enumerate(parts):
        if part in parts[:number]:
            raise SettingError(f"each part is ticked once at most, but {_shown(part)} is twice; leave one out")
    return parts


def checked_vote(value: Any) -> bool | None:
    """A vote as it came: True, False, or None to withdraw it; raises `SettingError`."""
    if value is not None and not isinstance(value, bool):
        raise SettingError(f"a vote is true, false, or null to withdraw it, but it is {_shown(value)}")
    return value


def folded(text: str) -> str:
    """`text` with capital and small letters made one, in any script (Unicode's canonical caseless match)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _cleaned(value: Any, what: str, longest: int) -> str:
    if not isinstance(value, str):
        raise SettingError(f"{what} is text, but it is {_shown(value)}")
    text = value.strip()
    # Composing makes text at most four times shorter, and takes long where there is much to compose.
    if len(text) <= 4 * longest:
        text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise SettingError(f"{what} has 1 to {longest} characters, but it is empty; write something")
    if len(text) > longest:
        raise SettingError(f"{what} has 1 to {longest} characters, but it has {len(text)}; shorten it")
    for place, character in enumerate(text):
        if kind := _refused(character):
            raise SettingError(
                f"{what} is plain text, but character {place + 1} of {_shown(text)} is U+{ord(character):04X}, "
                f"{kind}; remove it"
            )
    if all(unicodedata.category(character) in _INVISIBLE for character in text):
        raise SettingError(f"{what} can be seen, but {_shown(text)} cannot; write something")
    return text


def _refused(character: str) -> str | None:
    """What kind of character it is, if it is refused."""
    category = unicodedata.category(character)
    if category == "Cc":
        return "a control character"
    if category in ("Zl", "Zp"):
        return "a line separator"
    if category == "Cs":
        return "half a surrogate pair"
    if unicodedata.bidirectional(character) in _BIDI_CONTROLS:
        return "a control character that turns the direction of writing"
    return None


def _shown(value: Any) -> str:
    """The value for a message: short, and in ASCII, so that nothing in it can spoil the message."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
