import math
import shutil
from dataclasses import replace

import pytest
import torch

from whynet.base.errors import RunError
from whynet.training.hardware import Hardware
from whynet.training.settings import GVESettings
from whynet.workflows.catalogue import ClaimTruth, open_data
from whynet.workflows.evaluate import evaluate
from whynet.workflows.explain import explain
from whynet.workflows.explainer import Explainer
from whynet.workflows.honesty import calibration_of_claims, true_against_predicted, word_calibration
from whynet.workflows.reading import read_all
from whynet.workflows.sentence_figures import SentenceFigures
from whynet.workflows.settings import ModelSettings
from whynet.workflows.train import train


@pytest.fixture
def explainer(coloured_run):
    return Explainer(coloured_run, device="cpu")


@pytest.fixture
def test_part(quick_settings):
    return open_data(quick_settings.data).test


def test_calibration_of_peoples_words(explainer, test_part):
    readings, _ = read_all(explainer.introspection, test_part)
    found = word_calibration(explainer, readings, test_part.captions)
    # Word by word: the likeliest word's probability against whether it is the caption's.
    confidences, hits = [], []
    for row, captions in enumerate(test_part.captions):
        for caption in captions:
            ids = explainer.vocabulary.encode(caption)
            with torch.no_grad():
                scores = explainer.interpnet(readings[[row]], torch.tensor([[1, *ids[:-1]]]))[0]
            best = scores.softmax(1).max(1)
            confidences += best.values.tolist()
            hits += [int(a) == b for a, b in zip(best.indices, ids, strict=True)]
    assert found["accuracy"] == pytest.approx(sum(hits) / len(hits))
    assert found["confidence"] == pytest.approx(sum(confidences) / len(hits), abs=1e-5)
    ece = 0.0
    for m in range(15):
        own = [i for i, c in enumerate(confidences) if math.ceil(c * 15) - 1 == m]
        ece += abs(sum(hits[i] for i in own) - sum(confidences[i] for i in own)) / len(hits)
    assert found["ece"] == pytest.approx(ece, abs=1e-5)
    assert found["unknown_words"] == 0


def test_a_word_that_the_vocabulary_lacks_is_missed_and_counted(explainer, test_part):
    readings, _ = read_all(explainer.introspection, test_part)
    plain = word_calibration(explainer, readings[:1], [("a small red square.",)])
    strange = word_calibration(explainer, readings[:1], [("a small crimson square.",)])
    assert strange["unknown_words"] == pytest.approx(1 / 5)
    assert plain["unknown_words"] == 0
    assert strange["accuracy"] <= plain["accuracy"]


def test_the_class_can_be_exchanged_in_what_the_explainer_sees(explainer, test_part):
    readings, logits = read_all(explainer.introspection, test_part)
    assert torch.equal(explainer.conditioned(readings, logits), readings)
    other = 1 - logits.argmax(1)
    exchanged = explainer.conditioned(readings, logits, other)
    assert torch.equal(exchanged[:, :-2], readings[:, :-2])
    assert torch.equal(exchanged[:, -2:], readings[:, -2:].flip(1))
    assert explainer.reads_the_class


def test_the_true_class_against_the_predicted_one(explainer, quick_settings, test_part):
    readings, logits = read_all(explainer.introspection, test_part)
    truth = [1 - int(label) for label in logits.argmax(1)]  # as if the network erred everywhere
    with SentenceFigures(open_data(quick_settings.data), language=False) as scorer:
        found = true_against_predicted(explainer, readings, logits, truth, scorer)
        assert found["num_images"] == 12
        kinds = [
            [sentence.text for sentence in explainer.sentences(explainer.conditioned(readings, logits, classes))]
            for classes in (None, torch.tensor(truth))
        ]
        assert found["changed"] == sum(a != b for a, b in zip(*kinds, strict=True)) / 12
        assert set(found["true"]["diversity"]) == {"distinct", "copied"}
        right = logits.argmax(1).tolist()
        assert true_against_predicted(explainer, readings, logits, right, scorer) is None


def test_claims_are_calibrated_against_the_picture(explainer, test_part):
    def parse(sentence):
        return frozenset(("tile", colour) for colour in ("red", "blue") if colour in sentence.split())

    true = [frozenset({("tile", "red")})] * len(test_part)
    readings, _ = read_all(explainer.introspection, test_part)
    sentences = explainer.sentences(readings)
    claims = ClaimTruth(parse=parse, of_class=[], discriminative=[])
    stated = [(w.probability, w.text == "red") for s in sentences for w in s.words if w.text in ("red", "blue")]
    assert {truth for _, truth in stated} == {True, False}
    found = calibration_of_claims(claims, true, sentences)
    bins: dict[int, list[float]] = {}
    for probability, truth in stated:
        bins.setdefault(min(14, math.ceil(probability * 15) - 1), []).append(truth - probability)
    assert found == pytest.approx(sum(abs(sum(own)) for own in bins.values()) / len(stated), abs=1e-5)
    nothing = ClaimTruth(parse=lambda _: frozenset(), of_class=[], discriminative=[])
    assert calibration_of_claims(nothing, true, sentences) is None


def test_the_baseline_is_trained_evaluated_and_explains(quick_settings, coloured_pictures, tmp_path):
    gve = GVESettings(epochs=10, batch_size=8, learning_rate=1e-2, embedding_size=8, hidden_size=12)
    explainer = replace(quick_settings.explainer, epochs=10)
    settings = replace(quick_settings, model=ModelSettings(variant="gve"), gve=gve, explainer=explainer)
    run = train(tmp_path / "run", settings, hardware=Hardware(device="cpu"), progress=False)
    names = {path.name for path in (run.folder / "interpnet").rglob("*")}
    assert {"class_embedding", "sentence_classifier.json", "language_model.json", "training.json"} <= names
    assert {path.suffix for path in run.folder.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    metrics = evaluate(run, language=False, device="cpu")
    assert metrics["grounding"]["layers"].keys() == {"feature", "class embedding"}
    (explanation,) = explain(run, coloured_pictures / "test" / "red tile" / "0.png", device="cpu")
    assert explanation.sentence
    writer = Explainer(run, device="cpu")
    readings, logits = torch.zeros(2, 256), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    seen = writer.conditioned(readings, logits)
    assert torch.equal(seen[:, 256:], writer.class_embedding.vectors)
    assert torch.equal(writer.conditioned(readings, logits, torch.tensor([1, 0]))[:, 256:], seen[:, 256:].flip(0))
    shutil.rmtree(run.folder / "interpnet" / "class_embedding")
    with pytest.raises(RunError, match="class_embedding.config.json is not there; train that part"):
        explain(run, coloured_pictures / "test" / "red tile" / "0.png", device="cpu")
