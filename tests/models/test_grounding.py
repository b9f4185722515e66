import pytest
import torch

from whynet.base.errors import SettingError
from whynet.base.tokens import PADDING, START, STOP
from whynet.models.grounding import ground_words, strongest_units, word_log_probabilities
from whynet.models.interpnet import InterpNET

SEGMENTS = (("feature", 3), ("hidden.0", 2), ("probabilities", 4))


def small(seed=0):
    torch.manual_seed(seed)
    model = InterpNET(
        reading_size=9, vocabulary_size=7, embedding_size=4, hidden_size=5, projection_size=6, max_length=5, dropout=0.5
    )
    readings = torch.rand(20, 9) * torch.tensor([1, 10, 100, 1, 1, 1, 0.1, 0.1, 1])
    readings[:, 4] = 2.5  # constant: it says nothing
    model.standardise(readings)
    for parameter in model.parameters():  # far from uniform
        parameter.data *= 3
    return model, readings[:4]


def log_p(model, reading, ids, t):
    """log P(w_t | w_<t, r(x)) with the standardisation written out, in double precision."""
    scaled = (reading - model.reading_mean) / model.reading_scale
    scores = model.decoder(scaled[None], torch.tensor([[START, *ids[:t]]]))[0, t]
    return (scores[ids[t]] - scores.exp().sum().log()).item()


def test_contributions_equal_finite_differences():
    model, readings = small()
    ids = model.write(readings).ids
    found = ground_words(model, readings, ids, SEGMENTS)
    model, readings = model.double().eval(), readings.double()
    checked = 0
    for b, sentence in enumerate(ids.tolist()):
        for t, word in enumerate(sentence):
            if word == PADDING:
                continue
            assert float(found.log_probabilities[b, t]) == pytest.approx(
                log_p(model, readings[b], sentence, t), abs=1e-4
            )
            for i in range(9):
                step = 1e-4 * max(1.0, float(readings[b, i]))
                up, down = readings[b].clone(), readings[b].clone()
                up[i] += step
                down[i] -= step
                slope = (log_p(model, up, sentence, t) - log_p(model, down, sentence, t)) / (2 * step)
                expected = float(readings[b, i]) * slope
                assert float(found.contributions[b, t, i]) == pytest.approx(expected, rel=2e-3, abs=2e-4)
                checked += abs(expected) > 0.01
    assert checked > 50


def test_layers_and_shares_are_sums_over_their_entries():
    model, readings = small(seed=1)
    ids = model.write(readings).ids
    found = ground_words(model, readings, ids, SEGMENTS)
    for b, t in [(b, t) for b in range(4) for t in range(ids.shape[1]) if ids[b, t] != PADDING]:
        g = found.contributions[b, t].tolist()
        parts = [g[:3], g[3:5], g[5:]]
        total = sum(abs(value) for value in g)
        assert found.layers[b, t].tolist() == pytest.approx([sum(part) for part in parts], abs=1e-5)
        expected = [sum(abs(value) for value in part) / total for part in parts]
        assert found.shares[b, t].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_constant_entry_and_the_padding_get_nothing():
    model, readings = small()
    ids = torch.tensor([[4, 5, STOP, PADDING], [4, STOP, PADDING, PADDING], [5, 6, 4, STOP], [6, 5, STOP, PADDING]])
    found = ground_words(model, readings, ids, SEGMENTS)
    assert model.reading_scale[4] == torch.inf
    assert (found.contributions[..., 4] == 0).all()
    for figure in (found.log_probabilities, found.contributions, found.layers, found.shares):
        assert figure.isfinite().all()
        assert (figure[ids == PADDING] == 0).all()
    assert found.shares[ids != PADDING].sum(1).tolist() == pytest.approx([1.0] * 12, abs=1e-5)


class Linear(torch.nn.Module):
    """Word 4 is so unlikely that the logarithm of its probability is its score, which is linear in r(x)."""

    def __init__(self):
        super().__init__()
        self.register_buffer("slope", torch.tensor([0.5, -1.0, 0.25, 0.0, 2.0, -0.5, 1.0, 0.1, 0.7]).double())

    def forward(self, scaled, ids):
        scores = torch.full((*ids.shape, 7), -50.0, dtype=scaled.dtype)
        scores[..., STOP] = 0.0
        scores[..., 4] = (scaled @ self.slope)[:, None] - 40
        return scores


def test_contributions_of_a_linear_decoder_add_up_to_what_r_adds_over_nothing():
    model, readings = small()
    model.decoder, readings = Linear(), readings.double()
    ids = torch.full((4, 2), 4)
    found = ground_words(model, readings, ids, SEGMENTS)
    nothing = word_log_probabilities(model, torch.zeros_like(readings), ids)
    torch.testing.assert_close(found.layers.sum(2), found.log_probabilities - nothing)


def test_an_image_is_grounded_as_it_would_be_alone():
    model, readings = small(seed=2)
    ids = model.write(readings).ids
    together = ground_words(model, readings, ids, SEGMENTS)
    for b in range(4):
        alone = ground_words(model, readings[b : b + 1], ids[b : b + 1], SEGMENTS)
        torch.testing.assert_close(alone.contributions[0], together.contributions[b], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_left_behind(training):
    model, readings = small()
    model.train(training)
    written = model.write(readings)
    with torch.no_grad():  # as evaluation calls it
        found = ground_words(model, readings, written.ids, SEGMENTS)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not readings.requires_grad
    assert model.training == model.decoder.dropout.training == training
    assert not found.contributions.requires_grad
    words = written.ids != PADDING
    torch.testing.assert_close(found.log_probabilities.exp()[words], written.probabilities[words])
    torch.testing.assert_close(word_log_probabilities(model, readings, written.ids), found.log_probabilities)
    assert model.training == training


def test_the_strongest_units_are_named_within_their_layer():
    contributions = torch.tensor([0.1, 0.0, -0.9, 0.3, 0.0, 0.0, 0.0, 0.0, 0.2])
    expected = [("feature", 2, -0.9), ("hidden.0", 0, 0.3), ("probabilities", 3, 0.2)]
    assert [(layer, unit, round(g, 6)) for layer, unit, g in strongest_units(contributions, SEGMENTS, 3)] == expected
    assert len(strongest_units(contributions, SEGMENTS, 20)) == 4  # the zeros are left out


def test_segments_of_another_reading_are_refused():
    model, readings = small()
    with pytest.raises(SettingError, match=r"segments of 9 entries in all were expected.*not of 3 \+ 2 = 5"):
        ground_words(model, readings, torch.tensor([[4, STOP]] * 4), SEGMENTS[:2])
