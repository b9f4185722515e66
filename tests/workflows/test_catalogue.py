from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from whynet.base.errors import DataError
from whynet.data.animal_parts import AnimalParts
from whynet.data.birds import PaintedBirds
from whynet.data.split import stratified_split
from whynet.workflows.catalogue import DATA, LANDMARKS, open_data
from whynet.workflows.settings import DataSettings


def fill(root: Path, **counts: dict[str, int]) -> None:
    """Pictures of one's own: how many of each class in each split."""
    for split, classes in counts.items():
        for name, count in classes.items():
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(root / split / name / f"{number}.png")


def sizes(root: Path, held_out: float = 0.1, *, skip_bad: bool = False) -> list[int]:
    splits = open_data(DataSettings(name="folder", root=str(root), held_out=held_out), skip_bad=skip_bad)
    parts = (splits.train, splits.validation, splits.test)
    assert all(set(part.labels) == {0, 1} for part in parts)
    return [len(part) for part in parts]


def test_train_alone_needs_three_pictures_a_class(tmp_path):
    fill(tmp_path, train={"jay": 3, "owl": 2})
    with pytest.raises(
        DataError, match="needs 3 training pictures .*hold out for validation and 1 for test, but .* only 2 in owl;"
    ):
        sizes(tmp_path)


@pytest.mark.parametrize("held_out", [0.1, 0.5, 0.9])
def test_three_pictures_are_enough_whatever_share_is_held_out(tmp_path, held_out):
    fill(tmp_path, train={"jay": 3, "owl": 3})
    assert sizes(tmp_path, held_out) == [2, 2, 2]


@pytest.mark.parametrize(("other", "held_out"), [("test", "validation"), ("validation", "test"), ("val", "test")])
def test_with_one_other_part_two_are_needed(tmp_path, other, held_out):
    fill(tmp_path, **{"train": {"jay": 2, "owl": 1}, other: {"jay": 1, "owl": 1}})
    with pytest.raises(DataError, match=f"needs 2 training pictures .* hold out for {held_out}, but .* only 1 in owl;"):
        sizes(tmp_path)
    Image.new("RGB", (8, 8)).save(tmp_path / "train/owl/more.png")
    assert sizes(tmp_path) == [2, 2, 2]


def test_with_all_three_parts_one_is_enough(tmp_path):
    one = {"jay": 1, "owl": 1}
    fill(tmp_path, train=one, validation=one, test=one)
    assert sizes(tmp_path) == [2, 2, 2]


def test_many_small_classes_are_not_all_named(tmp_path):
    fill(tmp_path, train={f"c{number:02}": 1 for number in range(13)})
    with pytest.raises(DataError, match="1 in c00, 1 in c01, .*, 1 in c09 and 3 classes more; add"):
        sizes(tmp_path)


def test_a_single_class_is_refused_by_the_name_of_the_folder(tmp_path):
    fill(tmp_path, train={"jay": 5})
    with pytest.raises(DataError, match=f"{tmp_path}: a classifier needs two classes, but the only one is jay; add"):
        sizes(tmp_path)


def test_what_skipping_leaves_must_be_enough_too(tmp_path):
    fill(tmp_path, train={"jay": 4, "owl": 3})
    (tmp_path / "train/jay/0.png").write_bytes(b"")
    assert sizes(tmp_path, skip_bad=True) == [2, 2, 2]
    (tmp_path / "train/owl/0.png").write_bytes(b"")
    with pytest.raises(DataError, match="needs 3 training pictures that can be used, .* only 2 in owl;"):
        sizes(tmp_path, skip_bad=True)


def cub(root: Path, names: list[str], classes: list[int], training: list[int]) -> None:
    (root / "images").mkdir()
    numbers = range(1, len(classes) + 1)
    for number in numbers:
        Image.new("RGB", (8, 8), "blue").save(root / "images" / f"{number}.png")
    tables = {
        "images": [f"{number}.png" for number in numbers],
        "image_class_labels": classes,
        "train_test_split": training,
        "classes": names,
    }
    for file, values in tables.items():
        lines = [f"{number} {value}\n" for number, value in enumerate(values, start=1)]
        (root / f"{file}.txt").write_text("".join(lines))


def test_a_small_species_of_cub_is_named(tmp_path):
    cub(tmp_path, ["001.Jay", "002.Barn_Owl"], [1, 1, 1, 2, 2], [1, 1, 0, 1, 0])
    with pytest.raises(DataError, match="needs 2 training pictures .* hold out for validation, .* only 1 in Barn Owl;"):
        open_data(DataSettings(name="cub", root=str(tmp_path)))


def test_landmarks_are_parts_that_the_data_have(tmp_path):
    cub(tmp_path, ["001.Jay", "002.Owl"], [1, 1, 1, 2, 2, 2], [1, 1, 0, 1, 1, 0])
    assert open_data(DataSettings(name="cub", root=str(tmp_path))).landmarks == ()  # no parts.txt
    assert set(LANDMARKS["birds"]) <= set(PaintedBirds.part_names)
    assert set(LANDMARKS) == set(DATA) - {"folder"}


