import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whynet.base.errors import DataError, ImageError, SettingError
from whynet.data.bad_examples import find_bad_examples
from whynet.data.cub import CUB
from whynet.data.vocabulary import Vocabulary

FILES = {
    "images.txt": "1 001.Blue_Jay/a.jpg\n2 001.Blue_Jay/b.jpg\n3 002.Barn_Owl/c d.jpg\n",
    "image_class_labels.txt": "1 1\n2 1\n3 2\n",
    "classes.txt": "1 001.Blue_Jay\n2 002.Barn_Owl\n",
    "train_test_split.txt": "1 1\n2 0\n3 1\n",
    "bounding_boxes.txt": "1 2.0 3.0 10.0 5.0\n2 0 0 20 10\n3 -1.0 4.0 22.0 7.0\n",
    "parts/parts.txt": "1 beak\n2 left eye\n",
    "parts/part_locs.txt": "1 1 4.5 5.5 1\n1 2 0.0 0.0 0\n2 1 1 1 1\n2 2 1 1 1\n3 1 20 10 1\n3 2 3 3 1\n",
}
CAPTIONS = {
    "001.Blue_Jay/a.txt": "a blue bird \n\n  a jay.\r\n",
    "001.Blue_Jay/b.txt": "another",
    "002.Barn_Owl/c d.txt": "an owl\u2028at night 🦉\n",
}

Change = Callable[[str, str], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    cub = tmp_path / "CUB_200_2011"
    for name, text in FILES.items():
        (cub / name).parent.mkdir(parents=True, exist_ok=True)
        (cub / name).write_text(text, encoding="utf-8")
    for name, text in CAPTIONS.items():
        (tmp_path / "text_c10" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "text_c10" / name).write_text(text, encoding="utf-8", newline="")
    for line in FILES["images.txt"].splitlines():
        path = cub / "images" / line.split(maxsplit=1)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10), "blue").save(path)
    return tmp_path


@pytest.fixture
def change(root: Path) -> Change:
    """Write something else into one of the files."""
    return lambda file, text: (root / "CUB_200_2011" / file).write_text(text, encoding="utf-8") and None


def test_train(root: Path) -> None:
    data = CUB(root, "train")
    assert data.class_names == ("Blue Jay", "Barn Owl")
    assert data.part_names == ("beak", "left eye")
    assert data.names == ["001.Blue_Jay/a.jpg", "002.Barn_Owl/c d.jpg"]
    assert data.labels == [0, 1]
    assert data.captions == [("a blue bird", "a jay."), ("an owl\u2028at night 🦉",)]
    first, second = data[0], data[1]
    assert first.image.shape == (10, 20, 3)
    assert (first.name, first.label, first.captions) == (data.names[0], 0, data.captions[0])
    np.testing.assert_array_equal(first.landmarks, [[4.5, 5.5, 1], [0, 0, 0]])
    assert first.box == (2, 3, 12, 8)
    assert second.box == (0, 4, 20, 10)  # clipped on three sides
    assert first.attributes is None
    assert first.part_map is None


def test_test(root: Path) -> None:
    data = CUB(root, "test")
    assert data.names == ["001.Blue_Jay/b.jpg"]
    assert data.class_names == CUB(root, "train").class_names


