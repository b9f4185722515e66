import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whynet.base.errors import DataError, ImageError, SettingError
from whynet.data.animal_parts import AnimalParts
from whynet.data.bad_examples import find_bad_examples

HEADER = (
    "wnid,category,file,width,height,split,head_x0,head_y0,head_x1,head_y1,legs_x0,legs_y0,legs_x1,legs_y1,"
    "head_n,legs_n,source,orig_w,orig_h"
)
ROWS = [
    "n2,red panda,images/n2/1.jpg,20,10,train,2,3.5,12,8,,,,,1,0,1,40,20",
    "n2,red panda,images/n2/2.jpg,20,10,train,-1,4,22.5,9,1,5,6,10,1,1,1,40,20",
    "n1,cat,images/n1/1.jpg,16,24,train,1,1,9,9,0,20,16,24,2,1,1,16,24",
    "n1,cat,images/n1/2.jpg,8,8,test,,,,,,,,,0,0,2,8,8",
]
Write = Callable[..., None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for row in ROWS:
        cells = row.split(",")
        (tmp_path / cells[2]).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (int(cells[3]), int(cells[4])), "orange").save(tmp_path / cells[2])
    (tmp_path / "annotations.csv").write_text("\n".join([HEADER, *ROWS, ""]), encoding="utf-8")
    return tmp_path


@pytest.fixture
def write(root: Path) -> Write:
    """Write other lines into annotations.csv."""
    return lambda *lines: (root / "annotations.csv").write_text("\n".join(lines), encoding="utf-8") and None


def changed(row: str, **cells: str) -> str:
    """A row with other cells, by their columns."""
    return ",".join((dict(zip(HEADER.split(","), row.split(","), strict=True)) | cells).values())


def test_train(root: Path) -> None:
    data = AnimalParts(root, "train")
    assert data.class_names == ("cat", "red panda")  # in the order of their ids
    assert data.part_names == ("head", "legs")
    assert data.names == ["images/n2/1.jpg", "images/n2/2.jpg", "images/n1/1.jpg"]
    assert data.labels == [1, 1, 0]
    assert data.sources == ["n2/1", "n2/1", "n1/1"]
    assert data.captions == [()] * 3
    first, second, third = (data[index] for index in range(3))
    assert (first.name, first.label, first.image.shape) == (data.names[0], 1, (10, 20, 3))
    assert first.box == (0, 0, 20, 10)
    assert first.landmarks is first.part_map is first.attributes is None
    nothing = [np.nan] * 4
    np.testing.assert_array_equal(first.part_boxes, [[2, 3.5, 12, 8], nothing])
    np.testing.assert_array_equal(second.part_boxes, [[0, 4, 20, 9], [1, 5, 6, 10]])  # clipped on two sides
    np.testing.assert_array_equal(third.part_boxes, [nothing, [0, 20, 16, 24]])  # of two heads none is taken


def test_test(root: Path) -> None:
    data = AnimalParts(root, "test")
    assert data.class_names == ("cat", "red panda")
    assert data.names == ["images/n1/2.jpg"]
    assert np.isnan(data[0].part_boxes).all()


def test_columns_are_found_by_their_names(root: Path, write: Write) -> None:
    before = AnimalParts(root)
    write(*(",".join(reversed(line.split(","))) for line in (HEADER, *ROWS)))
    after = AnimalParts(root)
    assert (after.names, after.labels, after.sources) == (before.names, before.labels, before.sources)
    np.testing.assert_array_equal(after[1].part_boxes, before[1].part_boxes)


def test_quotes_are_those_of_csv(root: Path, write: Write) -> None:
    write(HEADER, "", *(row.replace("red panda", '"panda, ""red"""') for row in ROWS))
    assert AnimalParts(root).class_names == ("cat", 'panda, "red"')


def test_a_subset_keeps_its_sources(root: Path) -> None:
    assert AnimalParts(root).subset([2, 0]).sources == ["n1/1", "n2/1"]


def test_an_unknown_split(root: Path) -> None:
    with pytest.raises(SettingError, match='the splits "train" and "test", not \'validation\''):
        AnimalParts(root, "validation")


def test_an_empty_split(root: Path, write: Write) -> None:
    write(HEADER, *ROWS[:3])
    with pytest.raises(DataError, match=r"annotations\.csv puts no crop in the split 'test'; use the other split"):
        AnimalParts(root, "test")


def test_no_annotations(root: Path) -> None:
    (root / "annotations.csv").unlink()
    with pytest.raises(DataError, match=r"expected the Animal-Part file .*annotations\.csv, but there is none"):
        AnimalParts(root)


