"""How good x-features are: each figure against loops over pictures, pixels and parts."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from whynet.models.srae import ExplanationModule
from whynet.workflows.concepts.figures import faithfulness_figures, map_figures
from whynet.workflows.concepts.parts import ShownParts
from whynet.workflows.concepts.x_features import XFeatures


def test_faithfulness_is_counted_picture_by_picture(painted):
    classes = []
    for index in (1, 0):
        torch.manual_seed(index)
        module = ExplanationModule(12, num_features=2, hidden=(6,))
        module.readout.bias.data += painted.train.logits[:, index].mean()
        classes.append(XFeatures.of_module(module, index))
    found = faithfulness_figures(classes, painted.train, ending="_train")
    stayed = []
    for mine, figures in zip(classes, found, strict=True):
        errors, same = [], []
        for z, logits in zip(painted.train.activations, painted.train.logits.tolist(), strict=True):
            predicted = float(mine.predictions(z[None])[0])
            errors.append(abs(predicted - logits[mine.class_index]))
            replaced = [predicted if index == mine.class_index else own for index, own in enumerate(logits)]
            same.append(replaced.index(max(replaced)) == logits.index(max(logits)))
        assert figures == {
            "f_reg_train": pytest.approx(sum(errors) / len(errors), rel=1e-5),
            "f_cls_train": pytest.approx(sum(same) / len(same)),
        }
        stayed.append(sum(same) / len(same))
    assert 0 < min(stayed) < 1, "a logit that is predicted by chance changes some classes and not all"
    assert set(faithfulness_figures(classes, painted.test)[0]) == {"f_reg", "f_cls"}


def entropy(histogram):
    total = sum(histogram)
    return -sum(own / total * math.log(own / total) for own in histogram if own > 0)


def test_figures_of_maps_against_loops():
    torch.manual_seed(0)
    maps, weights = torch.rand(4, 3, 4, 4).pow(3), torch.rand(3, 3, 8, 8)
    maps[0, 1] = 0
    places = [0, 2, 3]  # where the second picture's parts are is not known
    found = map_figures(maps, ShownParts(source="masks", places=places, weights=weights))

    columns = [
        np.concatenate([(own / own.sum() if own.sum() > 0 else own).flatten().double() for own in maps[:, feature]])
        for feature in range(3)
    ]
    correlation = np.corrcoef(columns)
    assert found["o1"] == pytest.approx(math.sqrt((correlation**2).sum()) - math.sqrt(3), rel=1e-4)
    assert found["o2"] == pytest.approx(-math.log(np.linalg.det(correlation)), rel=1e-3)
    assert found["live"] == 3

    large = F.interpolate(maps, (8, 8), mode="bilinear", align_corners=False)
    entropies, of_parts, on_context = [], [], []
    for feature in range(3):
        histogram = [0.0] * 3
        for at, place in enumerate(places):
            own = large[place, feature]
            for region in range(3):
                if own.sum() > 0:
                    histogram[region] += float((own / own.sum() * weights[at, region]).sum())
        entropies.append(entropy(histogram))
        of_parts.append(entropy(histogram[:2]))
        on_context.append(histogram[2] / sum(histogram))
    assert found["locality"] == pytest.approx(sum(entropies) / 3, rel=1e-4)
    assert found["locality_parts"] == pytest.approx(sum(of_parts) / 3, rel=1e-4)
    assert found["context"] == pytest.approx(sum(on_context) / 3, rel=1e-4)


def test_where_parts_are_not_known_no_figure_tells_of_them():
    assert set(map_figures(torch.rand(2, 3, 4, 4), None)) == {"o1", "o2", "live"}


def test_figures_that_cannot_be_told_are_left_out():
    weights = torch.ones(2, 2, 4, 4)
    parts = ShownParts(source="masks", places=[0, 1], weights=weights)
    assert map_figures(torch.zeros(2, 3, 4, 4), parts) == {"live": 0.0}
    weights[:, 0] = 0  # all is context
    beside = map_figures(torch.rand(2, 3, 4, 4), parts)
    assert beside["context"] == 1
    assert beside["locality"] == 0
    assert "locality_parts" not in beside


def test_a_map_on_the_context_is_local_so_its_share_is_told_beside():
    weights = torch.zeros(1, 3, 4, 4)
    weights[0, 0, :2], weights[0, 1, 2], weights[0, 2, 3] = 1, 1, 1  # two parts and the context
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, 0, 3] = 1
    maps[0, 1, 1:3] = 1
    found = map_figures(maps, ShownParts(source="masks", places=[0], weights=weights))
    assert found["locality"] == pytest.approx(math.log(2) / 2, abs=1e-6)
    assert found["locality_parts"] == pytest.approx(math.log(2), abs=1e-6), "of the one that lies on parts at all"
    assert found["context"] == pytest.approx(0.5)
