import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whynet.base.errors import DataError, ImageError, SettingError
from whynet.data.image_folder import ImageFolder
from whynet.data.vocabulary import Vocabulary


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), "blue").save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("train/owl/b.jpg", "train/owl/a.PNG", "train/jay/1.webp", "train/jay/2.jpg"):
        picture(tmp_path / "root" / name)
    return tmp_path / "root"


@pytest.fixture
def describe(root: Path) -> Callable[..., None]:
    """Write metadata.jsonl of a split."""

    def write(*rows: object, split: str = "train") -> None:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (root / split / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def test_classes_and_names_are_sorted(root: Path) -> None:
    data = ImageFolder(root)
    assert data.class_names == ("jay", "owl")
    assert data.names == ["jay/1.webp", "jay/2.jpg", "owl/a.PNG", "owl/b.jpg"]
    assert data.labels == [0, 0, 1, 1]
    assert data.captions == [(), (), (), ()]
    assert data.part_names == ()
    example = data[2]
    assert (example.name, example.label, example.image.shape) == ("owl/a.PNG", 1, (10, 20, 3))
    assert (example.box, example.landmarks) == (None, None)


def test_metadata(root: Path, describe: Callable[..., None]) -> None:
    describe(
        {"file_name": "owl/b.jpg", "caption": "an owl", "landmarks": {"tail": [3, 4.5], "beak": None}},
        "",
        {"file_name": "owl/a.PNG", "captions": ["one", " ", "", " two "], "box": [-1, 2, 21, 8], "landmarks": None},
        {"file_name": "jay/2.jpg", "landmarks": {"beak": [20, 10]}, "caption": "  "},
    )
    data = ImageFolder(root)
    assert data.part_names == ("beak", "tail")
    assert data.captions == [(), (), ("one", "two"), ("an owl",)]
    np.testing.assert_array_equal(data[1].landmarks, [[20, 10, 1], [0, 0, 0]])
    np.testing.assert_array_equal(data[3].landmarks, [[0, 0, 0], [3, 4.5, 1]])
    assert data[0].landmarks is None
    assert data[2].landmarks is None
    assert data[2].box == (0, 2, 20, 8)


def test_captions_of_any_script(root: Path, describe: Callable[..., None]) -> None:
    captions = ["a 🐦‍⬛!", "\u05e6\u05d9\u05e4\u05d5\u05e8 \u05d0\u05d3\u05d5\u05de\u05d4", "cafe\u0301"]
    describe({"file_name": "owl/b.jpg", "captions": captions})
    assert ImageFolder(root).captions[3] == (captions[0], captions[1], "café")


def test_captions_without_a_word_are_dropped(root: Path, describe: Callable[..., None]) -> None:
    describe(
        {"file_name": "jay/2.jpg", "caption": "!!!"},
        {"file_name": "owl/a.PNG", "captions": ["...", "😀😀", "\u200b", "an owl!"]},
    )
    captions = ImageFolder(root).captions
    assert captions == [(), (), ("😀😀", "an owl!"), ()]
    vocabulary = Vocabulary.from_captions(caption for own in captions for caption in own)
    assert "😀😀" in vocabulary


def test_file_names_match_whatever_their_unicode_form(root: Path, describe: Callable[..., None]) -> None:
    picture(root / "train/owl/e\u0301.jpg")  # as macOS writes it
    describe({"file_name": "owl/\u00e9.jpg", "caption": "here"})
    assert ("here",) in ImageFolder(root).captions


def test_splits(root: Path) -> None:
    assert ImageFolder.splits(root) == ("train",)
    with pytest.raises(DataError, match="has no folder test, only train; add it or hold out a part of train"):
        ImageFolder(root, "test")
    picture(root / "test/jay/1.jpg")
    picture(root / "test/owl/1.jpg")
    picture(root / "val/jay/1.jpg")
    picture(root / "val/owl/1.jpg")
    assert ImageFolder.splits(root) == ("train", "validation", "test")
    assert ImageFolder(root, "test").names == ["jay/1.jpg", "owl/1.jpg"]  # one picture a class will do there
    assert ImageFolder(root, "validation").labels == [0, 1]
    (root / "validation").mkdir()
    with pytest.raises(DataError, match="the same split twice, as validation and as val"):
        ImageFolder(root)


def test_an_unknown_split(root: Path) -> None:
    with pytest.raises(SettingError, match="has the splits train, validation, test, not 'dev'"):
        ImageFolder(root, "dev")


def test_the_other_splits_have_the_parts_of_train(root: Path, describe: Callable[..., None]) -> None:
    picture(root / "test/jay/1.jpg")
    picture(root / "test/owl/1.jpg")
    describe({"file_name": "owl/b.jpg", "landmarks": {"tail": [1, 2], "beak": [1, 2]}})
    describe({"file_name": "owl/1.jpg", "landmarks": {"tail": [3, 4]}}, split="test")
    test = ImageFolder(root, "test")
    assert test.part_names == ("beak", "tail")
    np.testing.assert_array_equal(test[1].landmarks, [[0, 0, 0], [3, 4, 1]])
    describe({"file_name": "owl/1.jpg", "landmarks": {"wing": [3, 4]}}, split="test")
    with pytest.raises(DataError, match=r"test.metadata\.jsonl, line 1: the landmark 'wing' .*\(beak, tail\)"):
        ImageFolder(root, "test")
    describe({"file_name": "owl/b.jpg"})
    with pytest.raises(DataError, match=r"the landmark 'wing' is none of those in train .which has none"):
        ImageFolder(root, "test")


# ---- folders


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a folder of pictures at .*, but there is none"):
        ImageFolder(tmp_path / "none")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected the form train/<class>/<picture>, but there is no folder train"):
        ImageFolder(tmp_path)


def test_no_classes(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="expected one folder a class with its pictures, but there is none"):
        ImageFolder(tmp_path)


def test_a_class_without_pictures(root: Path) -> None:
    (root / "train/wren").mkdir()
    with pytest.raises(DataError, match="no picture in wren; add pictures or remove the folder"):
        ImageFolder(root)


def test_a_class_with_one_picture_can_be_read(root: Path) -> None:
    (root / "train/owl/b.jpg").unlink()  # whether it is enough to train on depends on what is held out of train
    assert ImageFolder(root).labels == [0, 0, 1]


def test_many_classes_are_not_all_named(root: Path) -> None:
    for number in range(13):
        (root / f"train/c{number:02}").mkdir()
    with pytest.raises(DataError, match=r"no picture in c00, .*, c09 and 3 more; add"):
        ImageFolder(root)


def test_other_classes_in_test(root: Path) -> None:
    picture(root / "test/jay/1.jpg")
    with pytest.raises(DataError, match="test lacks the classes owl, which train has"):
        ImageFolder(root, "test")
    picture(root / "test/owl/1.jpg")
    picture(root / "test/wren/1.jpg")
    with pytest.raises(DataError, match="test has the classes wren, which train lacks"):
        ImageFolder(root, "test")


def test_a_picture_in_no_class(root: Path) -> None:
    picture(root / "train/stray.jpg")
    with pytest.raises(DataError, match=r"stray\.jpg lies in no class; move it to train/<class>/"):
        ImageFolder(root)


def test_a_folder_in_a_class(root: Path) -> None:
    picture(root / "train/owl/barn/1.jpg")
    with pytest.raises(DataError, match="barn is a folder within a class; move its pictures up to train/owl/"):
        ImageFolder(root)


def test_other_files_are_passed_over_and_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("train/.hidden.jpg", "train/.cache/x", "train/readme.txt", "train/owl/.b.jpg", "train/owl/notes.md"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    with caplog.at_level(logging.INFO, logger="whynet"):
        assert len(ImageFolder(root)) == 4
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "passing over 2 files that are no pictures"
    ]


@pytest.mark.parametrize("place", ["train/owl/link.jpg", "train/link", "link"])
def test_links_that_leave(root: Path, place: str) -> None:
    outside = root.parent / "outside"
    picture(outside / "x" / "1.jpg")
    target = outside / "x" / "1.jpg" if place.endswith(".jpg") else outside
    if place == "link":
        (root / "train").rename(outside / "train")
        place, target = "train", outside / "train"
    (root / place).symlink_to(target)
    with pytest.raises(DataError, match="is a link that leaves"):
        ImageFolder(root)


def test_links_within(root: Path) -> None:
    (root / "train/owl/c.jpg").symlink_to(root / "train/owl/b.jpg")
    assert ImageFolder(root)[4].name == "owl/c.jpg"


def test_a_name_that_is_no_text(root: Path) -> None:
    try:
        picture(root / "train" / "owl" / b"\xff.png".decode("utf-8", "surrogateescape"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(DataError, match="whose name is not UTF-8 text; rename it"):
        ImageFolder(root)


def test_a_damaged_picture(root: Path) -> None:
    (root / "train/owl/b.jpg").write_text("no picture")
    with pytest.raises(ImageError, match=r"owl/b\.jpg: expected a picture"):
        ImageFolder(root)[3]


# ---- metadata.jsonl

GOOD = {"file_name": "owl/b.jpg"}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{broken", "expected one JSON object a line"),
        ("[" * 50_000, "expected one JSON object a line"),
        ('{"file_name": "owl/b.jpg"} {}', "expected one JSON object a line"),
        (["owl/b.jpg"], "expected a JSON object, but it is"),
        ({"caption": "x"}, "expected a text as file_name, but it is null"),
        ({"file_name": 3}, "expected a text as file_name, but it is 3"),
        ({"file_name": "owl/none.jpg"}, "there is no picture owl/none.jpg"),
        ({"file_name": "b.jpg"}, "there is no picture b.jpg"),
        ({"file_name": "../test/b.jpg"}, "expected a file name within"),
        ({"file_name": "/etc/passwd"}, "expected a file name within"),
        ({"file_name": "owl\\b.jpg"}, "expected a file name within"),
        ({"file_name": ""}, "expected a file name within"),
        ({"file_name": "owl/a.PNG"}, "owl/a.PNG has a row already"),
        ({**GOOD, "caption": 3}, "expected a text as caption, but it is 3"),
        ({**GOOD, "caption": ["a"]}, "expected a text as caption, but it is"),
        ({**GOOD, "captions": "a"}, "expected a list of texts as captions, but it is"),
        ({**GOOD, "captions": ["a", None]}, "expected a text as caption, but it is null"),
        ({**GOOD, "captions": ["\ud800"]}, "half a surrogate pair"),
        ({**GOOD, "caption": "a", "captions": []}, "the row has both caption and captions"),
        ({**GOOD, "landmarks": [1, 2]}, "expected an object as landmarks, but it is"),
        (
            {**GOOD, "landmarks": {"beak": [1]}},
            r"expected \[x, y\] or null as landmark 'beak' in pixels, but it is",
        ),
        ({**GOOD, "landmarks": {"beak": [1, 2, 3]}}, "or null as landmark 'beak'"),
        ({**GOOD, "landmarks": {"beak": "1,2"}}, "or null as landmark 'beak'"),
        ({**GOOD, "landmarks": {"beak": {"x": 1, "y": 2}}}, "or null as landmark 'beak'"),
        ({**GOOD, "landmarks": {"beak": [True, 2]}}, "or null as landmark 'beak'"),
        ({**GOOD, "landmarks": {"beak": [float("nan"), 2]}}, "or null as landmark 'beak'"),
        ({**GOOD, "landmarks": {"beak": [10**400, 2]}}, "or null as landmark 'beak'"),
        ({**GOOD, "box": [1, 2, 3]}, r"expected \[x0, y0, x1, y1\] as box"),
        ({**GOOD, "box": [5, 2, 5, 8]}, "expected a box with x0 < x1 and y0 < y1"),
        ({**GOOD, "box": {"x": 1}}, r"expected \[x0, y0, x1, y1\] as box"),
    ],
)
def test_bad_rows(root: Path, describe: Callable[..., None], row: object, problem: str) -> None:
    describe({"file_name": "owl/a.PNG"}, row)
    with pytest.raises(DataError, match=rf"train.metadata\.jsonl, line 2: .*{problem}"):
        ImageFolder(root)


def test_metadata_that_is_no_text(root: Path) -> None:
    (root / "train/metadata.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"metadata\.jsonl cannot be read as UTF-8 text"):
        ImageFolder(root)


def test_fingerprint(root: Path) -> None:
    """It stands for the pictures in their order, and opens none."""
    before = ImageFolder(root).fingerprint()
    assert ImageFolder(root).fingerprint() == before
    assert ImageFolder(root).subset([1, 0, 2, 3]).fingerprint() != before
    path = root / "train/owl/a.PNG"
    state = path.stat()
    time.sleep(0.05)  # more than a tick of any file system's clock
    path.write_bytes(bytes(state.st_size))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    after = ImageFolder(root).fingerprint()
    assert after != before
    (root / "train/owl").rename(root / "train/rook")
    assert ImageFolder(root).fingerprint() != after


def test_a_row_may_not_name_a_hidden_or_other_file(root: Path, describe: Callable[..., None]) -> None:
    (root / "train/owl/notes.md").touch()
    describe({"file_name": "owl/notes.md"})
    with pytest.raises(DataError, match=r"line 1: there is no picture owl/notes\.md"):
        ImageFolder(root)


def test_other_keys_are_named_in_the_log(
    root: Path, describe: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    describe({**GOOD, "text": "an owl", "source": "web"})
    with caplog.at_level(logging.WARNING, logger="whynet"):
        ImageFolder(root)
    assert caplog.records[0].getMessage().endswith("passing over the keys 'source', 'text'")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({**GOOD, "landmarks": {"beak": [21, 5]}}, r"owl/b\.jpg: landmark 0 lies at \(21, 5\), outside the picture"),
        ({**GOOD, "box": [20, 0, 30, 5]}, r"owl/b\.jpg: the box \(20, 0, 30, 5\) lies outside the picture"),
    ],
)
def test_outside_the_picture(root: Path, describe: Callable[..., None], row: object, problem: str) -> None:
    describe(row)
    data = ImageFolder(root)
    assert data[0].name == "jay/1.webp"
    with pytest.raises(DataError, match=problem):
        data[3]
