"""Whatever a MATLAB file holds, scipy's reading of it or one error; never the end of the process."""

import contextlib
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from whynet.base.errors import DataError
from whynet.data import mat_file
from whynet.data.mat_file import read_mat_variable

NESTED = {
    "name": "a name",
    "mask": np.array([[True, False, True], [False, True, True]]),
    "numbers": np.array([[1.5, -2.0]]),
    "nothing": np.zeros((0, 0)),
    "inner": {"letters": "x", "whole": np.array([[3]], np.int16)},
}


def content(*, compress: bool = False, **variables: object) -> bytes:
    stream = io.BytesIO()
    savemat(stream, variables, do_compression=compress)
    return stream.getvalue()


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and one.dtype.names:
        return one.dtype == other.dtype and all(same(one[name], other[name]) for name in one.dtype.names)
    if isinstance(one, np.ndarray) and one.dtype == object:
        return one.shape == other.shape and all(map(same, one.ravel(), other.ravel()))
    return np.array_equal(one, other) and one.dtype == other.dtype


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.mat"


@pytest.mark.parametrize("compress", [False, True])
def test_what_is_read_is_what_scipy_reads(path: Path, compress: bool) -> None:
    path.write_bytes(content(compress=compress, first=np.eye(3), anno=NESTED, last="end"))
    assert same(read_mat_variable(path, "anno"), loadmat(path)["anno"])
    assert read_mat_variable(path, "anno")[0, 0]["inner"][0, 0]["letters"].item() == "x"
    assert same(read_mat_variable(path, "last"), loadmat(path)["last"])


def test_the_other_byte_order(path: Path) -> None:
    """A variable x of one double, by hand."""
    inner = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 1)
    inner += struct.pack(">HH4s", 1, 1, b"x") + struct.pack(">IId", 9, 8, 2.5)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    path.write_bytes(header + struct.pack(">II", 14, len(inner)) + inner)
    assert read_mat_variable(path, "x") == 2.5


def test_other_variables_are_passed_over_unread(path: Path) -> None:
    cells = np.empty((1, 2), object)
    cells[:] = "a"
    path.write_bytes(content(cells=cells, anno=NESTED))
    assert read_mat_variable(path, "anno").shape == (1, 1)
    with pytest.raises(
        DataError, match=r"some\.mat: .*structs, texts and dense real numbers .* an array is of class 1\)"
    ):
        read_mat_variable(path, "cells")


@pytest.mark.parametrize("value", [csc_matrix(np.eye(2)), np.array([[1 + 2j]])])
def test_what_annotations_do_not_need_is_refused(path: Path, value: object) -> None:
    path.write_bytes(content(anno={"value": value}))
    with pytest.raises(DataError, match="structs, texts and dense real numbers were expected"):
        read_mat_variable(path, "anno")


def test_no_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected the MATLAB file .*some\.mat, but there is none; check the folder"):
        read_mat_variable(path, "anno")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\); check its permissions"):
        read_mat_variable(tmp_path, "anno")


def test_no_such_variable(path: Path) -> None:
    path.write_bytes(content(other=1.0))
    with pytest.raises(DataError, match=r"some\.mat: expected a variable anno, but there is none; restore the file"):
        read_mat_variable(path, "anno")


@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 500, b"GIF89a" * 100, b"MATLAB 5.0".ljust(124)])
def test_what_is_no_matlab_file(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"some\.mat: expected a MATLAB file of level 5, but it is none or damaged"):
        read_mat_variable(path, "anno")


def test_version_7_3(path: Path) -> None:
    header = b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM"
    path.write_bytes(header.ljust(512) + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match=r"some\.mat is a MATLAB 7\.3 file, which is not read; save it .* with \"-v7\""):
        read_mat_variable(path, "anno")


