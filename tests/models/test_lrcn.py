import itertools
import math

import pytest
import torch

from whynet.base.tokens import PADDING, START, STOP, UNKNOWN
from whynet.models.lrcn import LRCN


def small(vocabulary_size=7, seed=0):
    torch.manual_seed(seed)
    model = LRCN(
        vocabulary_size=vocabulary_size, reading_size=5, embedding_size=3, hidden_size=4, projection_size=6, dropout=0.0
    ).eval()
    for parameter in model.parameters():  # far from uniform, so that different searches find different sentences
        parameter.data *= 4
    return model


def lstm_cell(lstm, x, h, c):
    """One step of an LSTM from its textbook equations, gate by gate."""
    gates = lstm.weight_ih_l0 @ x + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
    i, f, g, o = gates.split(len(h))
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def slow_scores(model, reading, ids):
    """LRCN-2f from its equations, with r(x) concatenated at every step instead of projected once."""
    weight = torch.cat([model.project_hidden.weight, model.project_reading.weight], 1)
    h1 = c1 = h2 = c2 = torch.zeros(4)
    scores = []
    for word in ids:
        h1, c1 = lstm_cell(model.first, model.embedding.weight[word], h1, c1)
        joined = weight @ torch.cat([h1, reading]) + model.project_hidden.bias
        h2, c2 = lstm_cell(model.second, joined, h2, c2)
        scores.append(model.output.weight @ h2 + model.output.bias)
    return torch.stack(scores)


def log_probability(model, reading, words):
    scores = slow_scores(model, reading, [START, *words[:-1]]).log_softmax(1).detach()
    return sum(float(scores[step, word]) for step, word in enumerate(words))


def every_sentence(vocabulary_size, max_length):
    words = [word for word in range(vocabulary_size) if word not in (PADDING, START, UNKNOWN, STOP)]
    for length in range(1, max_length + 1):
        for sentence in itertools.product(words, repeat=length):
            yield [*sentence, STOP]


def test_scores_equal_the_equations():
    model, readings = small(), torch.randn(3, 5)
    ids = torch.tensor([[START, 4, 5, 6], [START, 6, 6, 4], [START, 5, 4, 4]])
    expected = torch.stack(
        [slow_scores(model, reading, row) for reading, row in zip(readings, ids.tolist(), strict=True)]
    )
    torch.testing.assert_close(model(readings, ids), expected)


@pytest.mark.parametrize("seed", range(8))
def test_greedy_takes_the_likeliest_word_at_each_step(seed):
    model, reading = small(seed=seed), torch.randn(1, 5)
    words = []
    while len(words) < 6 and STOP not in words:
        scores = slow_scores(model, reading[0], [START, *words])[-1]
        scores[[PADDING, START, UNKNOWN]] = -math.inf
        if not words:
            scores[STOP] = -math.inf
        words.append(int(scores.argmax()))
    if STOP not in words:
        words = [*words, STOP]
    assert model.greedy(reading, max_length=6).ids.tolist() == [words]


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_as_wide_as_all_sentences_finds_the_best_of_them(seed):
    model, reading = small(seed=seed), torch.randn(1, 5)
    sentences = list(every_sentence(7, max_length=3))
    best = max(sentences, key=lambda words: log_probability(model, reading[0], words) / ((5 + len(words)) / 6) ** 0.7)
    found = model.beam(reading, width=len(sentences), max_length=3)
    assert [word for word in found.ids[0].tolist() if word != PADDING] == best


def test_a_wider_beam_finds_something_else_than_greedy_sometimes():
    found = [(small(seed=seed), torch.randn(1, 5)) for seed in range(20)]
    differ = [
        model.greedy(reading, max_length=5).ids.tolist() != model.beam(reading, width=5, max_length=5).ids.tolist()
        for model, reading in found
    ]
    assert any(differ)


@pytest.mark.parametrize("width", [1, 3])
def test_a_batch_writes_what_its_images_write_alone(width):
    model, readings = small(seed=3), torch.randn(6, 5)
    together = model.beam(readings, width=width, max_length=5)
    for index in range(6):
        alone = model.beam(readings[index : index + 1], width=width, max_length=5)
        length = alone.ids.shape[1]
        assert together.ids[index, :length].tolist() == alone.ids[0].tolist()
        assert set(together.ids[index, length:].tolist()) <= {PADDING}
        torch.testing.assert_close(together.probabilities[index, :length], alone.probabilities[0])


@pytest.mark.parametrize("width", [1, 4])
def test_word_probabilities_are_those_of_the_model(width):
    model, reading = small(seed=5), torch.randn(1, 5)
    found = model.beam(reading, width=width, max_length=4)
    words = [word for word in found.ids[0].tolist() if word != PADDING]
    total = sum(math.log(p) for p in found.probabilities[0, : len(words)].tolist())
    assert total == pytest.approx(log_probability(model, reading[0], words), abs=1e-4)


@pytest.mark.parametrize("width", [1, 3])
def test_every_sentence_ends_with_one_full_stop(width):
    model = small(seed=1)
    model.output.bias.data[STOP] = -100  # it would never stop by itself
    ids = model.beam(torch.randn(4, 5), width=width, max_length=3).ids
    assert ids.shape == (4, 4)
    assert (ids == STOP).sum(1).tolist() == [1] * 4
    assert not ((ids == START) | (ids == UNKNOWN)).any()
