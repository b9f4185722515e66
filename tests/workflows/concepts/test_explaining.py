"""Concepts as reasons: the x-features of the predicted class, the weightiest first, that add up to its logit."""

import copy
import json
import shutil
from dataclasses import replace

import pytest
import torch

from whynet.base.errors import RunError, StorageError
from whynet.models.saved_subject import load_subject, save_subject
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.class_folders import class_folder
from whynet.workflows.concepts import explaining, finding
from whynet.workflows.concepts.explaining import ConceptReader, Reasons
from whynet.workflows.concepts.finding import find_concepts
from whynet.workflows.concepts.request import ConceptRequest, LayerSettings
from whynet.workflows.concepts.saved import load_concepts, save_concepts
from whynet.workflows.concepts.x_features import XFeatures
from whynet.workflows.explainer import Explainer
from whynet.workflows.run import CLASSIFIER, CONCEPTS, Run

REQUEST = ConceptRequest(
    where=LayerSettings(seeds=1, classes="1"), module=ModuleSettings(num_features=3, hidden="8", beta=0.1),
    fit=FitSettings(epochs=2, batch_size=8),
)  # fmt: skip


@pytest.fixture(scope="module")
def once(painted, tmp_path_factory):
    """The concepts of class 1, and the folder of a run that holds them; the other class has none."""
    run = Run.create(tmp_path_factory.mktemp("once") / "run", painted.settings.to_json())
    save_subject(painted.subject, run.folder / CLASSIFIER)
    run.complete(CLASSIFIER, 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "open_data", lambda *_args, **_more: painted.splits)
        (found,) = find_concepts(run, REQUEST, device="cpu", progress=False, cache=painted.cache)
    return found, run.folder


@pytest.fixture
def own(once, painted_run):
    """The concepts of class 1; `painted_run` holds them."""
    concepts, folder = once
    shutil.copytree(folder, painted_run.folder, dirs_exist_ok=True)
    return concepts


@pytest.fixture
def pictures(painted):
    """Test pictures of both predicted classes."""
    return [painted.splits.test[row].image for row in range(10)]


def explain(run, pictures):
    return Explainer(run, device="cpu").explain(pictures, [f"{number}.png" for number in range(len(pictures))])


def test_reasons_and_the_bias_add_up_to_the_logit_by_concepts(own, painted, painted_run, pictures):
    mine = XFeatures.of_module(own.module, 1)
    found = explain(painted_run, pictures)
    assert [one.class_index for one in found] == painted.test.logits.argmax(1).tolist()
    assert {one.class_index for one in found} == {0, 1}
    for row, one in enumerate(found):
        if one.class_index == 0:
            assert one.reasons == ()
            assert one.faithfulness == {}
            continue
        weights = [reason.weight for reason in one.reasons]
        assert weights == sorted(weights, reverse=True)
        told = one.faithfulness
        assert sum(weights) + own.module.bias == pytest.approx(told["logit_by_concepts"], abs=1e-4)
        z = painted.test.activations[[row]]
        assert told["logit_by_concepts"] == pytest.approx(float(own.module(z)[0].detach()), abs=1e-4)
        assert told["logit"] == pytest.approx(float(painted.test.logits[row, 1]), abs=1e-4)
        by_concept = mine.contributions(z)[0].tolist()
        assert weights == pytest.approx(sorted(by_concept, reverse=True), abs=1e-4)
        maps = mine.maps(painted.explained, painted.test, [row])[0]
        order = sorted(range(3), key=lambda number: -by_concept[number])
        for reason, number in zip(one.reasons, order, strict=True):
            assert reason.name == own.concepts[number].title
            assert reason.is_named == own.concepts[number].is_named
            torch.testing.assert_close(torch.from_numpy(reason.heat_map), maps[number], atol=1e-5, rtol=1e-3)


def test_how_far_to_trust_them_is_told_beside(own, painted_run, pictures):
    (one, *_) = (found for found in explain(painted_run, pictures) if found.class_index == 1)
    told = {"logit", "logit_by_concepts"}
    figures = {f"concepts_{key}": own.figures[key] for key in ("f_cls", "f_reg", "locality")}
    assert {key: value for key, value in one.faithfulness.items() if key not in told} == pytest.approx(figures)
    assert "concepts_stability" not in one.faithfulness, "there was one seed"


