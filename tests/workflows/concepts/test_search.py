"""The choice of settings: by hand from made-up figures, and from training pictures alone."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from whynet.training.srae import Trained
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.concepts import search as search_module
from whynet.workflows.concepts.figures import faithfulness_figures, map_figures
from whynet.workflows.concepts.readings import Readings
from whynet.workflows.concepts.search import FOLDS, GRIDS, MAX_F_REG, MIN_F_CLS, MIN_LIVE, NUM_CLASSES, search
from whynet.workflows.concepts.x_features import XFeatures

SMALL = ModuleSettings(num_features=2, hidden="6")
FIT = FitSettings(epochs=1, batch_size=16)
CANDIDATES = [replace(SMALL, beta=beta) for beta in (0.1, 0.2, 0.3, 0.4)]


def found(f_cls, relative, o1, f_reg=1.0, live=1.0):
    return {"f_cls": f_cls, "f_reg_relative": relative, "o1": o1, "f_reg": f_reg, "live": live}


def chosen(*figures, row="SRAE"):
    """Which of as many candidates is chosen, by its beta; another row's better ones stand in the way."""
    mine = list(zip(CANDIDATES, figures, strict=False))
    others = [(replace(SMALL, beta=9.0), found(1.0, 0.0, -1.0, f_reg=0.0))]
    pairs = [*(("NN", *own) for own in others), *((row, *own) for own in mine), *(("NN", *own) for own in others)]
    candidates, table = [(name, own) for name, own, _ in pairs], [own for *_, own in pairs]
    return search_module._chosen(row, candidates, table).beta


def test_of_those_that_are_faithful_enough_the_most_orthogonal_is_chosen():
    assert chosen(found(0.999, 0.2, 0.5), found(1.0, 0.01, 0.6), found(0.9, 0.01, 0.1), found(1.0, 0.3, 0.2)) == 0.1
    assert chosen(found(0.999, 0.2, 0.5), found(MIN_F_CLS, MAX_F_REG, 0.4), found(1.0, 0.1, 0.45)) == 0.2
    some_empty = {"f_cls": 1.0, "f_reg_relative": 0.1, "f_reg": 1.0, "live": 0.95}
    assert chosen(some_empty, found(1.0, 0.2, 0.9)) == 0.2, "no O_1 where a class has no maps at all"


def test_a_lone_live_x_feature_overlaps_with_nothing_and_is_not_chosen_for_that():
    assert chosen(found(1.0, 0.1, 0.0, live=0.2), found(1.0, 0.2, 0.9)) == 0.2
    assert chosen(found(1.0, 0.1, 0.3, live=MIN_LIVE), found(1.0, 0.2, 0.9)) == 0.1


def test_where_none_is_faithful_enough_those_near_the_best_of_the_row_are_and_the_most_orthogonal_is_chosen():
    assert chosen(found(0.98, 0.3, 0.9, 1.0), found(0.976, 0.3, 0.5, 1.2), found(0.97, 0.3, 0.1, 1.0)) == 0.2
    assert chosen(found(0.98, 0.3, 0.9, 1.0), found(0.98, 0.4, 0.1, 1.3)) == 0.1, "too large an error"
    assert chosen(found(0.98, 0.3, 0.9, 1.0), found(0.98, 0.3, 0.1, 1.0, live=0.4)) == 0.1, "too few live ones"
    assert chosen(found(0.98, 0.3, 0.9, 1.0, live=0.4), found(0.98, 0.3, 0.1, 1.0, live=0.4)) == 0.2


def test_where_none_is_near_the_best_in_all_the_lowest_error_is_chosen():
    assert chosen(found(0.9, 0.1, 0.1, 3.0), found(0.97, 0.9, 0.2, 1.0, live=0.5), found(0.98, 0.2, 0.0, 2.0)) == 0.2


def test_whether_a_candidate_is_faithful_is_told_by_the_bars_of_all_rows():
    assert search_module.is_faithful(found(MIN_F_CLS, MAX_F_REG, 9.0, live=MIN_LIVE))
    assert not search_module.is_faithful(found(MIN_F_CLS - 0.001, MAX_F_REG, 9.0))
    assert not search_module.is_faithful(found(1.0, MAX_F_REG + 0.01, 9.0))
    assert not search_module.is_faithful(found(1.0, 0.0, 9.0, live=MIN_LIVE - 0.1))


def test_settings_of_the_grids_are_of_the_kinds_that_the_rows_name():
    assert list(GRIDS) == ["SRAE", "NN", "SAE", "CAE"]
    assert all(own.beta > 0 and own.faithfulness > 0 and own.penalty != "squared" for own in GRIDS["SRAE"])
    assert all(own.beta == 0 for own in GRIDS["NN"])
    assert all(own.beta > 0 and own.faithfulness > 0 and own.penalty == "squared" for own in GRIDS["SAE"])
    assert all(own.faithfulness == 0 for own in GRIDS["CAE"])
    assert len({len(grid) for grid in GRIDS.values()}) == 1, "the same budget for each row"
    for grid in GRIDS.values():
        assert len({json.dumps(asdict(own)) for own in grid}) == len(grid)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_class_is_spread_over_all_folds(painted, seed):
    """Ten pictures of each class: five in each fold, others under another seed."""
    fold = search_module._folds(painted.train, seed)
    for label in (0, 1):
        counts = torch.bincount(fold[painted.train.is_of(label)], minlength=FOLDS)
        assert counts.tolist() == [5, 5]
    assert torch.equal(fold, search_module._folds(painted.train, seed))
    assert not torch.equal(fold, search_module._folds(painted.train, seed + 1))