def test_missing_columns(root: Path, write: Write) -> None:
    write(HEADER.replace("head_n", "n").replace("source", "picture"), *ROWS)
    with pytest.raises(DataError, match=r"the first line lacks the columns source, head_n; restore the file"):
        AnimalParts(root)


@pytest.mark.parametrize("lines", [[""], [HEADER], [HEADER, "", ""]])
def test_no_rows(root: Path, write: Write, lines: list[str]) -> None:
    write(*lines)
    with pytest.raises(DataError, match="lacks the columns wnid, |expected one row a crop, but there is none"):
        AnimalParts(root)


@pytest.mark.parametrize(("cells", "count"), [("n1,cat", 2), (ROWS[0] + ",1", 20)])
def test_a_row_of_another_length(root: Path, write: Write, cells: str, count: int) -> None:
    write(HEADER, *ROWS, cells)
    with pytest.raises(DataError, match=rf"line 6: expected 19 cells, but there are {count}; correct the line"):
        AnimalParts(root)


@pytest.mark.parametrize("cell", ['"cat', '"cat"x'])
def test_a_quote_that_is_wrong(root: Path, write: Write, cell: str) -> None:
    write(HEADER, *ROWS[:3], changed(ROWS[3], category=cell))
    with pytest.raises(DataError, match=r"line 5: not comma-separated cells \(.*\); correct it"):
        AnimalParts(root)


@pytest.mark.parametrize("column", ["wnid", "category", "file", "source"])
def test_an_empty_cell(root: Path, write: Write, column: str) -> None:
    write(HEADER, changed(ROWS[0], **{column: ""}), *ROWS[1:])
    with pytest.raises(DataError, match=f"line 2: expected a text as {column}, but the cell is empty; fill it in"):
        AnimalParts(root)


@pytest.mark.parametrize("column", ["width", "height", "head_n", "legs_n"])
@pytest.mark.parametrize("text", ["", "-1", "1.5", "two", "٣", "1" * 5000])
def test_what_is_no_whole_number(root: Path, write: Write, column: str, text: str) -> None:
    write(HEADER, *ROWS[:3], changed(ROWS[3], **{column: text}))  # of the other split: still told
    with pytest.raises(DataError, match=f"line 5: expected a whole number from [01] as {column}, but it is '{text}'"):
        AnimalParts(root)


def test_a_side_of_nothing(root: Path, write: Write) -> None:
    write(HEADER, changed(ROWS[0], width="0"))
    with pytest.raises(DataError, match="line 2: expected a whole number from 1 as width, but it is '0'; correct it"):
        AnimalParts(root)


def test_another_split_in_the_file(root: Path, write: Write) -> None:
    write(HEADER, *ROWS[:3], changed(ROWS[3], split="val"))
    with pytest.raises(DataError, match="line 5: expected the split train or test, but it is 'val'; correct it"):
        AnimalParts(root)


@pytest.mark.parametrize(
    "cells",
    [
        {"head_x0": ""},
        {"head_x0": "two"},
        {"head_x1": "2"},
        {"head_y1": "3"},
        {"head_x0": "nan"},
        {"head_x1": "inf"},
        {"head_y0": "-inf"},
        {"head_n": "0"},
        {"legs_n": "1"},
        {"legs_n": "2"},
        {"legs_x0": "1"},
    ],
)
def test_edges_that_are_no_box(root: Path, write: Write, cells: dict[str, str]) -> None:
    write(HEADER, changed(ROWS[0], **cells), *ROWS[1:])
    part = next(iter(cells))[:4]
    remedy = "four empty cells" if cells in ({"head_n": "0"}, {"legs_x0": "1"}) else "x0 < x1 and y0 < y1"
    with pytest.raises(DataError, match=rf"line 2: with {part}_n = \d the {part} should have {remedy}, but its cells"):
        AnimalParts(root)


def test_a_picture_twice(root: Path, write: Write) -> None:
    write(HEADER, *ROWS, changed(ROWS[0], split="test"))
    with pytest.raises(DataError, match=r"line 6: images/n2/1\.jpg has a row already; remove one of the two"):
        AnimalParts(root)


def test_a_class_of_two_names(root: Path, write: Write) -> None:
    write(HEADER, *ROWS[:3], changed(ROWS[3], category="tomcat"))
    with pytest.raises(DataError, match="line 5: n1 is called 'cat' before and 'tomcat' here; give it one name"):
        AnimalParts(root)


