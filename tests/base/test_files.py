import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from whynet.base import files
from whynet.base.errors import StorageError
from whynet.base.files import (
    atomic_path,
    read_json,
    write_bytes_atomically,
    write_json_atomically,
    write_text_atomically,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "a.txt", "eine Zeile\r\n鳥 🐦\n")
    assert (tmp_path / "a.txt").read_bytes() == "eine Zeile\r\n鳥 🐦\n".encode()
    write_bytes_atomically(tmp_path / "a.txt", b"\0\1")
    assert (tmp_path / "a.txt").read_bytes() == b"\0\1"
    assert only(tmp_path) == ["a.txt"]


@given(value=JSON_VALUES)
def test_json_comes_back(value: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("json") / "v.json"
    write_json_atomically(path, value)
    assert read_json(path, "the value") == value


def test_json_is_readable_by_people(tmp_path: Path) -> None:
    write_json_atomically(tmp_path / "v.json", {"caption": "ein Vogel 🐦"})
    assert (tmp_path / "v.json").read_text(encoding="utf-8") == '{\n  "caption": "ein Vogel 🐦"\n}\n'


def test_json_keeps_an_odd_file_name(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.jpg")
    write_json_atomically(tmp_path / "v.json", [name])
    assert read_json(tmp_path / "v.json", "x") == [name]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_numbers_that_are_not_finite(number: float, tmp_path: Path) -> None:
    write_json_atomically(tmp_path / "m.json", {"old": 1})
    with pytest.raises(StorageError, match=rf"m\.json: .* the value\['rows'\]\[1\]\['loss'\] is {number}"):
        write_json_atomically(tmp_path / "m.json", {"rows": [{"loss": 0.5}, {"loss": number}]})
    assert read_json(tmp_path / "m.json", "x") == {"old": 1}
    assert only(tmp_path) == ["m.json"]


def test_json_refuses_a_key_that_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="a key of the value is nan"):
        write_json_atomically(tmp_path / "m.json", {float("nan"): 1})


def test_json_that_contains_itself_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises((ValueError, RecursionError)):
        write_json_atomically(tmp_path / "m.json", loop)
    assert only(tmp_path) == []


def test_text_with_half_a_surrogate_pair(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"character 1 of the text is U\+D800"):
        write_text_atomically(tmp_path / "a.txt", "a\ud800")


def test_safetensors_through_a_path(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for value in (1.0, 2.0):
        with atomic_path(path) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".safetensors"
            save_file({"w": torch.tensor([value])}, temporary)
    assert load_file(path)["w"].item() == 2
    assert only(tmp_path) == ["w.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_the_mode_is_that_of_an_ordinary_new_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    write_text_atomically(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_a_failing_block_leaves_the_old_file(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert only(tmp_path) == ["a.txt"]


def test_an_error_over_another_file_is_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "elsewhere").read_text()
    assert only(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "choose a folder that you may write to"),
        (errno.EIO, "the disk"),
    ],
)
def test_what_the_disk_refuses(code: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(StorageError, match=rf"a\.txt cannot be written \({os.strerror(code)}\); .*{remedy}"):
        write_text_atomically(path, "new")
    assert path.read_text() == "old"
    assert only(tmp_path) == ["a.txt"]


FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from safetensors.torch import save_file
from whynet.base.errors import StorageError
from whynet.base.files import atomic_path, write_bytes_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # every write beyond 1000 bytes fails, as on a full disk
path = Path(sys.argv[1])
try:
    if sys.argv[2] == "bytes":
        write_bytes_atomically(path, bytes(100_000))
    else:
        with atomic_path(path) as temporary:
            save_file({"w": torch.zeros(100_000)}, temporary)
except StorageError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits on file sizes differ elsewhere")
@pytest.mark.parametrize("kind", ["bytes", "tensors"])
def test_a_real_write_that_stops_half_way(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_text("old")
    command = [sys.executable, "-c", FULL_DISK, str(path), kind]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "w.safetensors cannot be written (File too large); free some space" in result.stdout
    assert path.read_text() == "old"
    assert only(tmp_path) == ["w.safetensors"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="choose a folder that you may write to"):
        write_text_atomically(tmp_path / "a.txt", "new")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"a\.txt cannot be written .*; create the folder first"):
        write_text_atomically(tmp_path / "none" / "a.txt", "new")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(StorageError, match=r"a\.txt cannot be written .*; choose the name of a file"):
        write_text_atomically(tmp_path / "a.txt", "new")
    assert only(tmp_path) == ["a.txt"]


def test_read_json_absent(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"expected the vocabulary at .*v\.json, but there is no such file"):
        read_json(tmp_path / "v.json", "the vocabulary")


@pytest.mark.parametrize("content", [b"", b"{", b"nope", b"\xff\xfe", b"[NaN]", b"[-Infinity]", b"[" * 100_000])
def test_read_json_that_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"the vocabulary at .*v\.json is not valid JSON"):
        read_json(tmp_path / "v.json", "the vocabulary")


def test_read_json_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        read_json(tmp_path, "the vocabulary")


def test_written_json_is_standard(tmp_path: Path) -> None:
    write_json_atomically(tmp_path / "v.json", {"a": (1, 2)})
    assert json.loads((tmp_path / "v.json").read_bytes()) == {"a": [1, 2]}
