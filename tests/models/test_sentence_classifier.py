import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import PADDING
from whynet.models.saved_network import load_network, save_network
from whynet.models.sentence_classifier import SentenceClassifier


def small():
    torch.manual_seed(0)
    return SentenceClassifier(3, 8, embedding_size=4, hidden_size=5, dropout=0.5).eval()


def slow_logits(model, words):
    """The LSTM from its textbook equations, word by word and unit by unit, then the linear layer."""
    weights = {name: tensor.tolist() for name, tensor in model.lstm.named_parameters()}
    size = model.lstm.hidden_size
    h, c = [0.0] * size, [0.0] * size
    for word in words:
        x = model.embedding.weight[word].tolist()
        gates = []
        for row in range(4 * size):
            total = weights["bias_ih_l0"][row] + weights["bias_hh_l0"][row]
            total += sum(w * value for w, value in zip(weights["weight_ih_l0"][row], x, strict=True))
            total += sum(w * value for w, value in zip(weights["weight_hh_l0"][row], h, strict=True))
            gates.append(torch.tensor(total))
        for unit in range(size):
            i, f, g, o = (gates[k * size + unit] for k in range(4))
            c[unit] = float(f.sigmoid() * c[unit] + i.sigmoid() * g.tanh())
            h[unit] = float(o.sigmoid() * torch.tensor(c[unit]).tanh())
    rows = zip(model.output.weight.tolist(), model.output.bias.tolist(), strict=True)
    return [bias + sum(w * value for w, value in zip(row, h, strict=True)) for row, bias in rows]


def test_logits_equal_the_equations():
    model, sentences = small(), [[4, 5, 3], [7, 3], [6, 6, 5, 4, 3]]
    ids = torch.tensor([words + [PADDING] * (5 - len(words)) for words in sentences])
    torch.testing.assert_close(model(ids), torch.tensor([slow_logits(model, words) for words in sentences]))


def test_padding_changes_nothing():
    model, ids = small(), torch.tensor([[4, 5, 6, 3], [7, 3, 0, 0]])
    padded = torch.nn.functional.pad(ids, (0, 6), value=PADDING)
    torch.testing.assert_close(model(ids), model(padded), rtol=0, atol=1e-6)
    assert not torch.allclose(model(ids)[0], model(ids)[1])


def test_a_saved_one_says_the_same(tmp_path):
    model, ids = small(), torch.tensor([[4, 5, 6, 3]])
    save_network(model, tmp_path)
    assert torch.equal(load_network(SentenceClassifier, tmp_path)(ids), model(ids))


def test_errors():
    with pytest.raises(DataError, match="at least one word were expected, but row 1 is padding alone"):
        small()(torch.tensor([[4, 3], [0, 0]]))
    with pytest.raises(SettingError, match="two classes, five words, .* were expected, not 1, 8, 256 and 512, and 0.2"):
        SentenceClassifier(1, 8)
    with pytest.raises(SettingError, match="and 1.0"):
        SentenceClassifier(2, 8, dropout=1.0)
