"""VOC Part from folders written for the purpose: six animals a split, no two pictures of one shape."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whynet.base.errors import DataError, ImageError, SettingError
from whynet.data.bad_examples import find_bad_examples
from whynet.data.voc_annotation import PARTS
from whynet.data.voc_parts import VOCParts

NAMES = ("bird", "cat", "cow", "dog", "horse", "sheep")
SIZES = {name: (90 + 3 * number, 70 + 5 * number) for number, name in enumerate(NAMES)}  # width and height


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """Noise, of which every crop is another."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def mask(width: int, height: int, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    made = np.zeros((height, width), bool)
    made[top:bottom, left:right] = True
    return made


@pytest.fixture
def root(tmp_path, write_annotation) -> Path:
    """Of each kind one picture a split; the dog's has a bus and a second dog, the cow's head is below its tail."""
    for number, file in enumerate(("train.txt", "val.txt")):
        images = []
        for label, (name, (width, height)) in enumerate(SIZES.items()):
            image = f"2008_{number}{label}"
            images.append(image)
            whole = mask(width, height, (10, 5, width - 10, height - 5))
            parts = [("tail", (12, 6, 30, 20)), ("head", (20, 10, 40, 30))]
            objects = [(name, whole, [(part, mask(width, height, box)) for part, box in parts])]
            if name == "dog":
                other = mask(width, height, (0, 0, 52, 60))
                objects += [("bus", mask(width, height, (0, 0, 2, 2)), []), ("dog", other, [])]
            write_annotation(tmp_path / "Annotations_Part", image, objects)
            (tmp_path / "JPEGImages").mkdir(exist_ok=True)
            Image.fromarray(picture(width, height, label)).save(tmp_path / "JPEGImages" / f"{image}.jpg", quality=95)
        (tmp_path / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
        (tmp_path / "ImageSets/Main" / file).write_text("\n".join([*images, ""]))
    return tmp_path


def test_train(root):
    data = VOCParts(root)
    assert data.class_names == NAMES
    assert data.part_names == ("head", "neck", "torso", "legs", "front legs", "back legs", "tail")
    assert data.labels == [0, 1, 2, 3, 3, 4, 5]
    assert data.names[2:5] == ["2008_02/1 cow", "2008_03/1 dog", "2008_03/3 dog"]
    assert data.sources == [f"2008_0{label}" for label in data.labels]
    assert data.captions == [()] * 7
    with Image.open(root / "JPEGImages/2008_02.jpg") as whole:
        pixels = np.asarray(whole)
    cow = data[2]
    width, height = SIZES["cow"]
    np.testing.assert_array_equal(cow.image, pixels[5 : height - 5, 10 : width - 10])
    assert (cow.name, cow.label, cow.captions, cow.attributes) == ("2008_02/1 cow", 2, (), None)
    assert cow.box == (0, 0, width - 20, height - 10)
    expected = np.zeros(cow.image.shape[:2], np.uint8)
    expected[1:15, 2:20] = 7
    expected[5:25, 10:30] = 1  # the later part is over the tail
    np.testing.assert_array_equal(cow.part_map, expected)
    nothing = [np.nan] * 4
    np.testing.assert_array_equal(cow.part_boxes, [[10, 5, 30, 25], *[nothing] * 5, [2, 1, 20, 15]])
    np.testing.assert_array_equal(cow.landmarks, [[20, 15, 1], *[[0, 0, 0]] * 5, [11, 8, 1]])


def test_landmarks_are_of_the_masks_that_bear_the_name_of_a_part(root, write_annotation):
    """A wing draws the torso's part aside, not its landmark; where there is but a wing, it has the landmark."""
    width, height = SIZES["bird"]
    whole = mask(width, height, (10, 5, width - 10, height - 5))
    drawn = {"torso": (20, 15, 40, 35), "lwing": (40, 15, 70, 55), "neck": (15, 15, 20, 25), "beak": (10, 15, 14, 19)}
    other = {"lwing": (40, 15, 70, 55)}
    found = []
    for parts in (drawn, other):
        shown = [(part, mask(width, height, box)) for part, box in parts.items()]
        write_annotation(root / "Annotations_Part", "2008_00", [("bird", whole, shown)])
        found.append(VOCParts(root)[0])
    bird, winged = found
    torso = PARTS.index("torso")
    assert bird.part_boxes[torso].tolist() == [10, 10, 60, 50]
    expected = {"torso": [20, 20, 1], "neck": [7.5, 15, 1], "head": [2, 12, 1]}
    for part, own in expected.items():
        assert bird.landmarks[PARTS.index(part)].tolist() == own, part
    assert winged.landmarks[torso].tolist() == [45, 30, 1]
    assert winged.part_boxes[torso].tolist() == [30, 10, 60, 50]
    assert not winged.landmarks[PARTS.index("neck")].any()


def test_the_neck_counts_with_the_torso_where_filters_are_measured(root):
    assert VOCParts(root).subset([0]).counted_with == {"neck": "torso"}
    assert {"neck", "torso"} <= set(PARTS)


def test_an_animal_without_parts(root):
    bare = VOCParts(root)[4]
    assert bare.image.shape == (60, 52, 3)
    assert bare.box == (0, 0, 52, 60)
    assert bare.part_map is bare.part_boxes is bare.landmarks is None


def test_a_later_object_hides_a_part(root):
    dog = VOCParts(root)[3]
    assert dog.part_map.shape == dog.image.shape[:2]
    assert not dog.part_map.any()  # all of it is behind the second dog
    assert np.isnan(dog.part_boxes).all()
    assert not dog.landmarks.any()


def test_the_test_split_is_val(root):
    assert VOCParts(root, "test").sources == [f"2008_1{label}" for label in (0, 1, 2, 3, 3, 4, 5)]


def test_the_archives_unpacked(root):
    expected = VOCParts(root)[0].image
    (root / "VOCdevkit").mkdir()
    (root / "trainval").mkdir()
    (root / "VOCdevkit/VOC2010").mkdir()
    for name in ("JPEGImages", "ImageSets"):
        (root / name).rename(root / "VOCdevkit/VOC2010" / name)
    (root / "Annotations_Part").rename(root / "trainval/Annotations_Part")
    np.testing.assert_array_equal(VOCParts(root)[0].image, expected)


def test_progress_and_what_is_left_out(root, write_annotation, caplog):
    write_annotation(root / "Annotations_Part", "small", [("cat", mask(60, 50, (0, 0, 9, 9)), [])] * 2)
    with (root / "ImageSets/Main/train.txt").open("a") as file:
        file.write("small\n")
    seen = []
    with caplog.at_level(logging.INFO, "whynet"):
        data = VOCParts(root, "train", lambda done, total: seen.append((done, total)))
    assert len(data) == 7  # and no picture of it is missed
    assert seen == [(done, 7) for done in range(1, 8)]
    assert "train: leaving out 2 animals whose box has fewer than 2500 pixels" in caplog.text


def test_an_unknown_split(root):
    with pytest.raises(SettingError, match='the splits "train" and "test", not \'val\'; choose one'):
        VOCParts(root, "val")


@pytest.mark.parametrize("name", ["JPEGImages", "Annotations_Part"])
def test_a_missing_folder(root, name):
    (root / name).rename(root / "elsewhere")
    with pytest.raises(DataError, match=f"expected a folder {name} in .* or in its .*, but there is none; check the"):
        VOCParts(root)


def test_a_missing_list(root):
    (root / "ImageSets/Main/val.txt").unlink()
    with pytest.raises(DataError, match=r"expected the VOC list .*val\.txt, but there is none"):
        VOCParts(root, "test")


@pytest.mark.parametrize(
    "name", ["../2008_00", "/etc/passwd", "a/b", "2008_00.jpg", "2008_00 1", "a\\b", "x" * 101, "é"]
)
def test_a_name_that_is_no_plain_one(root, name):
    (root / "ImageSets/Main/train.txt").write_text(f"2008_00\n{name}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.txt, line 2: expected the name of a picture, but it is "):
        VOCParts(root)


@pytest.mark.parametrize(
    ("text", "message"), [("", "expected one picture a line"), ("2008_00\n\n2008_00\n", "lists 2008_00 twice; remove")]
)
def test_lists_that_cannot_be(root, text, message):
    (root / "ImageSets/Main/train.txt").write_text(text)
    with pytest.raises(DataError, match=rf"train\.txt.*{message}"):
        VOCParts(root)


def test_a_class_without_an_animal(root):
    (root / "ImageSets/Main/train.txt").write_text("2008_00\n2008_03\n2008_04\n2008_05\n")
    with pytest.raises(DataError, match=r"the pictures of train\.txt show no cat and no cow of enough pixels; restore"):
        VOCParts(root)


def test_a_missing_annotation(root):
    (root / "Annotations_Part/2008_01.mat").unlink()
    with pytest.raises(DataError, match=r"expected the MATLAB file .*2008_01\.mat, but there is none"):
        VOCParts(root)
    assert len(VOCParts(root, "test")) == 7


def test_a_damaged_annotation(root):
    path = root / "Annotations_Part/2008_01.mat"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"2008_01\.mat: the MATLAB file is damaged .*; restore it"):
        VOCParts(root)


