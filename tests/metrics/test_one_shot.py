"""One-shot localisation compared with its definition in loops; what moves with a landmark finds it."""

import math
import statistics

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.base.seeding import generator
from whynet.metrics import one_shot_error

SIZE = (40, 60)


def random_data(images=9, points=7, landmarks=2):
    draw = torch.Generator().manual_seed(0)
    positions = torch.rand(images, points, 2, generator=draw) * torch.tensor(SIZE)
    scores = (torch.rand(images, points, generator=draw) - 0.3).clamp(min=0)
    places = torch.rand(images, landmarks, 3, generator=draw) * torch.tensor([*SIZE, 1])
    places[..., 2] = (places[..., 2] < 0.8).float()
    places[places[..., 2] == 0] = torch.tensor([math.nan, math.inf, 0])
    return positions, scores, places


def slow_error(positions, scores, landmarks, chosen, annotated, seed):
    errors = []
    for k in range(landmarks.shape[1]):
        seen = [i for i in range(len(landmarks)) if landmarks[i, k, 2] > 0]
        order = torch.randperm(len(seen), generator=generator(seed, "one shot", k)).tolist()
        for a in [seen[place] for place in order[:annotated]]:
            place = landmarks[a, k, :2].tolist()
            found = [v for v in range(positions.shape[1]) if scores[a, v] > 0]
            nearest = sorted(found, key=lambda v, a=a, p=place: math.dist(positions[a, v].tolist(), p))[:chosen]
            own = []
            for i in seen:
                if i == a:
                    continue
                weights = [float(scores[i, v]) for v in nearest]
                weights = weights if sum(weights) else [1.0] * len(nearest)
                told = [
                    sum(w * float(positions[i, v, x] + place[x] - positions[a, v, x])
                        for w, v in zip(weights, nearest, strict=True)) / sum(weights)
                    for x in (0, 1)
                ]  # fmt: skip
                own.append(math.dist(told, landmarks[i, k, :2].tolist()) / math.hypot(*SIZE))
            errors.append(statistics.mean(own))
    return statistics.mean(errors)


@pytest.mark.parametrize(("chosen", "annotated", "seed"), [(1, 20, 0), (3, 20, 0), (3, 2, 5)])
def test_equals_the_definition_in_loops(chosen, annotated, seed):
    data = random_data()
    found = one_shot_error(*data, size=SIZE, chosen=chosen, annotated=annotated, seed=seed)
    assert found == pytest.approx(slow_error(*data, chosen, annotated, seed), abs=1e-6)


def test_a_point_that_moves_with_the_landmark_finds_it_and_one_that_never_moves_does_not():
    landmarks = torch.tensor([[[5.0, 5.0, 1]], [[20.0, 30.0, 1]], [[9.0, 40.0, 1]]])
    along = landmarks[..., :2] + torch.tensor([3.0, -2.0])
    still = torch.full((3, 1, 2), 30.0)
    positions, scores = torch.cat([along, still], 1), torch.ones(3, 2)
    assert one_shot_error(positions, scores, landmarks, size=SIZE, chosen=1) == pytest.approx(0, abs=1e-7)
    assert one_shot_error(still, scores[:, :1], landmarks, size=SIZE) > 0.2
    scores[:, 0] = 0  # where it is not found it is not chosen
    assert one_shot_error(positions, scores, landmarks, size=SIZE, chosen=1) > 0.2


def test_what_cannot_be_measured():
    positions, scores, landmarks = random_data()
    with pytest.raises(SettingError, match="chosen"):
        one_shot_error(positions, scores, landmarks, size=SIZE, chosen=0)
    with pytest.raises(DataError, match="of the same images were expected"):
        one_shot_error(positions[1:], scores, landmarks, size=SIZE)
    with pytest.raises(DataError, match="visible in 2 images"):
        one_shot_error(positions[:1], scores[:1], landmarks[:1], size=SIZE)
    positions[0, 0, 0] = math.nan
    with pytest.raises(DataError, match="one is NaN"):
        one_shot_error(positions, scores, landmarks, size=SIZE)
