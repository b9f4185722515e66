import math

import pytest
import torch

from whynet.base.errors import DataError, SettingError, TrainingError
from whynet.models.language_model import LanguageModel
from whynet.models.sentence_classifier import SentenceClassifier
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.sentences import (
    LabelledSentences,
    class_embeddings,
    collate,
    train_language_model,
    train_sentence_classifier,
)
from whynet.training.settings import GVESettings

SETTINGS = GVESettings(
    epochs=4, batch_size=16, learning_rate=2e-2, captions_per_epoch=2, embedding_size=4, hidden_size=8
)


def sentences(num_images, *, told=True, num_captions=3):
    """Images of two classes; the second word tells the class, or is one of the two words at random."""
    generator = torch.Generator().manual_seed(num_images)
    labels = torch.arange(num_images) % 2
    coins = torch.randint(2, (num_images, num_captions), generator=generator).tolist()
    captions = [
        [[4, 6 + (label if told else coin), *[5] * k, 3] for k, coin in enumerate(row)]
        for label, row in zip(labels.tolist(), coins, strict=True)
    ]
    return LabelledSentences(captions, labels, ("red", "blue"))


def fit(train, network, folder, *, told=True, num_validation=20, **changes):
    settings = GVESettings(**{**SETTINGS.__dict__, **changes})
    return train(
        network, sentences(60, told=told), sentences(num_validation, told=told), settings,
        FitContext(folder=folder, seed=0, hardware=Hardware(device="cpu"), progress=False),
    )  # fmt: skip


def classifier():
    torch.manual_seed(0)
    return SentenceClassifier(2, 8, embedding_size=4, hidden_size=8)


def language_model():
    torch.manual_seed(0)
    return LanguageModel(8, embedding_size=4, hidden_size=8)


def test_the_classifier_learns_the_word_that_tells_the_class(tmp_path):
    network = classifier()
    history = fit(train_sentence_classifier, network, tmp_path)
    assert max(row["val_accuracy"] for row in history) == 1
    assert set(history[0]) == {"epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate"}
    assert network.eval()(torch.tensor([[4, 6, 3], [4, 7, 3]])).argmax(1).tolist() == [0, 1]


def test_a_classifier_that_learns_nothing_is_refused(tmp_path):
    expected = r"is right about \d+\.\d% of the validation captions, but above 71.2% was expected .* class has 50.0%; "
    with pytest.raises(TrainingError, match=expected + ".*more epochs.*tell the classes apart.*--gve-reward-weight 0"):
        fit(train_sentence_classifier, classifier(), tmp_path, told=False, num_validation=50)
    # 0.5 + 3 standard errors of a coin thrown once for each of 50 images
    deviation = math.sqrt(sum((outcome - 0.5) ** 2 for outcome in (0, 1)) / 2 / 50)
    assert 0.5 + 3 * deviation == pytest.approx(0.712, abs=5e-4)


def test_a_good_classifier_passes_on_a_handful_of_images(tmp_path):
    history = fit(train_sentence_classifier, classifier(), tmp_path, num_validation=4)
    assert history[-1]["val_accuracy"] == 1


def test_the_language_model_learns_the_captions(tmp_path):
    network = language_model()
    history = fit(train_language_model, network, tmp_path, epochs=15)
    assert set(history[0]) == {"epoch", "train_loss", "val_loss", "learning_rate"}
    # The chance of each caption's words is 1, but for the coin (1/2) and for the end (1/3, then 1/2).
    losses = [(math.log(2) + math.log(3)) / 3, (math.log(2) + math.log(3)) / 4, (2 * math.log(2) + math.log(1.5)) / 5]
    assert min(row["val_loss"] for row in history) == pytest.approx(sum(losses) / 3, abs=0.06)


def test_a_class_embedding_is_the_mean_state_of_its_sentences():
    model, given = language_model(), sentences(7)
    found = class_embeddings(model, given)
    assert found.shape == (2, 8)
    for number in range(2):
        means = []
        for words, label in zip(given.sentences, given.labels.tolist(), strict=True):
            if label == number:
                states, _ = model.lstm(model.embedding(torch.tensor([[1, *words.tolist()]])))
                means.append(sum(states[0, 1:].detach()) / len(words))
        torch.testing.assert_close(found[number], sum(means) / len(means))


def test_the_order_of_sentences_changes_no_embedding():
    given = sentences(7)
    captions = [[words.tolist()] for words in given.sentences]
    turned = LabelledSentences(captions[::-1], given.labels.flip(0), given.class_names)
    torch.testing.assert_close(
        class_embeddings(language_model(), given), class_embeddings(language_model(), turned), rtol=0, atol=1e-6
    )


def test_sentences_bear_the_class_of_their_image():
    given = LabelledSentences([[[4, 3]], [], [[5, 3], [6, 5, 3]]], torch.tensor([1, 0, 0]), ("red", "blue"))
    ids, labels = collate([given[index] for index in range(len(given))])
    assert ids.tolist() == [[4, 3, 0], [5, 3, 0], [6, 5, 3]]
    assert labels.tolist() == [1, 0, 0]
    assert given.image_of.tolist() == [0, 2, 2]


def test_errors():
    names = ("red", "blue", "green")
    with pytest.raises(DataError, match="captions of 2 images were expected, not of 1"):
        LabelledSentences([[[3]]], torch.tensor([0, 1]), names)
    with pytest.raises(DataError, match="labels from 0 to 2 were expected, not 3; name all classes"):
        LabelledSentences([[[3]]], torch.tensor([3]), names)
    with pytest.raises(DataError, match="no image has a caption; the sentence networks"):
        LabelledSentences([[]], torch.tensor([0]), names)
    bare = LabelledSentences([[[4, 3]], []], torch.tensor([1, 2]), names)
    with pytest.raises(DataError, match=r"every class needs a training caption .* 2 have none \(red, green\); add"):
        class_embeddings(language_model(), bare)
    with pytest.raises(SettingError, match="a finite reward weight from 0 on"):
        GVESettings(reward_weight=-1.0)
    with pytest.raises(SettingError, match="a positive learning rate were expected"):
        GVESettings(learning_rate=0.0)
    with pytest.raises(SettingError, match="at least 1"):
        GVESettings(hidden_size=0)