def test_a_missing_picture(root):
    data = VOCParts(root)
    (root / "JPEGImages/2008_01.jpg").unlink()
    with pytest.raises(ImageError, match=r"2008_01\.jpg: expected a picture file, but there is none"):
        data[1]
    with pytest.raises(
        DataError, match=r"no picture .*2008_01\.jpg, though Annotations_Part has its masks; restore it"
    ):
        VOCParts(root)


def test_a_picture_of_another_size_than_its_masks(root):
    Image.new("RGB", SIZES["cat"][::-1]).save(root / "JPEGImages/2008_01.jpg")
    data = VOCParts(root)
    with pytest.raises(
        DataError, match=r"2008_01\.jpg: expected the 93 x 75 pixels of its masks, .* has 75 x 93; rest"
    ):
        data[1]
    assert list(find_bad_examples(data)) == [1]


def test_fingerprint(root, write_annotation):
    before = VOCParts(root).fingerprint()
    assert before == VOCParts(root).fingerprint()
    assert before != VOCParts(root, "test").fingerprint()
    width, height = SIZES["bird"]
    for box, is_another in (((10, 5, width - 10, height - 5), False), ((10, 5, width - 10, height - 6), True)):
        write_annotation(root / "Annotations_Part", "2008_00", [("bird", mask(width, height, box), [])])
        assert (VOCParts(root).fingerprint() != before) == is_another  # parts are no part of it, crops are
