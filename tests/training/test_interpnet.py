import math

import pytest
import torch

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import PADDING
from whynet.models.interpnet import InterpNET
from whynet.training.interpnet import CaptionPairs, collate, sentence_loss, standardise
from whynet.training.settings import ClassifierSettings, ExplainerSettings


def test_loss_is_the_mean_over_words_then_over_sentences():
    scores = torch.randn(3, 4, 6)
    targets = torch.tensor([[4, 5, 3, PADDING], [5, 3, PADDING, PADDING], [4, 4, 5, 3]])
    sentences = []
    for sentence, words in zip(scores.tolist(), targets.tolist(), strict=True):
        losses = []
        for row, word in zip(sentence, words, strict=True):
            if word != PADDING:
                losses.append(math.log(sum(math.exp(score) for score in row)) - row[word])
        sentences.append(sum(losses) / len(losses))
    assert float(sentence_loss(scores, targets)) == pytest.approx(sum(sentences) / 3, rel=1e-5)


def test_each_caption_is_one_pair_with_its_image():
    readings = torch.randn(2, 3)
    data = CaptionPairs(readings, [[[4, 3], [5, 4, 3]], [[4, 4, 4, 3]]])
    batch, ids = collate([data[index] for index in range(3)])
    assert torch.equal(batch, readings[[0, 0, 1]])
    assert ids.tolist() == [[4, 3, PADDING, PADDING], [5, 4, 3, PADDING], [4, 4, 4, 3]]


def test_errors():
    with pytest.raises(DataError, match="captions of 2 images were expected, not of 1"):
        CaptionPairs(torch.zeros(2, 3), [[[3]]])
    with pytest.raises(DataError, match="no image has a caption"):
        CaptionPairs(torch.zeros(2, 3), [[], []])
    with pytest.raises(DataError, match=r"r\(x\) of image 1 holds NaN"):
        CaptionPairs(torch.tensor([[0.0], [torch.nan]]), [[[3]], [[3]]])
    with pytest.raises(SettingError, match="a positive learning rate"):
        ExplainerSettings(learning_rate=0.0)
    unsized = CaptionPairs(torch.randn(2, 3), [[[4, 3]], [[3]]])
    with pytest.raises(SettingError, match="layers can be balanced where their sizes are known"):
        standardise(InterpNET(reading_size=3, vocabulary_size=9), unsized, ExplainerSettings(balance=True))
    with pytest.raises(SettingError, match=r"layers are balanced where r\(x\) is standardised"):
        ExplainerSettings(standardise=False, balance=True)
    with pytest.raises(SettingError, match="at least 1"):
        ClassifierSettings(epochs=0)
