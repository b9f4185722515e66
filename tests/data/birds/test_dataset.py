import logging
import multiprocessing.reduction
import os

import cv2
import numpy as np
import pytest

from whynet.base.errors import SettingError
from whynet.data.birds import PART_NAMES, Difficulty, PaintedBirds, cache, contact_sheet, parse_claims
from whynet.data.birds.claims import all_claims, species_claims


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    return PaintedBirds("test", per_class=10, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def clear_birds(tmp_path_factory):
    """Nothing in front of the birds: a part that shows only between a pixel's centre and its edge would blur what is
    tested."""
    birds = PaintedBirds(
        "test", per_class=10, cache=tmp_path_factory.mktemp("clear"), difficulty=Difficulty(occluder=0.0)
    )
    birds.prepare()
    return birds


def assert_same(first, second):
    assert first.name == second.name
    assert first.image.tobytes() == second.image.tobytes()
    assert first.part_map.tobytes() == second.part_map.tobytes()
    assert first.landmarks.tobytes() == second.landmarks.tobytes()
    assert (first.label, first.captions, first.attributes, first.box) == (
        second.label, second.captions, second.attributes, second.box,
    )  # fmt: skip


def test_captions_claim_what_is_seen(birds):
    for index in range(len(birds)):
        assert len(birds.captions[index]) == 10
        for sentence, claims in zip(birds.captions[index], birds.caption_claims[index], strict=True):
            assert parse_claims(sentence) == claims
            assert claims <= birds.attributes[index]
            assert "painted" not in sentence
        assert birds.attributes[index] <= birds.class_claims[birds.labels[index]]


def test_names_and_labels_are_known_without_painting(tmp_path):
    birds = PaintedBirds("test", cache=tmp_path)
    assert len(birds) == len(birds.names) == len(set(birds.names)) == 1000
    assert birds.names[7] == "test/0007 painted warbler 3"
    assert [birds.labels.count(label) for label in range(20)] == [50] * 20
    assert birds.part_names == PART_NAMES
    assert not list(tmp_path.iterdir())


def test_one_picture_is_the_same_alone_in_a_split_and_from_the_cache(tmp_path):
    alone = PaintedBirds("validation", num_species=4, per_class=3, cache=tmp_path)
    before = [alone[index] for index in range(len(alone))]
    assert not list(tmp_path.iterdir())
    whole = PaintedBirds("validation", num_species=4, per_class=3, cache=tmp_path)
    whole.prepare()
    cached = PaintedBirds("validation", num_species=4, per_class=3, cache=tmp_path)
    cached.prepare()
    for index, example in enumerate(before):
        assert_same(example, whole[index])
        assert_same(example, cached[index])
    assert cached.caption_claims == whole.caption_claims


def test_a_stored_split_is_not_painted_again(tmp_path, monkeypatch):
    PaintedBirds("test", num_species=2, per_class=2, cache=tmp_path).prepare()
    monkeypatch.setattr("whynet.data.birds.dataset.paint", None)
    assert len(PaintedBirds("test", num_species=2, per_class=2, cache=tmp_path).captions) == 4


@pytest.mark.parametrize("name", ["pictures.safetensors", "texts.json"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_cache_is_painted_again(tmp_path, name, kept):
    arguments = {"num_species": 2, "per_class": 3, "cache": tmp_path}
    reference = PaintedBirds("test", **arguments).prepare()
    [path] = tmp_path.rglob(name)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    again = PaintedBirds("test", **arguments).prepare()
    assert again.captions == reference.captions
    assert again.images.tobytes() == reference.images.tobytes()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"image_size": 48},
        {"num_species": 3},
        {"per_class": 4},
        {"difficulty": Difficulty(noise=(0.0, 0.0))},
    ],
)
def test_other_arguments_never_read_this_cache(tmp_path, other):
    arguments = {"num_species": 2, "per_class": 3, "cache": tmp_path}
    PaintedBirds("test", **arguments).prepare()
    PaintedBirds("test", **(arguments | other)).prepare()
    assert len(list(tmp_path.rglob("texts.json"))) == 2


def test_another_painter_never_reads_this_cache(tmp_path, monkeypatch):
    PaintedBirds("test", num_species=2, per_class=1, cache=tmp_path).prepare()
    monkeypatch.setattr("whynet.data.birds.cache._fingerprint", lambda: "another painter")
    PaintedBirds("test", num_species=2, per_class=1, cache=tmp_path).prepare()
    assert len(list(tmp_path.rglob("texts.json"))) == 2


def test_cache_folder_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path / "here"))
    PaintedBirds("test", num_species=2, per_class=1).prepare()
    assert len(list((tmp_path / "here").rglob("texts.json"))) == 1
    assert sorted(path.name for path in (tmp_path / "here").rglob("*.*")) == ["pictures.safetensors", "texts.json"]


