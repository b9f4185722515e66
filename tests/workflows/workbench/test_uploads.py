import io

import numpy as np
import pytest
from PIL import Image

from whynet.base.errors import AbsentError, ImageError
from whynet.workflows.workbench import uploads
from whynet.workflows.workbench.uploads import Uploads


def _png(size=(4, 3)):
    stream = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(stream, format="png")
    return stream.getvalue()


def test_a_picture_is_held_under_a_name_that_nobody_can_guess():
    held = Uploads()
    first, second = held.add(_png(), "a/b\\bird.png"), held.add(_png(), "bird.png")
    assert first != second
    assert len(first) > 20
    name, picture = held.get(first)
    assert name == "bird.png"
    assert picture.shape == (3, 4, 3)
    np.testing.assert_array_equal(picture[0, 0], (10, 200, 30))
    held.remove(first)
    with pytest.raises(AbsentError, match="not kept any more"):
        held.get(first)
    assert held.get(second)[0] == "bird.png"


def test_the_oldest_makes_room(monkeypatch):
    monkeypatch.setattr(uploads, "NUM_KEPT", 2)
    held = Uploads()
    keys = [held.add(_png(), "") for _ in range(3)]
    with pytest.raises(AbsentError):
        held.get(keys[0])
    assert held.get(keys[2])[0] == "your picture"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "the content is none"),
        (_png((40, 30))[:70], "damaged or cut short"),
        (b"GIF89a" + bytes(40), "damaged|none"),
        (_png((6000, 5000)), "at most 24000000 are read"),
    ],
    ids=["empty", "a text", "cut short", "a false GIF", "too many pixels"],
)
def test_what_is_no_picture_is_refused_in_one_sentence(data, reason):
    with pytest.raises(ImageError, match=reason) as refused:
        Uploads().add(data, "x.png")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_too_large_is_not_looked_into(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    with pytest.raises(ImageError, match="larger than"):
        Uploads().add(_png(), "x.png")
