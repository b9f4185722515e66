"""Pictures that people bring: held in memory while they are looked at, and never written anywhere."""

import secrets
import threading
from collections import OrderedDict

from whynet.base.errors import AbsentError, ImageError
from whynet.base.image import decode_image
from whynet.base.types import Picture

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 24_000_000
NUM_KEPT = 24
"""Pictures in memory; the oldest goes first."""


class Uploads:
    """The pictures of the last people who brought any, each under a name that nobody can guess."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, tuple[str, Picture]] = OrderedDict()

    def add(self, data: bytes, name: str) -> str:
        """Take a picture file's bytes.

        Args:
            data: Its content.
            name: What the person's computer calls it; only shown.

        Returns:
            What it is asked for by.

        Raises:
            ImageError: It is empty, too large, damaged, or no picture.
        """
        name = name.replace("\\", "/").rpartition("/")[2].strip()[:80] or "your picture"
        if len(data) > MAX_BYTES:
            raise ImageError(f"{name}: the file is larger than {MAX_BYTES >> 20} MB; shrink it first")
        picture = decode_image(data, name, max_pixels=MAX_PIXELS)
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._pictures[token] = name, picture
            while len(self._pictures) > NUM_KEPT:
                self._pictures.popitem(last=False)
        return token

    def get(self, token: str) -> tuple[str, Picture]:
        """Its name and itself; raises `AbsentError` if it is not held any more."""
        with self._lock:
            found = self._pictures.get(token)
        if found is None:
            raise AbsentError("this picture is not kept any more, since others came after it; bring it again")
        return found

    def remove(self, token: str) -> None:
        """Forget a picture."""
        with self._lock:
            self._pictures.pop(token, None)