def test_two_classes_of_one_name(root: Path, write: Write) -> None:
    write(HEADER, *(row.replace("red panda", "cat") for row in ROWS))
    with pytest.raises(DataError, match=r"n2 and n1 are both called 'cat' in annotations\.csv; rename one"):
        AnimalParts(root)


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", "images/../../x.jpg", "images\\x.jpg"])
def test_paths_that_leave(root: Path, write: Write, name: str) -> None:
    write(HEADER, changed(ROWS[0], file=name))
    with pytest.raises(DataError, match=r"annotations\.csv, line 2: expected a file name within"):
        AnimalParts(root)


def test_a_link_that_leaves(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = root / "images/n2/1.jpg"
    path.symlink_to(path.rename(tmp_path_factory.mktemp("outside") / "1.jpg"))
    with pytest.raises(DataError, match=r"line 2: .*is a link that leaves"):
        AnimalParts(root)


def test_a_missing_picture(root: Path) -> None:
    data = AnimalParts(root)
    (root / "images/n2/2.jpg").unlink()
    with pytest.raises(ImageError, match=r"n2/2\.jpg: expected a picture file, but there is none"):
        data[1]
    with pytest.raises(DataError, match=r"line 3: there is no picture images/n2/2\.jpg; restore it or remove the row"):
        AnimalParts(root)
    assert len(AnimalParts(root, "test")) == 1  # whose pictures are all there


def test_a_picture_of_another_size(root: Path) -> None:
    data = AnimalParts(root)
    Image.new("RGB", (10, 20)).save(root / "images/n2/1.jpg")
    with pytest.raises(DataError, match=r"n2/1\.jpg: expected the 20 x 10 pixels .* but the picture has 10 x 20;"):
        data[0]
    assert list(find_bad_examples(data)) == [0]


def test_a_box_outside_its_picture(root: Path, write: Write) -> None:
    write(HEADER, changed(ROWS[0], head_x0="20", head_x1="25"), *ROWS[1:])
    with pytest.raises(DataError, match=r"n2/1\.jpg, head: the box \(20, 3\.5, 25, 8\) lies outside the picture of 20"):
        AnimalParts(root)[0]


def test_fingerprint(root: Path, write: Write) -> None:
    before = AnimalParts(root).fingerprint()
    assert AnimalParts(root).fingerprint() == before
    assert AnimalParts(root, "test").fingerprint() != before
    write(HEADER, changed(ROWS[0], head_x0="1"), *ROWS[1:])
    assert AnimalParts(root).fingerprint() == before  # pictures are the same, whatever is annotated
    Image.new("RGB", (20, 10), "orange").save(root / "images/n2/1.jpg", quality=50)
    assert AnimalParts(root).fingerprint() != before


def test_the_real_crops(animal_parts_root: Path) -> None:
    """The counts of the README beside the crops; a part with one box has a box here, one with several has none."""
    train, test = AnimalParts(animal_parts_root, "train"), AnimalParts(animal_parts_root, "test")
    assert (len(train), len(test)) == (7624, 3225)
    assert len(train.class_names) == 24
    assert (train.class_names[0], train.class_names[-1]) == ("goldfish", "red panda")
    assert np.bincount(train.labels)[[0, 1, -1]].tolist() == [593, 166, 439]
    assert np.bincount(test.labels)[[0, 1, -1]].tolist() == [251, 70, 186]
    assert not set(train.sources) & set(test.sources)
    with (animal_parts_root / "annotations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for split, heads, legs in (("train", 3121, 2002), ("test", 1317, 843)):
        own = [row for row in rows if row["split"] == split]
        assert sum(row["head_n"] != "0" for row in own) == heads
        assert sum(row["legs_n"] != "0" for row in own) == legs


@pytest.mark.slow
def test_every_real_crop_opens(animal_parts_root: Path) -> None:
    """Of 4438 crops with a head 70 have several, of 2845 with legs 32; no box leaves its crop."""
    with (animal_parts_root / "annotations.csv").open(newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    counts = np.zeros(2, int)
    for split in ("train", "test"):
        data = AnimalParts(animal_parts_root, split)
        for example in (data[index] for index in range(len(data))):
            row, given = rows[example.name], ~np.isnan(example.part_boxes).any(1)
            assert given.tolist() == [row["head_n"] == "1", row["legs_n"] == "1"]
            height, width = example.image.shape[:2]
            known = example.part_boxes[given]
            assert (known[:, :2] >= 0).all()
            assert (known[:, 2:] <= [width, height]).all()
            if given[0]:
                assert known[0].tolist() == [float(row[f"head_{edge}"]) for edge in ("x0", "y0", "x1", "y1")]
            counts += given
    assert counts.tolist() == [4438 - 70, 2845 - 32]
