"""One class against the others: how many of which, and that a picture keeps what is known of it."""

from collections import Counter

import numpy as np
import pytest

from whynet.base.errors import SettingError
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.one_against_others import OneAgainstOthers


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    return PaintedBirds("train", num_species=4, per_class=6, image_size=16, cache=tmp_path_factory.mktemp("birds"))


@pytest.mark.parametrize("own", [0, 2])
def test_all_of_the_class_and_as_many_of_the_others_from_each_alike(birds, own):
    name = birds.class_names[own]
    found = OneAgainstOthers(birds, name, seed=0)
    assert found.class_names == (name, "others")
    assert Counter(found.labels) == {0: 6, 1: 6}
    assert [birds.labels[row] for row in found.indices if birds.labels[row] == own] == [own] * 6
    others = Counter(birds.labels[row] for row in found.indices if birds.labels[row] != own)
    assert set(others.values()) == {2}
    assert len(set(found.names)) == len(found) == 12


def test_a_picture_is_the_one_it_was_with_another_label(birds):
    found = OneAgainstOthers(birds, birds.class_names[1], seed=3)
    for place, row in enumerate(found.indices):
        one, before = found[place], birds[row]
        assert np.array_equal(one.image, before.image)
        assert np.array_equal(one.landmarks, before.landmarks)
        assert one.label == found.labels[place] == int(before.label != 1)
        assert one.captions == found.captions[place] == ()
    assert found.part_names == birds.part_names


def test_what_parts_count_with_is_kept(birds, monkeypatch):
    monkeypatch.setattr(birds, "counted_with", {"beak": "crown"}, raising=False)
    own = birds.subset(range(len(birds)))
    assert OneAgainstOthers(own, birds.class_names[1], seed=3).counted_with == {"beak": "crown"}


def test_the_same_seed_draws_the_same_others_and_another_draws_others(birds):
    name = birds.class_names[0]
    same = OneAgainstOthers(birds, name, seed=0), OneAgainstOthers(birds, name, seed=0)
    assert same[0].indices == same[1].indices
    assert same[0].fingerprint() == same[1].fingerprint()
    other = OneAgainstOthers(birds, name, seed=1)
    assert other.indices != same[0].indices
    assert other.fingerprint() != same[0].fingerprint()


def test_where_others_are_few_all_are_taken(birds):
    few = birds.subset([row for row, label in enumerate(birds.labels) if label == 0 or (label == 3 and row < 8)])
    found = OneAgainstOthers(few, birds.class_names[0], seed=0)
    assert Counter(found.labels) == {0: 6, 1: sum(label == 3 for label in few.labels)}


def test_an_unknown_class_is_told_with_those_there_are(birds):
    with pytest.raises(SettingError, match=f"one of the classes {birds.class_names[0]}, .* not 'owl'; name one"):
        OneAgainstOthers(birds, "owl", seed=0)