def test_a_picture_has_the_reasons_that_it_would_have_alone(own, painted_run, pictures):
    together = explain(painted_run, pictures)
    for picture, expected in zip(pictures, together, strict=True):
        (alone,) = explain(painted_run, [picture])
        assert [reason.name for reason in alone.reasons] == [reason.name for reason in expected.reasons]
        weights = [reason.weight for reason in expected.reasons]
        assert [reason.weight for reason in alone.reasons] == pytest.approx(weights, abs=1e-5)


def test_a_persons_names_are_told_in_the_sentence_and_in_json(own, painted, painted_run, pictures):
    names = ["<red> wing", "crest", "<red> wing"]
    concepts = tuple(replace(one, name=name) for one, name in zip(own.concepts, names, strict=True))
    module = copy.deepcopy(own.module)
    with torch.no_grad():
        module.readout.weight.neg_()  # what spoke against the class speaks for it
    save_concepts(painted_run, painted.subject, replace(own, concepts=concepts, module=module))
    (one, *_) = (found for found in explain(painted_run, pictures) if found.class_index == 1)
    weights = {}
    for reason in one.reasons:
        weights[reason.name] = weights.get(reason.name, 0.0) + reason.weight
    positive = {name: weight for name, weight in weights.items() if weight > 0}
    assert positive
    for name, weight in positive.items():
        assert (f"{name} ({weight:+.1f})" in one.text) == (weight >= 0.1 * sum(positive.values()))
    value = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert value["sentence"] is None
    assert value["text"] == one.text
    assert value["reasons_sentence"] == one.reasons_sentence
    assert [reason["name"] for reason in value["reasons"]] == [reason.name for reason in one.reasons]
    assert all(len(reason["heat_map"]) == len(reason["heat_map"][0]) == 16 for reason in value["reasons"])
    assert value["faithfulness"]["logit_by_concepts"] == one.faithfulness["logit_by_concepts"]


def test_a_run_without_concepts_has_no_reasons(painted, painted_run, pictures, monkeypatch):
    monkeypatch.setattr(explaining, "weights_fingerprint", lambda _: pytest.fail("of no use"))
    for one in explain(painted_run, pictures):
        assert (one.reasons, one.faithfulness, one.reasons_sentence) == ((), {}, None)
        assert one.text in {f"This is an image of a {name}." for name in painted.subject.class_names}
    reader = ConceptReader(painted_run, painted.subject)
    assert reader.classes == []
    assert reader.reasons(torch.zeros(1, 3, 32, 32), torch.zeros(1, 2)) == [Reasons()]


def test_concepts_are_read_when_they_are_needed_and_once(own, painted, painted_run, monkeypatch):
    asked = []

    def counted(folder, *arguments, **more):
        asked.append(folder.name)
        return load_concepts(folder, *arguments, **more)

    monkeypatch.setattr(explaining, "load_concepts", counted)
    reader = ConceptReader(painted_run, painted.subject)
    assert reader.classes == [1]
    images = painted.explained.preprocessed(painted.splits.test, [0, 1])
    first, second = torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[0.0, 1.0]] * 2)
    assert reader.reasons(images, first) == [Reasons(), Reasons()]
    assert asked == []
    reader.reasons(images, second)
    reader.reasons(images, second)
    assert len(asked) == 1
    assert reader.of_class(1) is reader.of_class(1)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"class_index": "one"}', "{}"])
def test_damaged_concepts_are_told_when_the_run_is_opened(own, painted_run, text):
    path = class_folder(painted_run, CONCEPTS, 1, own.class_name) / "concepts.json"
    path.write_text(text)
    with pytest.raises((RunError, StorageError), match=r"concepts\.json .*(again|anew)"):
        Explainer(painted_run, device="cpu")


def test_concepts_of_another_network_are_not_told_as_reasons(own, painted, painted_run, pictures):
    other = load_subject(painted_run.folder / CLASSIFIER)
    other.network.output.bias.data += torch.tensor([0.0, 50.0])
    save_subject(other, painted_run.folder / CLASSIFIER)
    with pytest.raises(RunError, match="was made for another network"):
        explain(painted_run, pictures)
    shutil.rmtree(painted_run.folder / CONCEPTS)
    assert explain(painted_run, pictures)[0].reasons == ()


def test_an_x_feature_without_a_name_is_a_reason_all_the_same(own, painted, painted_run, pictures):
    bare = replace(own, concepts=tuple(replace(one, suggestion=None) for one in own.concepts))
    save_concepts(painted_run, painted.subject, bare)
    (one, *_) = (found for found in explain(painted_run, pictures) if found.class_index == 1)
    assert sorted(reason.name for reason in one.reasons) == ["x-feature 1", "x-feature 2", "x-feature 3"]
    assert one.reasons_sentence is None
