import itertools

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import PADDING, START, STOP
from whynet.models.interpnet import InterpNET
from whynet.models.sentence_classifier import SentenceClassifier
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.interpnet import CaptionPairs, train_interpnet
from whynet.training.reinforce import LabelledPairs, collate_labelled, reinforce, sentence_rewards, train_gve
from whynet.training.settings import ExplainerSettings, GVESettings

CPU = Hardware(device="cpu")
SETTINGS = ExplainerSettings(
    epochs=8, patience=8, plateau_patience=8, batch_size=32, learning_rate=2e-2, captions_per_epoch=2
)
GENERIC, RED, BLUE = 5, 6, 7


class ReadsTheColour(SentenceClassifier):
    """Sure of the class where a sentence names its colour, undecided where it does not."""

    def __init__(self):
        super().__init__(2, 8, embedding_size=1, hidden_size=1)

    def forward(self, ids):
        return 5.0 * torch.stack([(ids == RED).any(1), (ids == BLUE).any(1)], 1)


def decoder(max_length=3, dropout=0.2, scale=1.0):
    torch.manual_seed(1)
    model = InterpNET(
        reading_size=3, vocabulary_size=8, embedding_size=4, hidden_size=8, projection_size=8,
        dropout=dropout, max_length=max_length,
    )  # fmt: skip
    for parameter in model.parameters():
        parameter.data *= scale
    return model


def toy(num_images):
    """Of each image's five captions two name the colour of its class, three do not."""
    labels = torch.arange(num_images) % 2
    readings = torch.cat([torch.eye(2)[labels], torch.randn(num_images, 1)], 1)
    words = [(GENERIC, GENERIC, GENERIC, RED + label, RED + label) for label in labels.tolist()]
    captions = [[[4, word, STOP] for word in own] for own in words]
    return LabelledPairs(CaptionPairs(readings, captions), labels)


def fit(folder, *, reward_weight, baseline=False, classifier=None, **changes):
    torch.manual_seed(0)
    train, validation, model = toy(80), toy(30), decoder()
    rows = train_gve(
        model, classifier or ReadsTheColour(), train, validation, ExplainerSettings(**{**SETTINGS.__dict__, **changes}),
        GVESettings(reward_weight=reward_weight, baseline=baseline),
        FitContext(folder=folder, seed=0, hardware=CPU, progress=False),
    )  # fmt: skip
    return rows, model


def expected_reward(model, reading, rewards):
    """E[R] by writing out every sentence of at most two words, with the model's chance of each."""
    total = 0.0
    for words in [[*s, STOP] for length in (1, 2) for s in itertools.product(range(4, 8), repeat=length)]:
        scores = model(reading, torch.tensor([[START, *words[:-1]]]))[0]
        chance = 1.0
        for step, word in enumerate(words[:2]):  # the third word is always the full stop
            allowed = [w for w in range(8) if w > STOP or (w == STOP and step > 0)]
            chance = chance * scores[step, word].exp() / sum(scores[step, w].exp() for w in allowed)
        total = total + chance * rewards[tuple(words)]
    return total


@pytest.mark.parametrize(("baseline", "batch"), [(False, 40), (True, 2)])
def test_the_gradient_is_that_of_the_expected_reward(baseline, batch):
    model = decoder(max_length=2, dropout=0.5, scale=2.0)
    torch.manual_seed(2)
    classifier = SentenceClassifier(2, 8, embedding_size=4, hidden_size=4).eval()
    for parameter in classifier.parameters():
        parameter.data *= 4
    model.standardise(2 + 3 * torch.randn(20, 3))
    reading, classes = 5 * torch.randn(1, 3), torch.ones(batch, dtype=torch.int64)
    rewards = {}
    for words in [[*s, STOP] for length in (1, 2) for s in itertools.product(range(4, 8), repeat=length)]:
        logits = classifier(torch.tensor([words]))[0].detach()
        rewards[tuple(words)] = float(logits[1].exp() / (logits[0].exp() + logits[1].exp()))
    parameters = list(model.parameters())

    def flat_gradient(number):
        return torch.cat([gradient.flatten() for gradient in torch.autograd.grad(number, parameters)])

    exact = -flat_gradient(expected_reward(model.eval(), reading, rewards))
    model.train()  # dropout is left out all the same
    estimates, mean_rewards = [], []
    for _ in range(200):
        number, drawn = reinforce(model, classifier, reading.expand(batch, -1), classes, baseline=baseline)
        estimates.append(flat_gradient(number))
        mean_rewards.append(drawn.mean())
    estimates = torch.stack(estimates)
    standard_errors = estimates.std(0) / len(estimates) ** 0.5
    seen = exact.abs() > 1e-7  # words that are never read have no gradient
    deviations = (estimates.mean(0) - exact)[seen] / standard_errors[seen]
    assert float(deviations.abs().max()) < 5
    assert float(exact.norm()) > 5 * float(standard_errors.norm() / len(exact) ** 0.5)
    expected = float(expected_reward(model.eval(), reading, rewards).detach())
    assert float(torch.stack(mean_rewards).mean()) == pytest.approx(expected, abs=0.03)