def test_where_nothing_can_be_written_pictures_stay_in_memory_and_the_log_says_so_once(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    birds = PaintedBirds("test", num_species=2, per_class=2, cache=blocked)
    with caplog.at_level(logging.WARNING, logger="whynet"):
        assert len(birds.captions) == len(birds.captions) == 4
    assert [record.getMessage().endswith("they stay in memory") for record in caplog.records] == [True]


def test_a_full_disk_leaves_no_litter(tmp_path, monkeypatch, caplog):
    def full(_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("whynet.data.birds.cache.os.fsync", full)
    assert PaintedBirds("test", num_species=2, per_class=1, cache=tmp_path).captions
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert "No space left" in caplog.text


def test_splits_and_seeds_are_disjoint(tmp_path):
    sets = [
        PaintedBirds(split, num_species=3, per_class=4, seed=seed, cache=tmp_path)
        for split in ("train", "validation", "test")
        for seed in (0, 1)
    ]
    pictures = {birds[index].image.tobytes() for birds in sets for index in range(len(birds))}
    assert len(pictures) == 6 * 12
    assert len({birds.class_names for birds in sets}) == 1
    assert [len(PaintedBirds(split, cache=tmp_path)) for split in ("train", "validation", "test")] == [3000, 400, 1000]


def test_large_pictures_are_not_kept_but_can_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr("whynet.data.birds.dataset._MEMORY_BYTES", 1000)
    birds = PaintedBirds("test", num_species=2, per_class=2, image_size=32, cache=tmp_path)
    assert birds.prepare().images is None
    monkeypatch.undo()
    birds_again = PaintedBirds("test", num_species=2, per_class=2, image_size=32, cache=tmp_path)
    assert birds_again.captions == birds.captions
    assert_same(birds[3], birds_again[3])


def test_a_caption_of_another_bird_of_the_class_is_often_wrong(birds):
    """Sex, season, morph and visibility: the class alone does not determine the caption."""
    true = made = 0
    for index in range(len(birds)):
        for step in range(1, 10):
            claims = birds.caption_claims[(index + 20 * step) % len(birds)][step]
            true += len(claims & birds.attributes[index])
            made += len(claims)
    assert 0.75 < true / made < 0.92


PLUMAGE = ("back", "belly", "breast", "crown", "forehead", "nape", "throat")


@pytest.mark.parametrize("part", [*PART_NAMES, "crest", "eyebrow", "wing", "leg"])
def test_without_a_part_only_its_place_changes(clear_birds, part):
    changed = 0
    for index in range(0, len(clear_birds), 9):
        if clear_birds.individual(index).stance == "water" or "wing" in part:
            continue  # the water's reflection and the wing's shadow change too
        before, after = clear_birds[index], clear_birds.without(index, part)
        difference = np.abs(before.image.astype(int) - after.image).max(2) > 0
        touched = (before.part_map != after.part_map).astype(np.uint8)
        if part in ("crest", "eyebrow"):
            touched |= before.part_map == 1 + PART_NAMES.index("crown")
        reach = cv2.dilate(touched, np.ones((11, 11), np.uint8)) > 0
        assert (difference & ~reach).sum() <= 5, "beyond the part's soft border"
        assert np.abs(before.image.astype(int) - after.image)[~reach].max() <= 24
        beside_the_bird = cv2.dilate((before.part_map > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
        assert not (difference & beside_the_bird).any() or part in (
            "tail",
            "beak",
            "crest",
            "left leg",
            "right leg",
            "leg",
        )
        changed += int(difference.sum())
        if part in PART_NAMES:
            number = PART_NAMES.index(part)
            assert not (after.part_map == number + 1).any()
            assert after.landmarks[number].tolist() == [0, 0, 0]
        if part in PLUMAGE:
            assert f"{part} colour" not in dict(after.attributes)
        assert after.attributes <= before.attributes | {
            claim for claim in after.attributes if claim[0] not in dict(before.attributes)
        }
        assert all(parse_claims(sentence) <= after.attributes for sentence in after.captions)
    assert changed > 0 or part in ("wing", "left wing", "right wing")


def test_without_a_wing_the_body_under_it_appears(clear_birds):
    for index in range(0, 60, 7):
        before, after = clear_birds[index], clear_birds.without(index, "wing")
        assert not dict(after.attributes).keys() & {"wing colour", "wing pattern", "wing bar colour"}
        wing = np.isin(before.part_map, [1 + PART_NAMES.index("left wing"), 1 + PART_NAMES.index("right wing")])
        assert (after.part_map[~wing] == before.part_map[~wing]).all()
        body = [1 + PART_NAMES.index(part) for part in ("back", "belly", "breast")]
        assert np.isin(after.part_map[wing], body).mean() > 0.4


@pytest.mark.parametrize(
    ("part", "kind"),
    [("crown", "crown colour"), ("left wing", "wing colour"), ("beak", "bill colour"), ("leg", "leg colour")],
)
def test_recolouring_changes_that_claim_and_nothing_else(clear_birds, part, kind):
    checked = 0
    for index in range(0, len(clear_birds), 7):
        before, after = clear_birds[index], clear_birds.recoloured(index, part, "pink")
        assert (before.part_map == after.part_map).all() or part in ("crown", "left wing")
        assert (before.landmarks == after.landmarks).all()
        if kind in dict(before.attributes) and clear_birds.individual(index).stance != "water":
            assert (kind, "pink") in after.attributes
            names = {"left wing": ("left wing", "right wing"), "leg": ("left leg", "right leg")}.get(part, (part,))
            region = np.isin(before.part_map, [1 + PART_NAMES.index(name) for name in names]).astype(np.uint8)
            reach = cv2.dilate(region, np.ones((9, 9), np.uint8)) > 0
            difference = (before.image != after.image).any(2)
            assert not (difference & ~reach).any()
            checked += 1
        others = {claim for claim in before.attributes if claim[0] != kind}
        assert {claim for claim in after.attributes if claim[0] != kind} <= others
    assert checked > 10


def test_recolouring_in_its_own_colour_changes_nothing(birds):
    for index in range(5):
        colour = birds.plumage(index).throat
        assert birds.recoloured(index, "throat", colour).image.tobytes() == birds[index].image.tobytes()


def test_a_data_set_can_be_sent_to_another_process(birds):
    """Spawned loader workers receive the data set as bytes."""
    context = multiprocessing.reduction.ForkingPickler
    assert len(context.dumps(birds)) > 1000


@pytest.mark.parametrize("size", [16, 33, 128, 129, 256])
def test_any_size(tmp_path, size):
    birds = PaintedBirds("test", num_species=2, per_class=1, image_size=size, cache=tmp_path)
    assert birds[0].image.shape == (size, size, 3)
    assert birds[0].part_map.shape == (size, size)
    assert birds[0].attributes


def test_class_truth(birds):
    for species, claims, own in zip(birds.species, birds.class_claims, birds.discriminative_claims, strict=True):
        assert claims == species_claims(species)
        assert claims == frozenset().union(*(all_claims(species, plumage) for plumage in species.plumages()))
        assert own <= claims
    assert sum(map(len, birds.discriminative_claims)) > 5 * len(birds.species)


def test_contact_sheet(birds):
    assert contact_sheet(birds, 2, 5).shape == (2 * 68 + 4, 5 * 68 + 4, 3)
    with pytest.raises(SettingError, match="a sheet of 99 rows"):
        contact_sheet(birds, 99, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "split must be .* got 'dev'"),
        ({"num_species": 1}, "num_species must be 2 to 200, got 1"),
        ({"image_size": 15}, "image_size must be 16 to 1024 pixels, got 15"),
        ({"image_size": 1025}, "image_size must be 16 to 1024 pixels, got 1025"),
        ({"per_class": 0}, "per_class must be at least 1 picture, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(SettingError, match=message):
        PaintedBirds(**arguments)


def test_fingerprint_tells_arguments_and_painter_apart(tmp_path, monkeypatch):
    arguments = [
        {"split": "test"}, {"num_species": 5}, {"per_class": 3}, {"image_size": 32}, {"seed": 1},
        {"difficulty": Difficulty(occluder=0.0)},
    ]  # fmt: skip
    usual = {"num_species": 4, "per_class": 2, "cache": tmp_path}
    prints = [
        PaintedBirds(**{**usual, **change}).fingerprint() for change in [{}, {"cache": tmp_path / "a"}, *arguments]
    ]
    assert prints[0] == prints[1]
    monkeypatch.setattr(cache, "_fingerprint", lambda: "another painter")
    prints.append(PaintedBirds(**usual).fingerprint())
    assert len(set(prints)) == len(prints) - 1
    assert not list(tmp_path.iterdir())  # nothing was painted


def test_unknown_parts_and_colours(birds):
    with pytest.raises(SettingError, match="'hat' is not a part that can be removed; choose one of back"):
        birds.without(0, "hat")
    with pytest.raises(SettingError, match="'hat' is not a part that can be recoloured"):
        birds.recoloured(0, "hat", "red")
    with pytest.raises(SettingError, match="'mauve' is not a colour"):
        birds.recoloured(0, "crown", "mauve")
    bare = next(index for index in range(len(birds)) if birds.plumage(index).eyebrow is None)
    with pytest.raises(SettingError, match="has no eyebrow"):
        birds.recoloured(bare, "eyebrow", "red")
    with pytest.raises(IndexError, match="picture 200 was asked for"):
        birds[200]
