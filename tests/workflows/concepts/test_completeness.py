"""What is left of a picture and what a toy classifier makes of it, against loops over pixels and OpenCV itself."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from whynet.base.errors import SettingError
from whynet.data.example import Example, ExampleDataset
from whynet.models.subject import Subject
from whynet.workflows.concepts.completeness import GAMMAS, MaskedPictures, completeness_figures

ROWS = [0, 1, 3, 4, 5, 7, 8, 9, 11]


class Noise(ExampleDataset):
    """Pictures that are hard for `HalvesNetwork`: noise, a little lighter on the left."""

    class_names = ("dark", "light")

    def __init__(self):
        random = np.random.default_rng(0)
        self.images = random.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)
        self.images[:, :, :4] = random.integers(50, 256, (12, 8, 4, 3)).astype(np.uint8)
        self.labels, self.captions = [0, 1] * 6, [()] * 12
        self.names = [f"noise/{number}" for number in range(12)]

    def __getitem__(self, index):
        return Example(name=self.names[index], image=self.images[index].copy(), label=self.labels[index])


@pytest.fixture
def noise():
    return Noise()


@pytest.fixture
def masked(noise, halves_layer):
    return MaskedPictures(halves_layer, halves_layer.read(noise), ROWS)


@pytest.fixture
def maps():
    """Three small maps of each picture, one of them of nothing, one picture without any."""
    torch.manual_seed(0)
    found = torch.rand(len(ROWS), 3, 4, 4).pow(12)
    found[1, 2] = 0
    found[3] = 0
    return found


def toy_class(picture):
    """The class that `HalvesNetwork` names, by hand."""
    grey = picture.astype(float).mean(2) / 255
    left, right = grey[:, :4].mean(), grey[:, 4:].mean()
    return int(-1 + 4 * left - right > 2 - 3 * left + right)


def enlarged(maps):
    return F.interpolate(maps, (8, 8), mode="bilinear", align_corners=False).tolist()


def kept_by_hand(maps, gamma):
    found = np.zeros((8, 8), bool)
    for own in maps:
        highest = max(map(max, own))
        for row in range(8):
            for column in range(8):
                found[row, column] |= highest > 0 and own[row][column] >= gamma * highest
    return found


def as_many_by_hand(rival, count):
    found = np.zeros((8, 8), bool)
    places = [(row, column) for row in range(8) for column in range(8)]
    for row, column in sorted(places, key=lambda place: -rival[place[0]][place[1]])[:count]:
        found[row, column] = True
    return found


def is_right_by_hand(example, kept):
    left = np.where(kept[..., None], example.image, 0).astype(np.uint8)
    if kept.any() and not kept.all():
        left = cv2.inpaint(left, (~kept).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return toy_class(left) == example.label


def test_kept_area_and_accuracy_are_those_of_loops_over_pictures(noise, masked, maps):
    rival = torch.rand(len(ROWS), 4, 4).pow(3)
    found = completeness_figures(masked, maps, rival)
    large, other = enlarged(maps), enlarged(rival[:, None])
    examples = [noise[row] for row in ROWS]
    assert found["unmasked"] == pytest.approx(np.mean([toy_class(own.image) == own.label for own in examples]))
    told = set()
    for ending, gamma in GAMMAS.items():
        kept = [kept_by_hand(own, gamma) for own in large]
        same = [as_many_by_hand(own[0], int(mask.sum())) for own, mask in zip(other, kept, strict=True)]
        assert found[f"kept_area_{ending}"] == pytest.approx(np.mean([mask.mean() for mask in kept]))
        for key, masks in ((f"completeness_{ending}", kept), (f"rival_at_area_{ending}", same)):
            right = [is_right_by_hand(own, mask) for own, mask in zip(examples, masks, strict=True)]
            assert found[key] == pytest.approx(np.mean(right)), key
            told.add(found[key])
    assert len(told) > 2, "the figures differ, or nothing was tested"


def test_gammas_are_the_papers():
    assert GAMMAS == {"01": 0.01, "05": 0.05, "10": 0.1, "30": 0.3}


def test_a_rival_keeps_just_as_many_pixels_of_each_picture(masked, maps, monkeypatch):
    seen = []

    def classified(kept):
        seen.append(kept.flatten(1).sum(1).tolist())
        return 0.0, 0.0

    monkeypatch.setattr(masked, "classified", classified)
    completeness_figures(masked, maps, torch.rand(len(ROWS), 4, 4))
    assert len(seen) == 2 * len(GAMMAS)
    for mine, rival in zip(seen[::2], seen[1::2], strict=True):
        assert mine == rival
    assert seen[0][3] == 0, "a picture without a map keeps nothing"
    assert seen[0] != seen[-1]


def test_without_a_rival_there_are_no_figures_of_one(masked, maps):
    kinds = {key.rpartition("_")[0] for key in completeness_figures(masked, maps)}
    assert kinds == {"", "completeness", "kept_area"}


def test_all_kept_is_the_picture_and_nothing_kept_is_black(masked):
    whole = torch.ones(len(ROWS), 8, 8, dtype=torch.bool)
    assert masked.classified(whole) == (pytest.approx(masked.accuracy), 1.0)
    black = [label == toy_class(np.zeros((8, 8, 3))) for label in masked.labels.tolist()]
    assert masked.classified(~whole) == (pytest.approx(np.mean(black)), 0.0)


def test_a_preprocessing_of_ones_own_cannot_be_painted_into(noise, halves_layer):
    old = halves_layer.subject
    own = Subject(old.network, class_names=old.class_names, preprocess=lambda pictures: old.preprocess(pictures))
    with pytest.raises(SettingError, match="which a preprocessing of one's own does not tell"):
        MaskedPictures(replace(halves_layer, subject=own), halves_layer.read(noise), ROWS)
