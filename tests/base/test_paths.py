from pathlib import Path

import pytest

from whynet.base.errors import DataError
from whynet.base.paths import file_names, path_inside


@pytest.mark.parametrize("name", ["a.jpg", "b/c d.jpg", "🐦/طائر.jpg", "..jpg", "a..b/c"])
def test_names_within(name: str, tmp_path: Path) -> None:
    assert path_inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "a/../x", "/etc/passwd", "..\\x", "C:\\x", "C:x", "a\0b", "a\nb"]
)
def test_names_that_leave(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a file name within"):
        path_inside(tmp_path, name)


def test_links(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "inner").symlink_to(root / "x.jpg")
    (root / "out").symlink_to(outside)
    (root / "loop").symlink_to(root / "loop")
    assert path_inside(root, "inner") == root / "inner"
    with pytest.raises(DataError, match="is a link that leaves"):
        path_inside(root, "out/x.jpg")
    with pytest.raises(DataError, match="cannot be followed"):
        path_inside(root, "loop")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert path_inside(tmp_path / "link", "x.jpg") == tmp_path / "link" / "x.jpg"


def test_file_names_are_safe_unique_and_none_of_the_files(tmp_path):
    sources = [
        tmp_path / "bird.png", Path("elsewhere/bird.jpg"), Path("elsewhere/BIRD.jpg"), tmp_path / "bird.map.png",
        Path("../..png"), Path(f"{'x' * 300}.png"), Path("a\nb:c*?.png"), Path("Żółw.png"), Path(".."),
    ]  # fmt: skip
    names = file_names(sources, ".map.png", tmp_path)
    assert names[0] == "bird-2.map.png"  # bird.map.png is a source itself
    assert names[7] == "Żółw.map.png"
    assert len({name.lower() for name in names}) == len(sources)
    for name in names:
        assert path_inside(tmp_path, name).parent == tmp_path
        assert len(name.encode()) <= 255
        assert not set(name) & set('\n:*?/\\"<>|')
        assert not name.startswith(".")
