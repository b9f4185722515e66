import pytest
import torch

from whynet.base.errors import SettingError
from whynet.base.tokens import PADDING, START
from whynet.models.language_model import LanguageModel
from whynet.models.saved_network import load_network, save_network


def small():
    torch.manual_seed(0)
    return LanguageModel(8, embedding_size=4, hidden_size=5, dropout=0.5)


def slow_states(model, words):
    """The LSTM's states from its textbook equations, one for each of `words`."""
    p = dict(model.lstm.named_parameters())
    h = c = torch.zeros(5)
    states = []
    for word in words:
        x = model.embedding.weight[word]
        i, f, g, o = (p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"]).split(5)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h.detach())
    return states


def test_scores_equal_the_equations():
    model, words = small().eval(), [START, 5, 4, 7]
    expected = [model.output.weight @ h + model.output.bias for h in slow_states(model, words)]
    torch.testing.assert_close(model(torch.tensor([words]))[0], torch.stack(expected))


def test_the_mean_is_over_the_words_and_neither_start_nor_padding():
    model, sentences = small(), [[4, 5, 3], [7, 3], [6, 6, 5, 4, 3]]  # in training mode: no dropout all the same
    ids = torch.tensor([words + [PADDING] * (7 - len(words)) for words in sentences])
    means = model.mean_states(ids).tolist()
    for words, mean in zip(sentences, means, strict=True):
        states = slow_states(model, [START, *words])[1:]
        assert mean == pytest.approx([sum(float(h[unit]) for h in states) / len(words) for unit in range(5)], abs=1e-6)


def test_a_saved_one_says_the_same(tmp_path):
    model, ids = small(), torch.tensor([[4, 5, 6, 3]])
    save_network(model, tmp_path)
    assert torch.equal(load_network(LanguageModel, tmp_path).mean_states(ids), model.mean_states(ids))


def test_errors():
    with pytest.raises(SettingError, match="five words, .* were expected, not 4, 256 and 512, and 0.2"):
        LanguageModel(4)