def test_a_class_that_cannot_be_halved_is_spread_as_evenly_as_it_can(painted):
    rows = [*painted.train.rows_of(0)[:7], *painted.train.rows_of(1)[:4]]
    some = Readings(
        examples=painted.splits.train.subset(rows), activations=painted.train.activations[rows],
        logits=painted.train.logits[rows],
    )  # fmt: skip
    fold = search_module._folds(some, 0)
    assert sorted(torch.bincount(fold[:7]).tolist()) == [3, 4]
    assert torch.bincount(fold[7:]).tolist() == [2, 2]


def test_held_out_pictures_are_held_out_and_are_those_that_are_measured(painted, fit_context, monkeypatch):
    """Without a word of the test pictures; each candidate's figures are the means over the classes."""
    train_modules, asked = search_module.train_modules, []

    def recorded(activations, wanted, fit, context):
        assert activations is painted.train.activations
        trained = train_modules(activations, wanted, fit, context)
        asked.append((wanted, trained))
        return trained

    monkeypatch.setattr(search_module, "train_modules", recorded)
    grids = {"SRAE": CANDIDATES[:2], "NN": [replace(SMALL, beta=0.0)]}
    settings, table = search(painted.explained, painted.train, [1, 0], FIT, fit_context, grids=grids)
    ((wanted, trained),) = asked
    assert len(wanted) == 3 * 2
    fold, place, figures = search_module._folds(painted.train, fit_context.seed), 0, []
    for row, candidate in [("SRAE", CANDIDATES[0]), ("SRAE", CANDIDATES[1]), ("NN", grids["NN"][0])]:
        own = []
        for number, index in ((0, 1), (1, 0)):  # each class with the next fold
            one, module = wanted[place], trained[place].module
            assert torch.equal(one.held_out, fold == number)
            assert torch.equal(one.logits, painted.train.logits[:, index])
            assert torch.equal(one.is_positive, painted.train.is_of(index))
            assert (one.settings, one.seed) == (candidate, fit_context.seed)
            own.append(slow_figures(painted, module, index, [r for r in range(20) if fold[r] == number]))
            place += 1
        mean = {key: sum(one[key] for one in own) / len(own) for key in own[0]}
        figures.append({"row": row, "settings": asdict(candidate), **mean})
    assert [one["row"] for one in table] == ["SRAE", "SRAE", "NN"]
    for one, expected in zip(table, figures, strict=True):
        assert one.keys() == expected.keys()
        assert one["settings"] == expected["settings"]
        for key in ("f_reg", "f_cls", "f_reg_relative", "o1", "live"):
            assert one[key] == pytest.approx(expected[key], rel=1e-4), key
    assert settings["NN"] == grids["NN"][0]
    assert settings["SRAE"] in CANDIDATES[:2]
    json.dumps(table, allow_nan=False)


def slow_figures(painted, module, index, rows):
    """What one module shows on held-out pictures."""
    mine = XFeatures.of_module(module, index)
    logits, z = painted.train.logits[rows], painted.train.activations[rows]
    subset = Readings(examples=painted.splits.train.subset(rows), activations=z, logits=logits)
    (figures,) = faithfulness_figures([mine], subset)
    own = [row for row in rows if painted.splits.train.labels[row] == index]
    of_maps = map_figures(mine.maps(painted.explained, painted.train, own), None)
    deviation = float((logits[:, index] - logits[:, index].mean()).square().sum() / (len(rows) - 1)) ** 0.5
    relative = figures["f_reg"] / deviation
    return {**figures, "f_reg_relative": relative, "o1": of_maps["o1"], "live": of_maps["live"] / module.num_features}


def test_no_more_classes_than_the_budget_are_looked_at(painted, fit_context, monkeypatch):
    counts = []

    def counted(_activations, wanted, _fit, _context):
        counts.append(len(wanted))
        raise KeyboardInterrupt

    monkeypatch.setattr(search_module, "train_modules", counted)
    with pytest.raises(KeyboardInterrupt):
        search(painted.explained, painted.train, [0, 1] * NUM_CLASSES, FIT, fit_context, grids={"NN": [SMALL]})
    assert counts == [NUM_CLASSES]


def test_modules_whose_maps_are_all_empty_are_told_in_figures_that_a_file_can_hold(painted, fit_context, monkeypatch):
    """Nothing reaches x-features without weights; the table is written as JSON, which has no infinity."""
    train_modules = search_module.train_modules

    def dead(*arguments):
        trained = train_modules(*arguments)
        for module, _ in trained:
            module.encoder[-1].weight.data.zero_()
        return [Trained(module, terms) for module, terms in trained]

    monkeypatch.setattr(search_module, "train_modules", dead)
    settings, table = search(painted.explained, painted.train, [0], FIT, fit_context, grids={"NN": CANDIDATES[:2]})
    assert settings["NN"] in CANDIDATES[:2]
    json.dumps(table, allow_nan=False)
    assert "o1" not in table[0]
    assert table[0]["live"] == 0
