import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from whynet.attribution import saliency
from whynet.attribution.overlay import sensible_scale
from whynet.base.errors import DataError, SettingError, StorageError, SubjectError
from whynet.base.image import read_image
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.workflows import attribute as workflow
from whynet.workflows.attribute import attribute
from whynet.workflows.question import Question

SALIENCY = Question(method="saliency")


@pytest.fixture
def subject(saved_convnet):
    return load_subject(saved_convnet)


@pytest.fixture
def pictures(tmp_path):
    """Five pictures of different shapes, two of them of one name."""
    draw = np.random.default_rng(0)
    paths = []
    for number, shape in enumerate(((30, 40), (24, 24), (60, 20), (25, 25), (9, 90))):
        folder = tmp_path / f"in{number % 2}"
        folder.mkdir(exist_ok=True)
        paths.append(folder / f"bird{number // 2}.png")
        Image.fromarray(draw.integers(0, 256, (*shape, 3), np.uint8)).save(paths[-1])
    return paths


def test_writes_a_picture_a_map_and_a_record_for_each(subject, pictures, tmp_path):
    out = tmp_path / "new" / "out"
    found = attribute(subject, pictures, SALIENCY, out=out)
    maps = load_file(out / "saliency.safetensors")
    assert json.loads((out / "saliency.json").read_text()) == found
    assert found["failed"] == []
    assert [entry["image"] for entry in found["images"]] == [str(path) for path in pictures]
    assert sorted(maps) == sorted(path.name for path in out.glob("*.png"))
    assert len(maps) == 5  # of two pictures with one name neither is lost
    for path, entry in zip(pictures, found["images"], strict=True):
        images = subject.preprocess([read_image(path)])
        logits = subject.logits(images)
        expected = saliency(subject, images, logits.argmax(1))[0]
        torch.testing.assert_close(maps[entry["picture"]], expected, atol=1e-6, rtol=1e-4)
        assert entry["sum"] == pytest.approx(float(expected.sum()), rel=1e-4)
        assert entry["max"] == pytest.approx(float(expected.max()), rel=1e-4)
        assert entry["class"] == entry["target"] == subject.class_names[int(logits.argmax())]
        assert entry["probability"] == pytest.approx(float(logits.softmax(1).max()), rel=1e-4)
        assert entry["drawn"]
        assert entry["scale"] == found["scale"]
    assert found["scale"] == sensible_scale(maps.values())


def test_scales_are_shared_or_each_its_own_or_given(subject, pictures, tmp_path):
    each = attribute(subject, pictures, SALIENCY, out=tmp_path / "each", scale="each")
    assert each["scale"] is None
    maps = load_file(tmp_path / "each" / "saliency.safetensors")
    assert [entry["scale"] for entry in each["images"]] == [
        sensible_scale([maps[entry["picture"]]]) for entry in each["images"]
    ]
    given = attribute(subject, pictures, SALIENCY, out=tmp_path / "given", scale=0.5)
    assert {entry["scale"] for entry in given["images"]} == {0.5}
    name = given["images"][0]["picture"]
    assert (tmp_path / "each" / name).read_bytes() != (tmp_path / "given" / name).read_bytes()
    for scale in ("all", 0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="a scale is 'shared', 'each' or a number above 0"):
            attribute(subject, pictures, SALIENCY, out=tmp_path / "none", scale=scale)
    assert not (tmp_path / "none").exists()


def test_a_bad_picture_does_not_lose_the_others(subject, pictures, tmp_path):
    pictures[1].write_bytes(b"no picture")
    found = attribute(subject, [*pictures, tmp_path / "absent.png"], SALIENCY, out=tmp_path / "out")
    assert len(found["images"]) == len(list((tmp_path / "out").glob("*.png"))) == 4
    assert [entry["image"] for entry in found["failed"]] == [str(pictures[1]), str(tmp_path / "absent.png")]
    with pytest.raises(DataError, match=r"no picture could be explained; .*absent.png: expected a picture file"):
        attribute(subject, [tmp_path / "absent.png"], SALIENCY, out=tmp_path / "none")


def test_a_picture_that_breaks_the_network_does_not_lose_the_others(subject, pictures, tmp_path):
    def fragile(batch):
        images = subject.preprocess(batch)
        images[[picture.shape[0] == 60 for picture in batch]] = float("nan")
        return images

    broken = Subject(subject.network, class_names=subject.class_names, preprocess=fragile)
    found = attribute(broken, pictures, SALIENCY, out=tmp_path / "out")
    assert [entry["image"] for entry in found["failed"]] == [str(pictures[2])]
    assert "NaN" in found["failed"][0]["reason"]
    assert len(found["images"]) == 4


def test_a_question_that_cannot_be_answered_is_told_at_once(subject, pictures, tmp_path):
    for question, error, message in (
        (Question(method="saliency", target="green tile"), SettingError, "no class 'green tile'; near names are"),
        (Question(method="saliency", layer="block"), SubjectError, "no layer 'block'; near names are"),
        (Question(method="saliency", source="blocks.1.2", unit="99"), SettingError, "unit 99 was expected to be a"),
    ):
        with pytest.raises(error, match=message):
            attribute(subject, pictures, question, out=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_breaking_it_off_keeps_what_was_done(subject, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(workflow, "BATCH_SIZE", 2)
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return answer(*arguments)

    answer = workflow.answer
    monkeypatch.setattr(workflow, "answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        attribute(subject, pictures, SALIENCY, out=tmp_path / "out")
    assert len(load_file(tmp_path / "out" / "saliency.safetensors")) == 4
    record = json.loads((tmp_path / "out" / "saliency.json").read_text())
    assert [entry["drawn"] for entry in record["images"]] == [False] * 4
    assert not list((tmp_path / "out").glob(".*"))


def test_another_method_leaves_the_files_of_the_first(subject, pictures, tmp_path):
    attribute(subject, pictures[:1], SALIENCY, out=tmp_path / "out")
    first = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    attribute(subject, pictures[:1], Question(method="grad_cam"), out=tmp_path / "out")
    assert all(path.read_bytes() == data for path, data in first.items())
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_an_unknown_preprocessing_is_shown_as_the_network_saw_it(subject, tmp_path):
    """The preprocessing turns the picture upside down; the map must lie on what it saw."""
    picture = np.zeros((24, 24, 3), np.uint8)
    picture[:4] = 255
    Image.fromarray(picture).save(tmp_path / "top.png")

    def turned(batch):
        return subject.preprocess([part[::-1].copy() for part in batch])

    own = Subject(subject.network, class_names=subject.class_names, preprocess=turned)
    attribute(own, [tmp_path / "top.png"], SALIENCY, out=tmp_path / "out", scale=1e6)
    drawn = np.asarray(Image.open(tmp_path / "out" / "top.saliency.png").convert("L")).astype(int)
    assert drawn[8 + 430, 200] > drawn[8 + 20, 200] + 100  # the white stripe is at the bottom


def test_a_folder_that_cannot_be_made_is_told(subject, pictures, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot make the folder .*; choose another --out"):
        attribute(subject, pictures, SALIENCY, out=tmp_path / "file")
