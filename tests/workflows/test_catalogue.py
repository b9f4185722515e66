from pathlib import Path

import pytest
from PIL import Image

from whynet.base.errors import DataError
from whynet.workflows.catalogue import open_data
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


def test_a_single_species_of_cub_is_refused(tmp_path):
    cub(tmp_path, ["001.Jay"], [1, 1, 1], [1, 1, 0])
    with pytest.raises(DataError, match="a classifier needs two classes, but the only one is Jay; add another"):
        open_data(DataSettings(name="cub", root=str(tmp_path)))
