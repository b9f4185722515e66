"""Animals and their parts out of annotation files written for the purpose."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from whynet.base.errors import DataError
from whynet.data.voc_annotation import CLASSES, PARTS, read_animals

ROWS, COLUMNS = 90, 120
# The names of the data set's own tool (part2ind.m) for each class, and the part that each belongs to here.
SIDES = [f"{side}{end}" for side in "lr" for end in ("f", "b")]
PAWS = {f"{leg}{piece}": leg[1] for leg in SIDES for piece in ("leg", "pa")}
HOOVES = {f"{leg}{piece}": leg[1] for leg in SIDES for piece in ("uleg", "lleg")}
FACE = dict.fromkeys(("head", "leye", "reye", "lear", "rear"), "head")
BODY = {"torso": "torso", "neck": "neck", "tail": "tail"}
HORNS = {"muzzle": "head", "lhorn": "head", "rhorn": "head"}
KNOWN = {
    "bird": {"head": "head", "leye": "head", "reye": "head", "beak": "head", "lwing": "torso", "rwing": "torso"}
    | dict.fromkeys(("lleg", "rleg", "lfoot", "rfoot"), "legs") | BODY,
    "cat": FACE | BODY | PAWS | {"nose": "head"},
    "cow": FACE | BODY | HOOVES | HORNS,
    "dog": FACE | BODY | PAWS | {"nose": "head", "muzzle": "head"},
    "horse": FACE | BODY | HOOVES | {"muzzle": "head"} | {f"{leg}ho": leg[1] for leg in SIDES},
    "sheep": FACE | BODY | HOOVES | HORNS,
}  # fmt: skip


def mask(left: int, top: int, right: int, bottom: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    made = np.zeros((rows, columns), bool)
    made[top:bottom, left:right] = True
    return made


def read(path: Path, image: str = "a") -> tuple[list, Counter]:
    left_out: Counter[str] = Counter()
    return read_animals(path, image, left_out), left_out


@pytest.mark.parametrize("name", CLASSES)
def test_every_part_of_the_data_set_belongs_to_a_part(tmp_path, write_annotation, name):
    for fine, part in KNOWN[name].items():
        path = write_annotation(tmp_path, "a", [(name, mask(0, 0, 60, 60), [(fine, mask(3, 4, 9, 11))])])
        ((animal,), _) = read(path)
        part = {"f": "front legs", "b": "back legs"}.get(part, part)
        assert np.unique(animal.part_map).tolist() == [0, 1 + PARTS.index(part)], fine


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kind", [bool, np.uint8, np.float64])
def test_boxes_parts_and_order(tmp_path, write_annotation, compress, kind):
    horse = mask(10, 20, 110, 80)
    horse[20:40, 10:60] = False  # not a rectangle: its box is
    objects = [
        ("horse", horse.astype(kind), [
            ("torso", mask(20, 40, 90, 70).astype(kind)),
            ("lear", mask(80, 30, 95, 50).astype(kind)),  # later than the torso: over it
            ("lfho", mask(30, 65, 35, 80).astype(kind)),
        ]),
        ("person", mask(60, 0, 70, 60).astype(kind), [("llarm", mask(60, 0, 62, 2).astype(kind))]),
        ("dog", mask(0, 0, 50, 90).astype(kind), []),
    ]  # fmt: skip
    animals, left_out = read(write_annotation(tmp_path, "a", objects, compress=compress))
    assert not left_out
    assert [(animal.name, animal.number, animal.rows, animal.columns) for animal in animals] == [
        ("horse", 1, 90, 120),
        ("dog", 3, 90, 120),
    ]
    assert [animal.box for animal in animals] == [(10, 20, 110, 80), (0, 0, 50, 90)]
    assert animals[1].part_map is None  # nothing was annotated
    found = animals[0].part_map
    assert found.shape == (60, 100)
    for y in range(20, 80):
        for x in range(10, 110):
            part = None
            if 20 <= x < 90 and 40 <= y < 70:
                part = "torso"
            if 80 <= x < 95 and 30 <= y < 50:
                part = "head"
            if 30 <= x < 35 and 65 <= y < 80:
                part = "front legs"
            if (60 <= x < 70 and y < 60) or x < 50:  # behind the person, behind the dog
                part = None
            assert found[y - 20, x - 10] == (0 if part is None else 1 + PARTS.index(part)), (x, y)


def test_animals_that_cannot_be_cropped_are_counted(tmp_path, write_annotation):
    objects = [
        ("cat", mask(0, 0, 0, 0), [("head", mask(0, 0, 9, 9))]),
        ("cat", mask(0, 0, 49, 50), []),
        ("cat", mask(0, 0, 50, 50), []),
        ("dog", mask(0, 0, 120, 20), []),
        ("dog", mask(0, 5, 120, 26), []),  # flat, and large enough
        ("chair", mask(0, 0, 0, 0), []),
    ]
    animals, left_out = read(write_annotation(tmp_path, "a", objects))
    assert [animal.number for animal in animals] == [3, 5]
    assert left_out == {"whose mask is empty": 1, "whose box has fewer than 2500 pixels": 2}


def test_a_strip_a_few_pixels_high(tmp_path, write_annotation):
    sides = {"rows": 8, "columns": 1000}
    strip = mask(0, 2, 1000, 5, **sides)
    path = write_annotation(tmp_path, "a", [("cow", strip, [("tail", mask(990, 2, 1000, 3, **sides))])])
    ((animal,), _) = read(path)
    assert animal.part_map.shape == (3, 1000)
    assert animal.part_map.sum() == 10 * (1 + PARTS.index("tail"))


def test_boxes_of_masks_as_drawn_are_of_what_can_be_seen_of_them(tmp_path, write_annotation):
    shown = [("torso", mask(10, 20, 50, 60)), ("neck", mask(50, 20, 60, 40)), ("lear", mask(50, 10, 60, 20))]
    objects = [("cow", mask(10, 10, 80, 70), shown), ("person", mask(30, 0, 60, 90), [])]
    ((animal,), _) = read(write_annotation(tmp_path, "a", objects))
    assert animal.drawn == {"torso": (0, 10, 20, 50)}  # the neck is behind the person, and an ear is no part's name


def test_a_part_without_a_pixel_cannot_be_seen(tmp_path, write_annotation):
    path = write_annotation(tmp_path, "a", [("cow", mask(0, 0, 60, 60), [("tail", mask(0, 0, 0, 0))])])
    ((animal,), _) = read(path)
    assert not animal.part_map.any()


def test_no_objects(tmp_path, write_annotation):
    assert read(write_annotation(tmp_path, "a", [])) == ([], {})


def test_an_unknown_part(tmp_path, write_annotation):
    path = write_annotation(tmp_path, "a", [("cat", mask(0, 0, 60, 60), [("wheel_1", mask(0, 0, 9, 9))])])
    with pytest.raises(DataError, match=r"a\.mat, object 1: expected a part of an animal \(head, .*\), .* 'wheel_1'"):
        read(path)
    path = write_annotation(tmp_path, "b", [("bus", mask(0, 0, 60, 60), [("wheel_1", mask(0, 0, 9, 9))])])
    assert read(path, "b")[0] == []  # of other objects nothing is asked


def test_masks_of_several_sizes(tmp_path, write_annotation):
    objects = [("bus", mask(0, 0, 9, 9), []), ("cat", mask(0, 0, 60, 60, 80, 120), [])]
    with pytest.raises(DataError, match=r"a\.mat, object 2: expected a mask of 120 x 90 pixels .* but it has 120 x 80"):
        read(write_annotation(tmp_path, "a", objects))
    objects = [("cat", mask(0, 0, 60, 60), [("tail", mask(0, 0, 9, 9, 120, 90))])]
    with pytest.raises(DataError, match=r"a\.mat, object 1, tail: expected a mask of 120 x 90 .* but it has 90 x 120"):
        read(write_annotation(tmp_path, "a", objects))


@pytest.mark.parametrize("wrong", [np.zeros((0, 0)), np.zeros((4, 5, 2)), "mask", {"mask": 1.0}])
def test_what_is_no_mask(tmp_path, write_annotation, wrong):
    with pytest.raises(DataError, match=r"a\.mat, object 1: expected a mask of rows and columns; restore the file"):
        read(write_annotation(tmp_path, "a", [("cat", wrong, [])]))


@pytest.mark.parametrize("name", ["b", "../a", "", 3.0, {"a": 1.0}])
def test_an_annotation_of_another_picture(tmp_path, write_annotation, name):
    path = write_annotation(tmp_path, "a", [], imname=name)
    with pytest.raises(DataError, match=r"a\.mat(: expected the annotation of a, but|, imname: expected a name)"):
        read(path)


@pytest.mark.parametrize(
    ("anno", "message"),
    [
        (np.zeros((0, 0)), "expected the annotation of a, but it is of another picture"),
        ({"imname": "a"}, "expected structs with the fields imname, objects, but objects is not there"),
        (np.eye(2), "expected structs with the fields imname, objects, but imname is not there"),
        ({"imname": "a", "objects": {"class": "cat"}}, "the fields class, mask, parts, but mask is not there"),
        ({"imname": "a", "objects": {"class": 8.0, "mask": np.eye(9), "parts": np.zeros((0, 0))}}, "expected a name"),
        (
            {"imname": "a", "objects": {"class": "cat", "mask": np.eye(90), "parts": {"part_name": "head"}}},
            "the fields part_name, mask, but mask is not there",
        ),
        (
            {"imname": "a", "objects": {"class": "cat", "mask": np.eye(90), "parts": "head"}},
            "the fields part_name, mask, but part_name is not there",
        ),
    ],
)
def test_structs_that_are_not_as_published(tmp_path, anno, message):
    savemat(tmp_path / "a.mat", {"anno": anno})
    with pytest.raises(DataError, match=rf"a\.mat.*{message}"):
        read(tmp_path / "a.mat")
