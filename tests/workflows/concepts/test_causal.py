"""What x-features lose with a part: in a toy where each sees one half alone, and against loops over painted birds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from whynet.models.srae import ExplanationModule
from whynet.workflows.concepts import causal
from whynet.workflows.concepts.causal import causal_figures
from whynet.workflows.concepts.parts import region_names, shown_parts
from whynet.workflows.concepts.x_features import XFeatures

NAMES = ("head", "tail", "context")
ROWS = [1, 3, 4]


@pytest.fixture
def toy(halves, halves_layer):
    """The arguments of `causal_figures`: x-feature 0 sees the left half, the head, and 1 the right one, the tail."""
    readings = halves_layer.read(halves)
    mine = XFeatures(class_index=1, encoder=None, units=(0, 1), weights=torch.tensor([2.0, 3.0]), bias=0.0)
    asked = []

    def without_part(row, part, seed):
        """The picture with that half black, and with the other."""
        asked.append((row, part, seed))
        pictures = []
        for columns in (slice(0, 4), slice(4, 8)) if part == "head" else (slice(4, 8), slice(0, 4)):
            image = halves[row].image
            image[:, columns] = 0
            pictures.append(replace(halves[row], image=image))
        return tuple(pictures)

    arguments = {
        "explained": halves_layer, "readings": readings, "mine": mine, "rows": ROWS, "names": NAMES,
        "maps": mine.maps(halves_layer, readings, ROWS), "parts": shown_parts(halves_layer.subject, halves, ROWS),
        "without_part": without_part, "seed": 5,
    }  # fmt: skip
    return arguments, asked


def contribution(halves, row, feature):
    return (2.0, 3.0)[feature] * halves.brightness[row][feature] / 255


def test_an_x_feature_falls_with_its_own_part_and_not_with_another(halves, toy):
    arguments, asked = toy
    found = causal_figures(**arguments)
    added = [contribution(halves, row, feature) for row in ROWS for feature in (0, 1)]
    assert found == {
        "causal_named": pytest.approx(sum(added) / 6, abs=1e-5),
        "causal_other": pytest.approx(0, abs=1e-6),
        "causal_blind": pytest.approx(sum(added[::2]) / 6, abs=1e-5),  # the first of equal halves: the head
        "causal_own": pytest.approx(sum(added) / 6, abs=1e-5),
        "causal_rival": pytest.approx(0, abs=1e-6),
        "causal_more": 1.0,
        "causal_trials": 6.0,
    }
    assert sorted(asked) == [(row, part, 5) for row in ROWS for part in ("head", "tail")]


def test_maps_that_lie_elsewhere_are_found_out(halves, toy):
    arguments, _ = toy
    found = causal_figures(**arguments | {"maps": arguments["maps"].flip(1)})
    added = [contribution(halves, row, feature) for row in ROWS for feature in (0, 1)]
    assert found["causal_named"] == pytest.approx(0, abs=1e-6)
    assert found["causal_other"] == pytest.approx(sum(added) / 6, abs=1e-5)
    assert found["causal_more"] == 0
    assert (found["causal_own"], found["causal_rival"]) == (found["causal_named"], found["causal_other"])


def test_maps_that_are_the_same_everywhere_are_no_better_than_blind(toy):
    """They name one part for all, so there is no rival, and what they name is what the blind map names."""
    arguments, asked = toy
    found = causal_figures(**arguments | {"maps": torch.ones_like(arguments["maps"])})
    assert found["causal_named"] == found["causal_blind"] > 0
    assert not {"causal_own", "causal_rival"} & set(found)
    assert {part for _, part, _ in asked} == {"head"}


def test_what_adds_nothing_or_is_shown_beside_the_object_is_not_tried(halves, toy):
    arguments, asked = toy
    maps = arguments["maps"].clone()
    maps[0, 0] = 0  # of picture 1: empty
    against = replace(arguments["mine"], weights=torch.tensor([2.0, -3.0]))  # the second never adds anything
    found = causal_figures(**arguments | {"maps": maps, "mine": against})
    assert found["causal_trials"] == 2
    assert found["causal_named"] == pytest.approx(sum(contribution(halves, row, 0) for row in (3, 4)) / 2, abs=1e-5)
    assert sorted(asked) == [(row, part, 5) for row in (3, 4) for part in ("head", "tail")], "the tail is a rival"
    assert found["causal_own"] == found["causal_named"]
    assert found["causal_rival"] == pytest.approx(0, abs=1e-6)
    beside = causal_figures(**arguments | {"names": ("context", "tail", "context")})
    assert beside == {}, "the largest part cannot be taken away either"
    assert causal_figures(**arguments | {"maps": torch.zeros_like(maps)}) == {}


def test_parts_that_cannot_be_taken_away_are_not_tried(halves, toy):
    arguments, _ = toy
    paint = arguments["without_part"]

    def unless_tail(row, part, seed):
        return None if part == "tail" else paint(row, part, seed)

    found = causal_figures(**arguments | {"without_part": unless_tail})
    assert found["causal_trials"] == 3
    assert found["causal_named"] == pytest.approx(sum(contribution(halves, row, 0) for row in ROWS) / 3, abs=1e-5)
    assert causal_figures(**arguments | {"without_part": lambda *_: None}) == {}


def test_a_part_that_costs_as_much_as_another_does_not_cost_more(halves, toy):
    arguments, _ = toy
    found = causal_figures(**arguments | {"without_part": lambda row, *_: (halves[row], halves[row])})
    assert found["causal_named"] == found["causal_other"] == pytest.approx(0, abs=1e-6)
    assert found["causal_more"] == 0


def test_pictures_whose_parts_are_not_known_are_left_out(halves, toy):
    arguments, asked = toy
    parts = replace(arguments["parts"], places=[0, 2], weights=arguments["parts"].weights[[0, 2]])
    arguments["readings"].activations[3] = -1  # of the picture that is left out
    found = causal_figures(**arguments | {"parts": parts})
    assert {row for row, _, _ in asked} == {1, 4}
    added = [contribution(halves, row, feature) for row in (1, 4) for feature in (0, 1)]
    assert found["causal_named"] == pytest.approx(sum(added) / 4, abs=1e-5)


def test_the_batches_do_not_matter(toy, monkeypatch):
    arguments, _ = toy
    whole = causal_figures(**arguments)
    monkeypatch.setattr(causal, "BATCH_SIZE", 5)
    assert causal_figures(**arguments) == pytest.approx(whole)


def test_painted_birds_are_painted_again_without_the_part_that_a_map_names(painted):
    """Against loops: each picture read by itself, each share counted pixel by pixel."""
    torch.manual_seed(1)
    module = ExplanationModule(12, num_features=3, hidden=(8, 6)).signed_for()
    with torch.no_grad():
        module.encoder[0].weight.mul_(30)  # the birds differ by little for chance weights
        module.encoder[-1].bias[:2].add_(1)  # so that two of them add something
    mine, rows, birds = XFeatures.of_module(module, 0), painted.test.rows_of(0), painted.splits.test
    maps = torch.rand(len(rows), 3, 16, 16).pow(4)
    for place, row in enumerate(rows):  # most of it on the bird, somewhere
        maps[place] *= torch.from_numpy(birds[row].part_map > 0)[1::2, 1::2]
        maps[place, :, :, place::3] = 0
    parts = shown_parts(painted.subject, birds, rows)
    names = region_names(birds, painted.splits.whole_parts)
    found = causal_figures(
        painted.explained, painted.test, mine, maps, rows, parts, names, painted.splits.without_part, seed=2
    )

    def added(image):
        network = painted.subject.network
        with torch.no_grad():
            z = network.hidden[0](network.feature(network.blocks(painted.subject.preprocess([image]))))
            return (module.encoder(z) * module.readout.weight[0])[0].tolist()

    large = torch.nn.functional.interpolate(maps, (32, 32), mode="bilinear", align_corners=False)
    sides = {"beak": "bill"} | {f"{side} {part}": part for side in ("left", "right") for part in ("eye", "leg", "wing")}
    named, other, blind, own, rival = [], [], [], [], []

    def part_of(place, row, large):
        """By the largest share; None on the context."""
        totals = {}
        for label, part in enumerate(("context", *birds.part_names)):
            on_part = float((large * torch.from_numpy(birds[row].part_map == label)).sum())
            totals[sides.get(part, part)] = totals.get(sides.get(part, part), 0.0) + on_part
        whole, beside = sum(totals.values()), totals.pop("context")
        if whole == 0 or beside / whole > np.mean(birds[row].part_map == 0) + 1e-6:
            return None
        return max(totals, key=totals.get)

    def without(row, part):
        return None if part is None else painted.splits.without_part(row, part, 2)

    for place, row in enumerate(rows):
        for feature in range(3):
            part = part_of(place, row, large[place, feature])
            before = added(birds[row].image)[feature]
            changed, largest = without(row, part), without(row, part_of(place, row, torch.ones(32, 32)))
            if before <= 0 or changed is None or largest is None:
                continue
            blind.append(before - added(largest[0].image)[feature])
            others = {part_of(place, row, large[place, one]) for one in range(3)} - {part}
            falls = [
                before - added(one[0].image)[feature] for other_part in others if (one := without(row, other_part))
            ]
            if falls:
                own.append(before - added(changed[0].image)[feature])
                rival.append(np.mean(falls))
            assert np.array_equal(changed[0].image, birds.without(row, part).image)
            named.append(before - added(changed[0].image)[feature])
            other.append(before - added(changed[1].image)[feature])
    assert found["causal_trials"] == len(named) > 2
    assert found["causal_named"] == pytest.approx(np.mean(named), abs=1e-6)
    assert found["causal_other"] == pytest.approx(np.mean(other), abs=1e-6)
    assert found["causal_more"] == pytest.approx(np.mean(np.array(named) > np.array(other)))
    assert found["causal_blind"] == pytest.approx(np.mean(blind), abs=1e-6)
    assert found["causal_own"] == pytest.approx(np.mean(own), abs=1e-6)
    assert found["causal_rival"] == pytest.approx(np.mean(rival), abs=1e-6)