@pytest.mark.parametrize("inside", [True, False])
def test_the_folder_itself(root: Path, inside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if inside:
        (root / "text_c10").rename(root / "CUB_200_2011" / "text_c10")
    assert CUB(root / "CUB_200_2011").captions[0] == ("a blue bird", "a jay.")
    monkeypatch.chdir(root / "CUB_200_2011")
    assert CUB(Path()).captions[0] == ("a blue bird", "a jay.")


def test_optional_files_may_be_absent(root: Path) -> None:
    for path in ("CUB_200_2011/bounding_boxes.txt", "CUB_200_2011/parts/part_locs.txt", "text_c10"):
        (root / path).rename(root / "away")
        (root / "away").rename(root / f"away {path.replace('/', ' ')}")
    data = CUB(root)
    assert data.part_names == ()
    assert data.captions == [(), ()]
    assert data[0].box is None
    assert data[0].landmarks is None


def test_one_picture_may_lack_captions(root: Path) -> None:
    (root / "text_c10/001.Blue_Jay/a.txt").unlink()
    assert CUB(root).captions[0] == ()


def test_captions_without_a_word_are_dropped(root: Path) -> None:
    (root / "text_c10/001.Blue_Jay/a.txt").write_text("!!!\n😀😀\n...\na jay.\n", encoding="utf-8")
    captions = CUB(root).captions
    assert captions[0] == ("😀😀", "a jay.")
    assert "😀😀" in Vocabulary.from_captions(caption for own in captions for caption in own)


def test_captions_of_other_pictures(root: Path) -> None:
    for path in (root / "text_c10").rglob("*.txt"):
        path.unlink()
    with pytest.raises(DataError, match=r"text_c10 holds no caption of the 2 pictures; expected 001\.Blue_Jay/a\.txt"):
        CUB(root)


def test_captions_that_are_no_text(root: Path) -> None:
    (root / "text_c10/001.Blue_Jay/a.txt").write_bytes(b"a \xff bird")
    with pytest.raises(DataError, match=r"a\.txt is not UTF-8 text \(byte 2\)"):
        CUB(root)


@pytest.mark.parametrize("file", ["images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt"])
def test_mandatory_files(root: Path, file: str) -> None:
    (root / "CUB_200_2011" / file).unlink()
    with pytest.raises(DataError, match=rf"expected the CUB-200-2011 file .*{file}, but there is none"):
        CUB(root)


@pytest.mark.parametrize("file", ["images.txt", "classes.txt"])
def test_an_empty_file(root: Path, file: str, change: Change) -> None:
    change(file, "\n")
    with pytest.raises(DataError, match=rf"{file}: expected lines of the form .* but the file is empty"):
        CUB(root)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("images.txt", "4"),
        ("images.txt", "four 001.Blue_Jay/a.jpg"),
        ("image_class_labels.txt", "4 one"),
        ("image_class_labels.txt", "4 1 1"),
        ("train_test_split.txt", "4 2"),
        ("train_test_split.txt", "4"),
        ("classes.txt", "3"),
        ("bounding_boxes.txt", "4 1 2 3"),
        ("bounding_boxes.txt", "4 1 2 nan 4"),
        ("bounding_boxes.txt", "4 1 2 0 4"),
        ("bounding_boxes.txt", "4 1 2 3 -4"),
        ("parts/parts.txt", "beak"),
        ("parts/part_locs.txt", "3 3 1 1"),
        ("parts/part_locs.txt", "3 3 1 1 yes"),
        ("parts/part_locs.txt", "3 3 inf 1 1"),
    ],
)
def test_malformed_lines(root: Path, file: str, line: str, change: Change) -> None:
    change(file, FILES[file] + line + "\n")
    number = len(FILES[file].splitlines()) + 1
    with pytest.raises(DataError, match=rf"{Path(file).name}, line {number}: expected <.*>, but it is '{line}'"):
        CUB(root)


@pytest.mark.parametrize("file", [file for file in FILES if file != "parts/part_locs.txt"])
def test_a_line_twice(root: Path, file: str, change: Change) -> None:
    first = FILES[file].splitlines()[0]
    change(file, FILES[file] + first + "\n")
    with pytest.raises(DataError, match=rf"{Path(file).name}, line \d: 1 has a line already"):
        CUB(root)


@pytest.mark.parametrize("file", ["image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt"])
def test_a_picture_without_its_line(root: Path, file: str, change: Change) -> None:
    change(file, "\n".join(FILES[file].splitlines()[:-1]))
    with pytest.raises(DataError, match=rf"{file} has no line for image 3, 002\.Barn_Owl/c d\.jpg"):
        CUB(root)


@pytest.mark.parametrize(
    ("file", "line"),
    [("image_class_labels.txt", "9 1"), ("train_test_split.txt", "9 1"), ("bounding_boxes.txt", "9 1 2 3 4")],
)
def test_a_line_without_its_picture(root: Path, file: str, line: str, change: Change) -> None:
    change(file, FILES[file] + line)
    with pytest.raises(DataError, match=rf"{file} has a line for image 9, which images.txt does not list"):
        CUB(root)


def test_landmarks_must_be_complete(root: Path, change: Change) -> None:
    change("parts/part_locs.txt", FILES["parts/part_locs.txt"].replace("3 2 3 3 1\n", ""))
    with pytest.raises(DataError, match=r"no line for part 2 of image 3, 002\.Barn_Owl/c d\.jpg"):
        CUB(root)


@pytest.mark.parametrize("line", ["9 1 1 1 1", "1 9 1 1 1"])
def test_landmarks_of_nothing(root: Path, line: str, change: Change) -> None:
    change("parts/part_locs.txt", FILES["parts/part_locs.txt"] + line)
    with pytest.raises(DataError, match=rf"a line for image {line[0]}, part {line[2]}, which is not listed"):
        CUB(root)


def test_a_missing_picture(root: Path) -> None:
    (root / "CUB_200_2011/images/002.Barn_Owl/c d.jpg").unlink()
    with pytest.raises(DataError, match=r"lists image 3 as 002\.Barn_Owl/c d\.jpg, but there is no such file"):
        CUB(root)
    assert len(CUB(root, "test")) == 1  # whose pictures are all there


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", "a/../../x.jpg"])
def test_paths_that_leave(root: Path, name: str, change: Change) -> None:
    change("images.txt", FILES["images.txt"].replace("001.Blue_Jay/a.jpg", name))
    with pytest.raises(DataError, match=r"images\.txt, image 1: expected a file name within"):
        CUB(root)


