"""One variable of a MATLAB file, read by scipy once every tag of it has been checked.

MATLAB's level 5 format ("MAT-File Format", The MathWorks): 128 bytes of header, then elements, each a tag (type, number
of bytes) and its content. A variable is an element that holds others: flags, dimensions, name, values; it may lie in
one that is compressed with zlib.

`scipy.io.loadmat` runs nothing that a file holds, but follows its tags wherever they lead: of 1,000 files in which one
to three bytes were changed, scipy 1.17 ended the process on 14 (a segmentation fault, which no `except` sees). So a
variable is unpacked first, up to a limit; each of its tags is checked; and scipy is shown these bytes alone. Only what
annotations need is let through: structs, texts and dense real numbers, not objects, functions, cells or sparse arrays.
"""

import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from whynet.base.errors import DataError

MAX_BYTES = 1 << 29
"""The most that a file or a variable in it may take, unpacked: some 2,800 masks of 500 x 375 pixels."""

_HEADER_BYTES = 128
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED, _UTF8 = 1, 5, 6, 14, 15, 16
_NUMBER_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Width of the types of numbers: int8, uint8, int16, uint16, int32, uint32, single, double, int64, uint64."""
_TEXT_TYPES = (1, 2, 4, 16, 17, 18)
_STRUCT, _CHAR, _NUMBERS = 2, 4, range(6, 16)
_IS_COMPLEX = 0x0800
_MAX_DEPTH = 16


def read_mat_variable(path: Path, name: str) -> np.ndarray:
    """Read one variable of a MATLAB file of level 5 (MATLAB's -v6 and -v7).

    Args:
        path: The file.
        name: Of the variable; others are passed over unread.

    Returns:
        As `scipy.io.loadmat` gives it: structs are record arrays, and everything has at least two axes.

    Raises:
        DataError: The file is absent, unreadable, too large, of another format or damaged, lacks the variable, or the
            variable holds anything but structs, texts and dense real numbers.
    """
    data = _read_bytes(path)
    order = _byte_order(data, path)
    try:
        variable = _find_variable(data, name, order)
        if variable is None:
            raise DataError(f"{path}: expected a variable {name}, but there is none; restore the file")
        _check_matrix(_Elements(variable, order).take(_MATRIX), order)
        read: np.ndarray = loadmat(io.BytesIO(data[:_HEADER_BYTES] + variable), variable_names=[name])[name]
    except DataError:
        raise
    except Exception as error:  # scipy raises nearly every kind of error
        raise DataError(f"{path}: the MATLAB file is damaged ({error or type(error).__name__}); restore it") from error
    return read


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise DataError(f"expected the MATLAB file {path}, but there is none; check the folder") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if len(data) > MAX_BYTES:
        raise DataError(f"{path}: at most {MAX_BYTES} bytes are read, but the file has more; leave it out")
    return data


def _byte_order(data: bytes, path: Path) -> str:
    """The order as `struct` writes it: "<" or ">"."""
    header = data[:_HEADER_BYTES]
    order = {b"IM": "<", b"MI": ">"}.get(header[126:])
    version = struct.unpack(f"{order}H", header[124:126])[0] if order else None
    if version == 0x0200:
        raise DataError(f'{path} is a MATLAB 7.3 file, which is not read; save it in MATLAB with "-v7"')
    if version != 0x0100:
        raise DataError(f"{path}: expected a MATLAB file of level 5, but it is none or damaged; restore it")
    assert order is not None
    return order


def _find_variable(data: bytes, name: str, order: str) -> bytes | None:
    """The element of a variable, tag and all, out of its compressed one."""
    elements = _Elements(data[_HEADER_BYTES:], order)
    while elements.rest:
        variable = elements.take_whole()
        parts = _Elements(_Elements(variable, order).take(_MATRIX), order)
        parts.take(_UINT32)
        parts.take(_INT32, _UINT32)
        if parts.take(_INT8, _UTF8) == name.encode():
            return variable
    return None


class _Elements:
    """Elements that lie one behind the other; each `take` gives the next one's content."""

    def __init__(self, data: bytes | memoryview, order: str) -> None:
        self.data = memoryview(data)
        self.order = order
        self.place = 0

    @property
    def rest(self) -> int:
        """How many bytes there are beyond the place."""
        return max(0, len(self.data) - self.place)

    def take_any(self) -> tuple[int, memoryview]:
        """Type and content of the next element."""
        if self.rest < 8:
            raise ValueError("it ends within a tag")
        found, count = struct.unpack_from(f"{self.order}II", self.data, self.place)
        start, filled = self.place + 8, -count % 8
        if found >> 16:  # the short form: type, number of bytes and up to four of them in eight
            found, count, start = found & 0xFFFF, found >> 16, self.place + 4
            filled = 4 - count
        if filled < 0 or start + count > len(self.data):
            raise ValueError(f"an element says that it has {count} bytes, which there are not")
        self.place = start + count + filled
        return found, self.data[start : start + count]

    def take(self, *types: int) -> memoryview:
        """The content of the next element, which must be of one of the types."""
        found, content = self.take_any()
        if found not in types:
            raise ValueError(f"an element of type {' or '.join(map(str, types))} was expected, not {found}")
        return content

    def take_whole(self) -> bytes:
        """The next element with its tag, unpacked if it is compressed."""
        start = self.place
        found, content = self.take_any()
        if found != _COMPRESSED:
            return bytes(self.data[start : self.place])
        self.place = start + 8 + len(content)  # what is compressed is not filled up
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(content, MAX_BYTES)
        if not unpacker.eof:
            raise ValueError(f"a compressed variable is cut short, or has more than {MAX_BYTES} bytes unpacked")
        return unpacked


def _check_matrix(content: memoryview, order: str, depth: int = 0) -> None:
    """Raise `ValueError` unless an array's elements are all there, each of a type and a size that scipy expects."""
    if not content:  # an empty field
        return
    if depth > _MAX_DEPTH:
        raise ValueError("structs lie too deep in each other")
    elements = _Elements(content, order)
    flags = _integers(elements.take(_UINT32), order)
    sizes = _integers(elements.take(_INT32, _UINT32), order)
    elements.take(_INT8, _UTF8)  # the name
    if len(flags) != 2 or not 2 <= len(sizes) <= 8 or min(sizes) < 0:
        raise ValueError("an array's flags or sizes are wrong")
    kind, count = flags[0] & 0xFF, math.prod(sizes)
    if kind == _STRUCT:
        if count > len(content):  # scipy makes room for all of them first
            raise ValueError(f"{count} structs were expected, for which there are not enough bytes")
        for _ in range(count * _num_fields(elements, order)):
            _check_matrix(elements.take(_MATRIX), order, depth + 1)
    elif kind == _CHAR:
        elements.take(*_TEXT_TYPES)
    elif kind in _NUMBERS and not flags[0] & _IS_COMPLEX:
        found, numbers = elements.take_any()
        if count * _NUMBER_BYTES.get(found, 0) != len(numbers) or found not in _NUMBER_BYTES:
            raise ValueError(f"{count} numbers were expected, but there are {len(numbers)} bytes of type {found}")
    else:
        raise ValueError(f"structs, texts and dense real numbers were expected, but an array is of class {kind}")


def _num_fields(elements: _Elements, order: str) -> int:
    (width,) = _integers(elements.take(_INT32), order) or (0,)
    names = elements.take(_INT8)
    if width < 1 or len(names) % width:
        raise ValueError(f"the names of a struct's fields are not of {width} bytes each")
    return len(names) // width


def _integers(content: memoryview, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{len(content) // 4}i", content[: len(content) // 4 * 4])
