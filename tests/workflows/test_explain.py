import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from whynet.base.tokens import PADDING
from whynet.data.function_words import is_content_word
from whynet.training.hardware import Hardware
from whynet.workflows.explain import explain
from whynet.workflows.explainer import NUM_UNITS, Explainer
from whynet.workflows.settings import ModelSettings
from whynet.workflows.train import train

PICTURES = [np.full((20, 24, 3), colour, np.uint8) for colour in ((200, 30, 30), (30, 30, 200), (120, 30, 120))]


@pytest.fixture(scope="module")
def explainer(coloured_run):
    return Explainer(coloured_run, device="cpu")


@pytest.fixture(scope="module")
def class_alone(quick_settings, tmp_path_factory):
    """An explainer that sees the class probabilities and nothing else."""
    settings = replace(
        quick_settings,
        model=ModelSettings(variant="interpnet0"),
        classifier=replace(quick_settings.classifier, epochs=1),
        explainer=replace(quick_settings.explainer, epochs=2),
    )
    folder = tmp_path_factory.mktemp("runs") / "class"
    train(folder, settings, hardware=Hardware(device="cpu"), progress=False)
    return Explainer(folder, device="cpu")


def test_it_starts_without_what_only_training_and_measuring_need():
    code = (
        "import sys, whynet.workflows.explain; "
        "print(*{'lightning', 'torchmetrics', 'sklearn', 'scipy.stats'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_content_words_are_grounded_in_the_layers_that_were_read(explainer):
    for explanation in explainer.explain(PICTURES, ["red", "blue", "purple"]):
        assert explanation.words
        for word in explanation.words:
            assert (word.grounding is not None) == is_content_word(word.text)
            if word.grounding is None:
                continue
            layers = [layer.name for layer in word.grounding.layers]
            assert layers == ["feature", "hidden.0", "hidden.1", "probabilities"]
            assert sum(layer.share for layer in word.grounding.layers) == pytest.approx(1, abs=1e-5)
            strengths = [abs(unit.contribution) for unit in word.grounding.units]
            assert strengths == sorted(strengths, reverse=True)
            assert len(strengths) == NUM_UNITS
            sizes = dict(explainer.segments)
            assert all(0 <= unit.unit < sizes[unit.layer] for unit in word.grounding.units)


def test_grounding_changes_neither_the_words_nor_their_probabilities(explainer, coloured_run):
    grounded = explainer.explain(PICTURES, ["a", "b", "c"])
    bare = explain(coloured_run, PICTURES, grounded=False, device="cpu")
    for one, other in zip(grounded, bare, strict=True):
        assert one.text == other.text
        assert [replace(word, grounding=None) for word in one.words] == list(other.words)


def test_a_picture_is_grounded_as_it_would_be_alone(explainer):
    together = explainer.explain(PICTURES, ["a", "b", "c"])
    for picture, expected in zip(PICTURES, together, strict=True):
        (alone,) = explainer.explain([picture], ["x"])
        for word, other in zip(alone.words, expected.words, strict=True):
            if word.grounding is not None:
                shares = [layer.share for layer in word.grounding.layers]
                assert shares == pytest.approx([layer.share for layer in other.grounding.layers], abs=1e-3)


def test_segments_cut_the_reading_at_the_layers(explainer):
    readings, logits = explainer.read(PICTURES)
    assert sum(size for _, size in explainer.segments) == readings.shape[1]
    last, size = explainer.segments[-1]
    assert (last, size) == ("probabilities", 2)
    torch.testing.assert_close(readings[:, -size:], logits.softmax(1))
    recorded = explainer.introspection.record(explainer.subject.preprocess(PICTURES))
    begin = 0
    for name, size in explainer.segments[:-1]:
        torch.testing.assert_close(readings[:, begin : begin + size], recorded.activations[name].flatten(1))
        begin += size


def test_ids_are_those_that_were_written(explainer):
    readings, _ = explainer.read(PICTURES)
    expected = explainer.interpnet.write(readings).ids
    ids = explainer.ids(explainer.sentences(readings))
    width = ids.shape[1]
    assert ids.tolist() == expected[:, :width].tolist()
    assert (expected[:, width:] == PADDING).all()


def test_the_class_alone_grounds_every_word(class_alone):
    assert class_alone.segments == (("probabilities", 2),)
    (explanation,) = class_alone.explain(PICTURES[:1], ["red"])
    grounded = [word.grounding for word in explanation.words if word.grounding is not None]
    assert grounded
    assert all(len(word.layers) == 1 and word.layers[0].share == pytest.approx(1) for word in grounded)


def test_a_sentence_that_was_not_written_stays_away(explainer):
    readings, _ = explainer.read(PICTURES)
    sentences = [None, *explainer.sentences(readings)[1:]]
    grounded = explainer.ground(readings, sentences)
    assert grounded[0] is None
    assert explainer.ground(readings[:1], [None]) == [None]
    assert grounded[2].text == sentences[2].text
