"""Word maps: the gradient is checked by changing the maps, since to first order each position's figure foretells it."""

import numpy as np
import pytest
import torch

from whynet.attribution.passage import listening
from whynet.base.errors import SubjectError
from whynet.data.function_words import is_content_word
from whynet.models.grounding import word_log_probabilities
from whynet.workflows.explainer import Explainer
from whynet.workflows.word_maps import word_maps

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def explainer(coloured_run):
    return Explainer(coloured_run, device="cpu")


@pytest.fixture(scope="module")
def sentence(explainer):
    readings, _ = explainer.read([PICTURE])
    (written,) = explainer.sentences(readings)
    assert any(is_content_word(word.text) for word in written.words)
    return written


def _log_p(explainer, sentence, layer, change):
    """Each word's log-probability where the maps of a layer are changed."""
    with listening([(explainer.subject.layer(layer), change)]), torch.no_grad():
        readings, _ = explainer.read([PICTURE])
    return word_log_probabilities(explainer.interpnet, readings, explainer.ids([sentence]))[0].detach()


def test_a_position_s_figure_is_the_slope_of_the_word_s_log_probability(explainer, sentence):
    layer = "blocks.0"
    maps = word_maps(explainer, PICTURE, sentence, layer=layer)
    row, column = np.unravel_index(int(maps.abs().sum(0).argmax()), maps.shape[1:])

    def scaled(factor):
        def change(output):
            output = output.clone()
            output[:, :, row, column] *= factor
            return output

        return change

    step = 1e-2
    slopes = (
        _log_p(explainer, sentence, layer, scaled(1 + step)) - _log_p(explainer, sentence, layer, scaled(1 - step))
    ) / (2 * step)
    for place, word in enumerate(sentence.words):
        expected = float(slopes[place]) if is_content_word(word.text) else 0.0
        assert float(maps[place, row, column]) == pytest.approx(expected, abs=2e-3, rel=0.05)
    assert float(maps[:, row, column].abs().max()) > 1e-3


def test_maps_lie_at_the_last_convolution_and_leave_nothing_behind(explainer, sentence):
    weights = [parameter.clone() for parameter in explainer.subject.network.parameters()]
    maps = word_maps(explainer, PICTURE, sentence)
    assert maps.shape[0] == len(sentence.words)
    assert maps.shape[1] > 1
    assert all(parameter.grad is None for parameter in explainer.subject.network.parameters())
    assert all(parameter.grad is None for parameter in explainer.interpnet.parameters())
    assert all(torch.equal(old, new) for old, new in zip(weights, explainer.subject.network.parameters(), strict=True))


def test_a_layer_without_maps_is_refused(explainer, sentence):
    with pytest.raises(SubjectError, match="returns no maps"):
        word_maps(explainer, PICTURE, sentence, layer="hidden.0")
