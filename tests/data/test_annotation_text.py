from pathlib import Path

import pytest

from whynet.base.errors import DataError
from whynet.data.annotation_text import read_annotation_text


def test_byte_order_mark_and_line_ends_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffein Żółw\r\nzwei\n".encode())
    assert read_annotation_text(path, "the file") == "ein Żółw\nzwei\n"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected the list of birds .*a\.txt, but there is none; check the folder"):
        read_annotation_text(tmp_path / "a.txt", "the list of birds")
    (tmp_path / "b.txt").write_bytes(b"a \xff bird")
    with pytest.raises(DataError, match=r"b\.txt is not UTF-8 text \(byte 2\); convert it"):
        read_annotation_text(tmp_path / "b.txt", "the list of birds")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\); check its permissions"):
        read_annotation_text(tmp_path, "the list of birds")
