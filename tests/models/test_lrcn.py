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


def chances_of_all_sentences(model, reading, max_length):
    """The chance of each sentence under `sample`'s rules, from the slow scores, word by word."""
    chances = {}
    for words in every_sentence(model.embedding.num_embeddings, max_length):
        scores = slow_scores(model, reading, [START, *words[:-1]]).tolist()
        chance = 1.0
        for step, word in enumerate(words[:max_length]):  # the full stop after that is certain
            allowed = [w for w in range(len(scores[step])) if w > STOP or (w == STOP and step > 0)]
            chance *= math.exp(scores[step][word]) / sum(math.exp(scores[step][w]) for w in allowed)
        chances[tuple(words)] = chance
    return chances


def words_of(ids):
    return [tuple(word for word in row if word != PADDING) for row in ids.tolist()]


@pytest.mark.parametrize("seed", range(3))
def test_sentences_are_drawn_as_often_as_the_model_says(seed):
    model, reading = small(seed=seed), torch.randn(1, 5)
    chances = chances_of_all_sentences(model, reading[0], max_length=2)
    assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
    count = 20_000
    torch.manual_seed(seed)
    drawn = model.sample(reading.expand(count, -1), max_length=2)
    found = words_of(drawn.ids)
    assert set(found) <= set(chances)
    for words, chance in chances.items():
        deviation = math.sqrt(chance * (1 - chance) / count)
        assert abs(found.count(words) / count - chance) < 5 * deviation + 1e-6
    for words, steps in list(zip(found, drawn.probabilities.tolist(), strict=True))[:50]:
        assert math.prod(steps) == pytest.approx(chances[words], rel=1e-4)


def test_the_log_probability_is_that_of_the_draw_and_dropout_is_off():
    model, reading = small(seed=2), torch.randn(1, 5)
    chances = chances_of_all_sentences(model, reading[0], max_length=2)
    model.dropout.p = 0.5
    model.train()
    ids = torch.tensor([[*words, *[PADDING] * (3 - len(words))] for words in chances])
    log_p = model.log_probability(reading.expand(len(ids), -1), ids, max_length=2)
    torch.testing.assert_close(log_p, torch.tensor(list(chances.values())).log(), rtol=1e-4, atol=1e-4)
    assert float(log_p.detach().exp().sum()) == pytest.approx(1, abs=1e-4)
    assert model.dropout.training
    model.zero_grad()
    log_p.exp().sum().backward()  # a sum that is always 1 has no gradient
    assert all(float(parameter.grad.abs().max()) < 1e-4 for parameter in model.parameters())


def test_a_draw_repeats_with_its_seed_and_ends_with_one_full_stop():
    model, readings = small(seed=1), torch.randn(40, 5)
    model.output.bias.data[STOP] = -100  # it would never stop by itself
    model.output.bias.data[[PADDING, START, UNKNOWN]] = 100
    torch.manual_seed(4)
    first = model.sample(readings, max_length=3).ids
    torch.manual_seed(4)
    assert torch.equal(first, model.sample(readings, max_length=3).ids)
    assert not torch.equal(first, model.sample(readings, max_length=3).ids)
    assert first.shape == (40, 4)
    assert (first[:, 3] == STOP).all()
    assert (first[:, :3] > STOP).all()


def test_what_can_never_be_drawn_has_no_chance():
    model = small()
    ids = torch.tensor([[UNKNOWN, STOP], [STOP, PADDING]])
    assert model.log_probability(torch.randn(2, 5), ids, max_length=2).tolist() == [-math.inf, -math.inf]