def test_a_link_that_leaves(root: Path) -> None:
    path = root / "CUB_200_2011/images/001.Blue_Jay/a.jpg"
    path.rename(root / "outside.jpg")
    path.symlink_to(root / "outside.jpg")
    with pytest.raises(DataError, match=r"image 1: .*is a link that leaves"):
        CUB(root)


def test_an_unknown_class(root: Path, change: Change) -> None:
    change("image_class_labels.txt", FILES["image_class_labels.txt"].replace("3 2", "3 7"))
    with pytest.raises(DataError, match=r"gives image 3 the class 7, which classes\.txt does not list"):
        CUB(root)


def test_names_twice(root: Path, change: Change) -> None:
    change("classes.txt", "1 001.Blue_Jay\n2 002.Blue_Jay\n")
    with pytest.raises(DataError, match=r"classes\.txt gives the name 'Blue Jay' twice"):
        CUB(root)
    change("classes.txt", FILES["classes.txt"])
    change("images.txt", FILES["images.txt"].replace("b.jpg", "a.jpg"))
    with pytest.raises(DataError, match=r"images\.txt gives the name '001\.Blue_Jay/a\.jpg' twice"):
        CUB(root)


def test_an_empty_split(root: Path, change: Change) -> None:
    change("train_test_split.txt", "1 1\n2 1\n3 1\n")
    with pytest.raises(DataError, match="puts no picture in the split 'test'"):
        CUB(root, "test")


def test_an_unknown_split(root: Path) -> None:
    with pytest.raises(SettingError, match="not 'validation'"):
        CUB(root, "validation")


def test_a_landmark_outside_its_picture(root: Path, change: Change) -> None:
    change("parts/part_locs.txt", FILES["parts/part_locs.txt"].replace("4.5 5.5", "20.5 5.5"))
    with pytest.raises(DataError, match=r"a\.jpg: landmark 0 lies at \(20\.5, 5\.5\), outside the picture of 20 x 10"):
        CUB(root)[0]


def test_a_box_outside_its_picture(root: Path, change: Change) -> None:
    change("bounding_boxes.txt", FILES["bounding_boxes.txt"].replace("1 2.0 3.0", "1 20.0 3.0"))
    with pytest.raises(DataError, match=r"a\.jpg: the box \(20, 3, 30, 8\) lies outside the picture of 20 x 10"):
        CUB(root)[0]


def test_a_damaged_picture(root: Path) -> None:
    (root / "CUB_200_2011/images/001.Blue_Jay/a.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"001\.Blue_Jay/a\.jpg: .* the file is empty"):
        CUB(root)[0]


def test_the_order_of_the_lines_does_not_matter(root: Path, change: Change) -> None:
    before = CUB(root)
    for file, text in FILES.items():
        change(file, "\n".join(reversed(text.splitlines())))
    after = CUB(root)
    assert (after.names, after.labels, after.part_names) == (before.names, before.labels, before.part_names)
    np.testing.assert_array_equal(after[0].landmarks, before[0].landmarks)


def test_fingerprint(root: Path, change: Change) -> None:
    """It stands for the pictures in their order, and opens none."""
    before = CUB(root).fingerprint()
    assert CUB(root).fingerprint() == before
    assert CUB(root, "test").fingerprint() != before
    path = root / "CUB_200_2011/images/001.Blue_Jay/a.jpg"
    state = path.stat()
    time.sleep(0.05)  # more than a tick of any file system's clock
    path.write_bytes(bytes(state.st_size))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    after = CUB(root).fingerprint()
    assert after != before
    change("classes.txt", "1 001.Blue_Jay\n2 002.Tawny_Owl\n")
    assert CUB(root).fingerprint() != after


def test_ten_real_species(cub10_root: Path) -> None:
    """The counts of the data set's own table; 6183 visible landmarks."""
    train, test = CUB(cub10_root, "train"), CUB(cub10_root, "test")
    assert np.bincount(train.labels).tolist() == [30] * 10
    assert np.bincount(test.labels).tolist() == [30, 30, 28, 30, 14, 11, 23, 18, 29, 30]
    assert train.class_names[0] == "Black footed Albatross"
    assert len(train.part_names) == 15
    assert {len(captions) for data in (train, test) for captions in data.captions} == {10}
    visible = 0
    for data in (train, test):
        assert find_bad_examples(data) == {}
        for example in (data[index] for index in range(len(data))):
            points = example.landmarks[example.landmarks[:, 2] == 1]
            x0, y0, x1, y1 = example.box
            height, width = example.image.shape[:2]
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            # Landmarks lie in their box, as whoever shrank these pictures found, too (three decimals).
            assert (points[:, :2] >= np.array([x0, y0]) - 0.01).all()
            assert (points[:, :2] <= np.array([x1, y1]) + 0.01).all()
            visible += len(points)
    assert visible == 6183