def test_your_own_pictures_have_no_landmarks_to_measure_from(tmp_path):
    fill(tmp_path, train={"jay": 3, "owl": 3})
    assert open_data(DataSettings(name="folder", root=str(tmp_path))).landmarks == ()


def test_a_single_species_of_cub_is_refused(tmp_path):
    cub(tmp_path, ["001.Jay"], [1, 1, 1], [1, 1, 0])
    with pytest.raises(DataError, match="a classifier needs two classes, but the only one is Jay; add another"):
        open_data(DataSettings(name="cub", root=str(tmp_path)))


COLUMNS = ["wnid", "category", "file", "width", "height", "split", "head_n", "legs_n", "source"] + [
    f"{part}_{edge}" for part in ("head", "legs") for edge in ("x0", "y0", "x1", "y1")
]


def animals(root: Path, *crops: tuple[str, str, str]) -> DataSettings:
    """Crops of animals: the class, the split and the picture that each was cut from."""
    lines = [",".join(COLUMNS)]
    for number, (name, split, source) in enumerate(crops):
        Image.new("RGB", (8, 8), "orange").save(root / f"{number}.png")
        lines.append(f"{name},{name},{number}.png,8,8,{split},0,0,{source},,,,,,,,")
    (root / "annotations.csv").write_text("\n".join(lines))
    return DataSettings(name="animal_parts", root=str(root), held_out=0.4)


@pytest.mark.parametrize("damaged", [False, True])
def test_crops_of_one_picture_stay_on_one_side(tmp_path, damaged):
    crops = [(name, "train", str(number // 3)) for name in ("cat", "dog") for number in range(30)]
    settings = animals(tmp_path, *crops, ("cat", "test", "90"), ("dog", "test", "90"))
    if damaged:
        (tmp_path / "4.png").write_bytes(b"")
    splits = open_data(settings, skip_bad=damaged)
    assert len(splits.train) + len(splits.validation) == 60 - damaged
    assert len(set(splits.train.sources)) == 12
    assert len(set(splits.validation.sources)) == 8
    assert not set(splits.train.sources) & set(splits.validation.sources)
    assert splits.train[0].part_boxes.shape == (2, 4)
    assert splits.landmarks == ("head", "legs")


def test_an_animal_on_one_picture_alone_is_named(tmp_path):
    crops = [("cat", "train", "0"), ("cat", "train", "1"), ("dog", "train", "7"), ("dog", "train", "7")]
    with pytest.raises(DataError, match="needs 2 training pictures .* hold out for validation, .* only 1 in dog;"):
        open_data(animals(tmp_path, *crops, ("cat", "test", "2")))


def voc(root: Path, train: list[str], test: list[str]) -> DataSettings:
    """VOC Part: of each picture the animals that it shows, 60 x 50 pixels each."""
    for folder in ("Annotations_Part", "JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for file, pictures in (("train", train), ("val", test)):
        names = [f"{file}_{number}" for number in range(len(pictures))]
        (root / "ImageSets/Main" / f"{file}.txt").write_text("\n".join(names))
        for name, animals in zip(names, pictures, strict=True):
            Image.new("RGB", (60, 50), "green").save(root / "JPEGImages" / f"{name}.jpg")
            parts = {"part_name": "head", "mask": np.eye(50, 60)}
            objects = [{"class": animal, "mask": np.ones((50, 60)), "parts": parts} for animal in animals.split()]
            objects = np.array([tuple(thing.values()) for thing in objects], [(key, object) for key in objects[0]])
            savemat(root / "Annotations_Part" / f"{name}.mat", {"anno": {"imname": name, "objects": objects}})
    return DataSettings(name="voc_parts", root=str(root), held_out=0.3)


def test_crops_of_several_animals_in_one_picture_stay_on_one_side(tmp_path):
    pictures = ["bird", "cow", "sheep cow", "cat dog", "dog dog", "horse cat", "horse"] * 4
    splits = open_data(voc(tmp_path, pictures, ["bird cat cow dog horse sheep"]))
    sides = [splits.train, splits.validation]
    assert sum(map(len, sides)) == 44
    assert not set(splits.train.sources) & set(splits.validation.sources)
    assert set(splits.train.sources) | set(splits.validation.sources) == {f"train_{number}" for number in range(28)}
    assert all(set(side.labels) == set(range(6)) for side in sides)
    assert splits.test.sources == ["val_0"] * 6
    assert splits.train[0].part_map.shape == (50, 60)
    assert splits.landmarks == ("head", "neck", "torso")


def test_an_animal_of_voc_on_one_picture_alone_is_named(tmp_path):
    settings = voc(
        tmp_path,
        ["bird cat cow dog", "horse", "bird cat cow dog sheep sheep", "horse"],
        ["bird cat cow dog horse sheep"],
    )
    with pytest.raises(DataError, match="needs 2 training pictures .* only 1 in sheep;"):
        open_data(settings)


def test_the_real_crops_are_split_by_picture(animal_parts_root):
    train = AnimalParts(animal_parts_root, "train")
    kept, held_out = stratified_split(train.labels, 0.15, 0, groups=train.sources)
    assert not {train.sources[index] for index in kept} & {train.sources[index] for index in held_out}
    assert 0.13 < len(held_out) / len(train) < 0.17
