"""The rows of the tables for one network: each figure against what its own x-features show, class by class."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.metrics.stability import matched_features
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.lasso import LassoFit, fit_lasso
from whynet.training.srae import Trained
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.concepts import rows as rows_module
from whynet.workflows.concepts.causal import causal_figures
from whynet.workflows.concepts.completeness import GAMMAS, MaskedPictures, completeness_figures
from whynet.workflows.concepts.figures import faithfulness_figures, map_figures
from whynet.workflows.concepts.parts import region_names, shown_parts
from whynet.workflows.concepts.rows import MODULE_ROWS, UNIT_PICTURES, Bench
from whynet.workflows.concepts.x_features import XFeatures

CLASSES = [1, 0]
SMALL = ModuleSettings(num_features=3, hidden="8")
SETTINGS = {
    "SRAE": SMALL,
    "NN": replace(SMALL, penalty="squared", beta=0.0),
    "SAE": replace(SMALL, penalty="squared", beta=1.0),
    "CAE": replace(SMALL, penalty="squared", beta=1.0, faithfulness=0.0),
}
STABLE = {"stability", "stability_floor"}
FAITHFUL = {"f_reg", "f_cls", "f_reg_train", "f_cls_train"}
MASKED = {"unmasked", *(f"{kind}_{ending}" for kind in ("completeness", "kept_area") for ending in GAMMAS)}
RIVAL = {f"rival_at_area_{ending}" for ending in GAMMAS}
OF_MAPS = {"o1", "o2", "live", "locality", "locality_parts", "context"}
CAUSAL = {"causal_named", "causal_other", "causal_blind", "causal_more", "causal_trials", "causal_own", "causal_rival"}


@pytest.fixture(scope="module")
def bench(painted, tmp_path_factory):
    context = FitContext(
        folder=tmp_path_factory.mktemp("bench"), seed=2, hardware=Hardware(device="cpu"), progress=False
    )
    return Bench(
        explained=painted.explained, splits=painted.splits, train=painted.train, test=painted.test, classes=CLASSES,
        settings=SETTINGS, fit=FitSettings(epochs=2, batch_size=8), context=context, stability_seeds=3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def features(bench):
    return bench.features()


@pytest.fixture(scope="module")
def measured(bench, features):
    return bench.measure(*features)


def test_every_row_has_the_figures_that_apply_to_it(measured):
    assert list(measured) == ["SRAE", "NN", "SAE", "CAE", "Lasso", "ExcitationBP", "c-ExcitationBP", "Z"]
    assert tuple(SETTINGS) == MODULE_ROWS
    for row in ("NN", "SAE", "CAE"):
        for own in measured[row]:
            assert FAITHFUL | STABLE | MASKED <= set(own) <= FAITHFUL | STABLE | MASKED | OF_MAPS
    for own in measured["SRAE"]:
        assert set(own) >= FAITHFUL | STABLE | OF_MAPS | MASKED | RIVAL
    for own in measured["Lasso"]:
        assert set(own) >= FAITHFUL | MASKED
        assert not (STABLE | CAUSAL | RIVAL) & set(own)
    for row in ("ExcitationBP", "c-ExcitationBP"):
        assert [set(own) for own in measured[row]] == [MASKED | {"locality"}] * 2
    assert [set(own) for own in measured["Z"]] == [{"locality"}] * 2
    assert all(len(own) == len(CLASSES) for own in measured.values())
    assert all(math.isfinite(value) for row in measured.values() for own in row for value in own.values())


def maps_of_logit(painted, index, rows, *, contrastive=False):
    """Excitation backprop of the logit, picture by picture."""
    subject, found = painted.subject, []
    for row in rows:
        image = subject.preprocess([painted.splits.test[row].image])
        found.append(excitation_backprop(subject, image, index, layer="blocks.0.2", contrastive=contrastive))
    return torch.cat(found)


@pytest.mark.parametrize("row", ["SRAE", "CAE", "Lasso"])
def test_a_rows_figures_are_those_of_its_x_features(painted, features, measured, row):
    for place, index in enumerate(CLASSES):
        own, test = features[0][row][place], painted.test
        assert own.class_index == index
        rows = test.rows_of(index)
        maps, parts = own.maps(painted.explained, test, rows), shown_parts(painted.subject, painted.splits.test, rows)
        masked = MaskedPictures(painted.explained, test, rows)
        expected = {
            **faithfulness_figures([own], painted.train, ending="_train")[0], **faithfulness_figures([own], test)[0],
            **map_figures(maps, parts),
            **completeness_figures(masked, maps, maps_of_logit(painted, index, rows) if row == "SRAE" else None),
        }  # fmt: skip
        if row == "SRAE":
            names = region_names(painted.splits.test, painted.splits.whole_parts)
            expected |= causal_figures(
                painted.explained, test, own, maps, rows, parts, names, painted.splits.without_part, seed=2
            )
        found = dict(measured[row][place])
        for key in STABLE:
            found.pop(key, None)
        assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("row", "contrastive"), [("ExcitationBP", False), ("c-ExcitationBP", True)])
def test_excitation_backprop_of_the_logit_has_one_map_a_picture(painted, measured, row, contrastive):
    for place, index in enumerate(CLASSES):
        rows = painted.test.rows_of(index)
        maps = maps_of_logit(painted, index, rows, contrastive=contrastive)[:, None]
        masked, parts = (
            MaskedPictures(painted.explained, painted.test, rows),
            shown_parts(painted.subject, painted.splits.test, rows),
        )
        expected = completeness_figures(masked, maps) | {"locality": map_figures(maps, parts)["locality"]}
        assert measured[row][place] == pytest.approx(expected, abs=1e-4)


def test_z_is_the_mean_over_its_entries_each_by_itself(painted, bench, measured, monkeypatch):
    """Against loops over entries and pictures."""
    for place, index in enumerate(CLASSES):
        rows = painted.test.rows_of(index)[:UNIT_PICTURES]
        weights = shown_parts(painted.subject, painted.splits.test, rows).weights
        entropies = []
        for entry in range(12):
            if not painted.test.activations[rows, entry].any():  # it fires in none of them
                continue
            own = XFeatures(class_index=0, encoder=None, units=(entry,), weights=torch.ones(1), bias=0.0)
            maps = F.interpolate(own.maps(painted.explained, painted.test, rows), (32, 32), mode="bilinear")[:, 0]
            shares = []
            for region in range(16):
                for own_map, weight in zip(maps, weights[:, region], strict=True):
                    shares.append(float((own_map * weight).sum() / own_map.sum()) if own_map.sum() > 0 else 0.0)
            histogram = np.array(shares).reshape(16, len(rows)).sum(1)
            if histogram.sum() > 0:
                histogram /= histogram.sum()
                entropies.append(-sum(share * math.log(share) for share in histogram if share > 0))
        assert 2 < len(entropies) <= 12
        assert measured["Z"][place]["locality"] == pytest.approx(sum(entropies) / len(entropies), rel=1e-3)
    monkeypatch.setattr(rows_module, "UNITS_AT_ONCE", 5)
    parts = shown_parts(painted.subject, painted.splits.test, rows)
    assert bench._locality_of_units(rows, parts)["locality"] == pytest.approx(measured["Z"][1]["locality"], rel=1e-5)


def test_modules_are_those_of_the_first_beginning_and_stable_as_far_as_all_agree(painted, bench, features):
    trained = [bench._modules(number) for number in range(3)]  # from their checkpoints: nothing is trained again
    for row in MODULE_ROWS:
        for place, index in enumerate(CLASSES):
            modules = [beginning[row][place].module for beginning in trained]
            z = painted.train.activations
            torch.testing.assert_close(features[0][row][place].predictions(z), modules[0](z).detach())
            positives = z[painted.train.rows_of(index)]
            one, two, three = (module.encoder(positives).detach() for module in modules)
            pairs = [matched_features(a, b).mean for a, b in ((one, two), (one, three), (two, three))]
            assert features[1][row][place].stability == pytest.approx(sum(pairs) / 3, abs=1e-5)


def test_what_was_trained_is_given_to_the_row_and_the_class_it_was_wanted_for(painted, bench, features, monkeypatch):
    asked, module = [], bench._modules(0)["NN"][0].module

    def trained(_activations, wanted, _fit, context):
        assert context.folder.name == "beginning1"
        asked.extend(wanted)
        return [Trained(module, {"place": float(place)}) for place in range(len(wanted))]

    monkeypatch.setattr(rows_module, "train_modules", trained)
    for row, found in bench._modules(1).items():
        wanted = [asked[int(one.terms["place"])] for one in found]
        assert [one.settings for one in wanted] == [SETTINGS[row]] * 2
        assert [one.name for one in wanted] == [painted.subject.class_names[index] for index in CLASSES]


def test_each_row_is_trained_with_its_own_settings_and_each_class_on_its_own_logit(painted, bench):
    for number in (0, 2):
        one = bench.wanted(1, SETTINGS["CAE"], number)
        assert (one.name, one.settings) == (painted.subject.class_names[1], SETTINGS["CAE"])
        assert one.seed == 2 + 1000 * number
        assert torch.equal(one.logits, painted.train.logits[:, 1])
        assert one.is_positive.tolist() == [label == 1 for label in painted.splits.train.labels]
        assert one.held_out is None
    trained = bench._modules(0)
    assert trained["NN"][0].module.readout.weight.shape == (1, 3)
    assert float(trained["CAE"][0].terms["prediction"]) >= 0
    weights = [trained[row][0].module.encoder[0].weight for row in MODULE_ROWS]
    assert not any(torch.equal(weights[0], other) for other in weights[1:])


def test_lasso_selects_as_many_entries_as_there_are_x_features_and_more_in_its_own_table(painted, bench, features):
    for place, index in enumerate(CLASSES):
        wanted = bench.wanted(index, SMALL)
        (fit,) = fit_lasso(painted.train.activations, wanted, bench.fit, [3])
        own = features[0]["Lasso"][place]
        assert own.encoder is None
        assert 0 < len(own.units) <= 3
        assert (own.units, own.bias) == (fit.units, fit.bias)
        assert torch.equal(own.weights, fit.weights)
    table = bench.lasso_table([2, 5, 12, 13, 100])
    assert [row["at_most"] for row in table] == [2.0, 5.0, 12.0], "no more than Z has"
    for row in table:
        errors, stayed, counts = [], [], []
        for index in CLASSES:
            (fit,) = fit_lasso(painted.train.activations, bench.wanted(index, SMALL), bench.fit, [int(row["at_most"])])
            counts.append(len(fit.units))
            z, logits = painted.test.activations.numpy(), painted.test.logits.numpy()
            predicted = z[:, list(fit.units)] @ fit.weights.numpy() + fit.bias
            errors.append(np.abs(predicted - logits[:, index]).mean())
            replaced = logits.copy()
            replaced[:, index] = predicted
            stayed.append((replaced.argmax(1) == logits.argmax(1)).mean())
        assert row["num_entries"] == sum(counts) / 2
        assert row["f_reg"] == pytest.approx(np.mean(errors), rel=1e-4)
        assert row["f_cls"] == pytest.approx(np.mean(stayed))
    assert table[0]["f_reg_train"] > table[2]["f_reg_train"]


def test_a_lasso_without_entries_has_no_maps(bench, features, monkeypatch):
    monkeypatch.setattr(
        rows_module, "fit_lasso",
        lambda *_: [LassoFit(units=(), weights=torch.ones(0), bias=0.5, alpha=1.0)],
    )  # fmt: skip
    (none,) = bench._lasso(1, [3])
    found = dict(bench._of_class(1, {"Lasso": none}))
    assert found["Lasso"] == {"live": 0.0}
    assert faithfulness_figures([none], bench.test)[0]["f_reg"] > 0


def test_parts_are_taken_away_for_srae_alone(painted, bench, features, monkeypatch):
    asked = []

    def causal(explained, readings, mine, maps, rows, parts, names, without_part, *, seed):
        assert (explained, readings) == (painted.explained, painted.test)
        assert torch.equal(maps, mine.maps(explained, readings, rows))
        assert parts.places == list(range(len(rows)))
        assert names == region_names(painted.splits.test, {"beak": "bill"})
        assert without_part is painted.splits.without_part
        asked.append((mine, rows, seed))
        return {"causal_trials": 7.0}

    monkeypatch.setattr(rows_module, "causal_figures", causal)
    own = {row: some[1] for row, some in features[0].items()}
    found = dict(bench._of_class(0, own))
    assert asked == [(own["SRAE"], painted.test.rows_of(0), 2)]
    assert [row for row, figures in found.items() if "causal_trials" in figures] == ["SRAE"]


def test_pictures_without_parts_have_no_figures_of_parts(painted, bench, features):
    test = painted.splits.test.subset(range(10))
    test.part_names = ()
    bare = replace(
        bench, splits=replace(painted.splits, test=test, without_part=None), test=replace(painted.test, examples=test)
    )
    rows = [row for row, _ in bare._of_class(1, {"SRAE": features[0]["SRAE"][0]})]
    assert rows == ["SRAE", "ExcitationBP", "c-ExcitationBP"]
    found = dict(bare._of_class(1, {"SRAE": features[0]["SRAE"][0]}))
    assert set(found["SRAE"]) == {"o1", "o2", "live"} | MASKED | RIVAL
    assert set(found["ExcitationBP"]) == MASKED


@pytest.mark.filterwarnings("ignore:no input contributed")
def test_maps_that_are_all_empty_are_left_out(painted, bench, features):
    dead = replace(bench, explained=replace(painted.explained, subject=painted.subject))
    empty = torch.zeros(5, 1, 16, 16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bench, "_maps_of_logit", lambda *_: empty)
        patch.setattr(XFeatures, "maps", lambda self, *_: empty.expand(5, len(self.units), 16, 16))
        found = dict(dead._of_class(1, {"SRAE": features[0]["SRAE"][0]}))
    assert found["Z"] == {}
    assert "locality" not in found["ExcitationBP"]
    assert found["SRAE"]["live"] == 0
    assert found["SRAE"]["kept_area_01"] == 0