@pytest.mark.parametrize("kind", [0, 8, 10, 14, 20, 0xFFFF])
def test_a_type_that_ends_scipys_process_is_an_error(path: Path, kind: int) -> None:
    data = bytearray(content(anno=np.array([[2.5, 3.5]])))
    place = data.index(struct.pack("<IId", 9, 16, 2.5))
    data[place : place + 4] = struct.pack("<I", kind)
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"damaged \(2 numbers were expected, but there are 16 bytes of type"):
        read_mat_variable(path, "anno")


@pytest.mark.parametrize("sizes", [(2, 1), (1, 3), (-1, -2), (2**31 - 1, 2**31 - 1)])
def test_sizes_that_are_not_those_of_the_numbers(path: Path, sizes: tuple[int, int]) -> None:
    data = content(anno=np.array([[2.5, 3.5]]))
    path.write_bytes(data.replace(struct.pack("<IIii", 5, 8, 1, 2), struct.pack("<IIii", 5, 8, *sizes)))
    if math.prod(sizes) == 2 and sizes[0] > 0:
        assert read_mat_variable(path, "anno").shape == sizes
        return
    with pytest.raises(DataError, match=r"damaged \((an array's flags or sizes are wrong|\d+ numbers were expected)"):
        read_mat_variable(path, "anno")


def test_structs_that_are_not_there(path: Path) -> None:
    data = content(anno={"a": 1.0})
    path.write_bytes(data.replace(struct.pack("<IIii", 5, 8, 1, 1), struct.pack("<IIii", 5, 8, 2**20, 2**20), 1))
    with pytest.raises(DataError, match=r"damaged \(\d+ structs were expected, for which there are not enough bytes"):
        read_mat_variable(path, "anno")


def test_structs_within_each_other_without_end(path: Path) -> None:
    nested: dict[str, object] = {"a": 1.0}
    for _ in range(30):
        nested = {"a": nested}
    path.write_bytes(content(anno=nested))
    with pytest.raises(DataError, match="structs lie too deep in each other"):
        read_mat_variable(path, "anno")


def test_a_variable_that_is_too_large_unpacked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(content(compress=True, anno=np.zeros((100, 100))))
    assert read_mat_variable(path, "anno").shape == (100, 100)
    monkeypatch.setattr(mat_file, "MAX_BYTES", 50_000)
    with pytest.raises(DataError, match="cut short, or has more than 50000 bytes unpacked"):
        read_mat_variable(path, "anno")
    monkeypatch.setattr(mat_file, "MAX_BYTES", 100)
    with pytest.raises(DataError, match=r"some\.mat: at most 100 bytes are read, but the file has more; leave it out"):
        read_mat_variable(path, "anno")


def test_a_file_cut_short(path: Path) -> None:
    for compress in (False, True):
        data = content(compress=compress, anno=NESTED)
        for length in range(128, len(data), 7):
            path.write_bytes(data[:length])
            with pytest.raises(DataError, match=r"some\.mat: (the MATLAB file is damaged|expected a variable anno)"):
                read_mat_variable(path, "anno")


def test_one_changed_byte_of_a_compressed_file_is_seen(path: Path) -> None:
    data = content(compress=True, anno=NESTED)
    for place in range(140, len(data), 5):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        with pytest.raises(DataError, match=r"some\.mat"):
            read_mat_variable(path, "anno")


@given(changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6), packed=st.booleans())
def test_no_change_does_more_than_raise(
    changes: list[tuple[int, int]], packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The changed element is packed again, so that it is a wrong tag that must be seen and not a wrong checksum."""
    data = content(anno=NESTED)
    element = bytearray(data[128:])
    for place, byte in changes:
        element[place % len(element)] = byte
    if packed:
        small = zlib.compress(bytes(element))
        element = bytearray(struct.pack("<II", 15, len(small)) + small)
    path = tmp_path_factory.getbasetemp() / "changed.mat"
    path.write_bytes(data[:128] + element)
    with contextlib.suppress(DataError):
        read_mat_variable(path, "anno")
