import random
from dataclasses import replace

import cv2
import numpy as np
import pytest

from whynet.data.birds.individual import Difficulty, draw_individual
from whynet.data.birds.painter import paint
from whynet.data.birds.parts import LABELS, PART_NAMES
from whynet.data.birds.species import make_species

SPECIES = make_species(48)


def painting(number, size=64, difficulty=None, **changes):
    species = SPECIES[number % len(SPECIES)]
    individual = replace(draw_individual(species, f"test/{number}", difficulty or Difficulty()), **changes)
    plumage = species.plumage(individual.sex, individual.season, individual.morph)
    return species, individual, plumage, paint(species, individual, plumage, size)


def test_parts_are_those_of_cub_in_its_order():
    assert ", ".join(PART_NAMES) == (
        "back, beak, belly, breast, crown, forehead, left eye, left leg, left wing, nape, right eye, right leg, "
        "right wing, tail, throat"
    )


@pytest.mark.parametrize("number", range(0, 48, 3))
def test_map_landmarks_and_box_agree(number):
    *_, painted = painting(number)
    side = painted.image.shape[0]
    assert painted.image.shape == (64, 64, 3)
    assert painted.image.dtype == painted.part_map.dtype == np.uint8
    assert painted.part_map.max() <= len(PART_NAMES)
    for part, (x, y, visible) in enumerate(painted.landmarks):
        if not visible:
            assert (x, y) == (0, 0)
            continue
        assert 0 <= x <= side
        assert 0 <= y <= side
        around = painted.part_map[max(0, int(y) - 1) : int(y) + 2, max(0, int(x) - 1) : int(x) + 2]
        assert part + 1 in around
    x0, y0, x1, y1 = painted.box
    rows, columns = np.nonzero(painted.part_map)
    assert (x0, y0) <= (columns.min(), rows.min())
    assert (x1, y1) >= (columns.max() + 1, rows.max() + 1)


@pytest.mark.parametrize("number", range(6))
def test_the_same_arguments_give_the_same_bytes(number):
    first, second = painting(number)[-1], painting(number)[-1]
    assert first.image.tobytes() == second.image.tobytes()
    assert first.part_map.tobytes() == second.part_map.tobytes()
    assert first.landmarks.tobytes() == second.landmarks.tobytes()
    assert painting(number, key=5)[-1].image.tobytes() != first.image.tobytes()


def test_a_side_view_shows_one_eye_and_the_wing_of_that_side():
    for number in range(48):
        _, individual, _, painted = painting(number, occluder=None)
        near, far = ("left", "right") if individual.mirrored else ("right", "left")
        assert painted.landmarks[PART_NAMES.index(f"{near} eye"), 2] == 1
        assert painted.seen[f"{far} eye"] == 0
        assert painted.seen[f"{near} wing"] > painted.seen[f"{far} wing"]


def test_mirroring_mirrors_where_the_parts_are():
    _, _, _, right = painting(1, mirrored=False, shift_x=0.0, roll=0.0, occluder=None)
    _, _, _, left = painting(1, mirrored=True, shift_x=0.0, roll=0.0, occluder=None)
    swap = np.arange(16, dtype=np.uint8)
    for part in ("eye", "leg", "wing"):
        swap[[LABELS[f"left {part}"], LABELS[f"right {part}"]]] = LABELS[f"right {part}"], LABELS[f"left {part}"]
    agreement = (swap[left.part_map[:, ::-1]] == right.part_map).mean()
    assert agreement > 0.97


@pytest.mark.parametrize("size", [32, 96, 192])
def test_parts_lie_in_the_same_places_at_every_size(size):
    for number in range(0, 48, 7):
        *_, painted = painting(number, size)
        *_, reference = painting(number, 64)
        small = cv2.resize(reference.part_map, (size, size), interpolation=cv2.INTER_NEAREST)
        assert (small == painted.part_map).mean() > 0.93


def test_what_stands_in_front_hides_parts():
    hidden = 0
    for number in range(24):
        *_, free = painting(number, occluder=None)
        *_, behind = painting(number, occluder=random.Random(number).choice(("leaf", "twig", "reed")))
        assert behind.whole == free.seen
        assert all(behind.seen[name] <= free.seen[name] for name in LABELS)
        changed = (behind.part_map != free.part_map) & (behind.part_map != 0)
        assert not changed.any()
        hidden += sum(free.seen.values()) - sum(behind.seen.values())
    assert hidden > 500


def test_a_part_is_painted_in_its_colour():
    """With neutral light and no noise the median colour of a part is close to the plumage's."""
    plain = Difficulty(
        colour_jitter=0.0,
        hue_jitter=0.0,
        exposure=0.0,
        temperature=0.0,
        shading=(0.0, 0.0),
        noise=(0.0, 0.0),
        occluder=0.0,
    )
    from whynet.data.birds.palette import COLOURS

    for number in range(0, 48, 5):
        _, _, plumage, painted = painting(number, 128, plain)
        for part in ("crown", "nape", "throat", "back"):
            pixels = painted.image[painted.part_map == LABELS[part]]
            if len(pixels) > 150:
                assert np.abs(np.median(pixels, 0) - COLOURS[getattr(plumage, part)]).max() < 22, part


def test_no_bird_leaves_the_picture_altogether():
    for number in range(200):
        *_, painted = painting(number, 32)
        assert painted.box is not None
        assert (painted.part_map > 0).mean() > 0.04