def test_a_reward_that_is_the_same_for_all_sentences_is_cancelled_by_the_baseline():
    model = decoder()
    always = ReadsTheColour()
    always.forward = lambda ids: torch.zeros(len(ids), 2)
    classes = torch.zeros(6, dtype=torch.int64)
    number, rewards = reinforce(model, always, torch.randn(6, 3), classes, baseline=True)
    assert rewards.tolist() == [0.5] * 6
    assert float(number.detach()) == 0
    alone, _ = reinforce(model, always, torch.randn(1, 3), classes[:1], baseline=True)
    assert float(alone.detach()) > 0  # one sentence has no others to be compared with


@pytest.mark.parametrize("baseline", [False, True])
def test_the_reward_rises_with_its_weight(tmp_path, baseline):
    plain, _ = fit(tmp_path / "plain", reward_weight=0.0)
    rewarded, _ = fit(tmp_path / "rewarded", reward_weight=3.0, baseline=baseline)
    assert plain[-1]["val_reward"] == pytest.approx(0.5)  # the likeliest sentence names no colour
    assert rewarded[-1]["val_reward"] > 0.9
    assert rewarded[-1]["train_loss"] < rewarded[0]["train_loss"]


def test_without_weight_it_is_plain_cross_entropy(tmp_path):
    rows, model = fit(tmp_path / "gve", reward_weight=0.0)
    torch.manual_seed(0)
    train, validation, plain = toy(80), toy(30), decoder()
    expected = train_interpnet(
        plain,
        train.pairs,
        validation.pairs,
        SETTINGS,
        FitContext(folder=tmp_path / "plain", seed=0, hardware=CPU, progress=False),
    )
    assert [{name: row[name] for name in row if name != "val_reward"} for row in rows] == expected
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), plain.state_dict().values(), strict=True))


def test_the_validation_reward_is_that_of_the_greedy_sentences(tmp_path):
    torch.manual_seed(0)
    classifier = SentenceClassifier(2, 8, embedding_size=4, hidden_size=4)  # in training mode, with dropout
    rows, model = fit(tmp_path, reward_weight=0.1, classifier=classifier, epochs=1)
    torch.manual_seed(0)
    toy(80)  # the same draws before the validation readings
    data, total = toy(30), 0.0
    for index in range(len(data)):
        reading, _, label, _ = data[index]
        words = [word for word in model.write(reading[None]).ids[0].tolist() if word != PADDING]
        total += float(classifier.eval()(torch.tensor([words])).softmax(1)[0, label].detach())
    assert rows[0]["val_reward"] == pytest.approx(total / len(data), abs=1e-5)


def test_rewards_are_the_chances_of_the_true_classes():
    chances = sentence_rewards(ReadsTheColour(), torch.tensor([[4, RED, 3], [4, RED, 3]]), torch.tensor([0, 1]))
    assert float(chances.sum()) == pytest.approx(1)
    assert float(chances[0]) == pytest.approx(0.9933, abs=1e-4)


def test_pairs_bear_the_class_and_the_number_of_their_image():
    data = LabelledPairs(CaptionPairs(torch.eye(2), [[[4, 3], [5, 4, 3]], [[6, 3]]]), torch.tensor([1, 0]))
    readings, ids, classes, images = collate_labelled([data[index] for index in range(3)])
    assert torch.equal(readings, torch.eye(2)[[0, 0, 1]])
    assert ids.tolist() == [[4, 3, PADDING], [5, 4, 3], [6, 3, PADDING]]
    assert (classes.tolist(), images.tolist()) == ([1, 1, 0], [0, 0, 1])


def test_errors(tmp_path):
    with pytest.raises(DataError, match="labels of 2 images were expected, not of 1"):
        LabelledPairs(CaptionPairs(torch.eye(2), [[[3]], [[3]]]), torch.tensor([0]))
    with pytest.raises(SettingError, match="a reward of weight 0.1 needs a sentence classifier"):
        train_gve(
            decoder(), None, toy(4), toy(4), SETTINGS, GVESettings(reward_weight=0.1),
            FitContext(folder=tmp_path, seed=0, hardware=CPU, progress=False),
        )  # fmt: skip
