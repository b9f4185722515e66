import pytest
import torch

from whynet.base.errors import DataError, TrainingError
from whynet.base.seeding import seeded
from whynet.models.interpnet import InterpNET
from whynet.training.fitting import FitContext
from whynet.training.gve import CaptionedReadings, fit_gve
from whynet.training.hardware import Hardware
from whynet.training.interpnet import CaptionPairs, train_interpnet
from whynet.training.reinforce import GVETraining
from whynet.training.sentences import LanguageModelTraining, SentenceClassifierTraining
from whynet.training.settings import ExplainerSettings, GVESettings

SETTINGS = ExplainerSettings(epochs=3, batch_size=16, learning_rate=1e-2, captions_per_epoch=1)
GVE = GVESettings(
    reward_weight=0.5, epochs=4, patience=2, batch_size=16, learning_rate=3e-2, captions_per_epoch=1,
    embedding_size=4, hidden_size=8,
)  # fmt: skip
TRAININGS = {
    "sentence_classifier": SentenceClassifierTraining,
    "language_model": LanguageModelTraining,
    "explainer": GVETraining,
}


def build(reading_size):
    return InterpNET(
        reading_size=reading_size, vocabulary_size=8, embedding_size=4, hidden_size=8, projection_size=8, max_length=4
    )


def images(count, *, told=True):
    generator = torch.Generator().manual_seed(count)
    labels = torch.arange(count) % 2
    words = labels if told else torch.randint(2, (count,), generator=generator)
    captions = [[[4, 6 + word, 3], [5, 6 + word, 5, 3]] for word in words.tolist()]
    return CaptionedReadings(
        readings=torch.randn(count, 3, generator=generator), labels=labels, captions=captions, sizes=[3]
    )


def test_the_sentence_networks_see_each_caption_once_whatever_the_views():
    once = images(5)
    thrice = CaptionedReadings(
        readings=once.readings.repeat(3, 1), labels=once.labels.repeat(3), captions=once.captions * 3, views=3
    )
    found = thrice.sentences(("red", "blue"))
    assert [ids.tolist() for ids in found.sentences] == [ids for own in once.captions for ids in own]
    assert torch.equal(found.labels, once.sentences(("red", "blue")).labels)


def fit(folder, *, gve=GVE, train=None, validation=None):
    return fit_gve(
        build, train or images(64), validation or images(20), ("red", "blue"), SETTINGS, gve,
        FitContext(folder=folder, seed=3, hardware=Hardware(device="cpu"), progress=False),
    )  # fmt: skip


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("unbroken"))


@pytest.mark.parametrize("killed", TRAININGS)
def test_a_fit_killed_in_any_step_ends_like_an_unbroken_one(unbroken, tmp_path, monkeypatch, killed):
    step, steps = TRAININGS[killed].training_step, iter(range(1000))

    def dying(self, batch, index):
        if next(steps) == 6:  # in the second of epochs of four steps
            raise KeyboardInterrupt
        return step(self, batch, index)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TRAININGS[killed], "training_step", dying)
        fit(tmp_path)
    with monkeypatch.context() as patch:
        for name in list(TRAININGS)[: list(TRAININGS).index(killed)]:
            patch.setattr(TRAININGS[name], "training_step", None)  # what is finished is not trained on
        resumed = fit(tmp_path)
    assert resumed.histories == unbroken.histories
    assert same(resumed.class_embedding, unbroken.class_embedding)
    assert same(resumed.sentence_classifier, unbroken.sentence_classifier)
    assert same(resumed.interpnet, unbroken.interpnet)


def test_what_was_fitted_fits_together(unbroken):
    assert list(unbroken.histories) == ["sentence_classifier", "language_model", "explainer"]
    assert set(unbroken.histories["explainer"][0]) == {"epoch", "train_loss", "val_loss", "val_reward", "learning_rate"}
    assert unbroken.interpnet.reading_size == 3 + 8
    assert not unbroken.class_embedding.vectors[0].equal(unbroken.class_embedding.vectors[1])
    assert max(row["val_accuracy"] for row in unbroken.histories["sentence_classifier"]) == 1
    joined = unbroken.class_embedding(images(4).readings, torch.tensor([0, 1, 1, 0]))
    assert unbroken.interpnet.write(joined).ids.shape[0] == 4


def test_without_reward_the_classifier_is_skipped_and_the_loss_is_the_cross_entropy(tmp_path):
    train, validation = images(64, told=False), images(20, told=False)
    gve = GVESettings(**{**GVE.__dict__, "reward_weight": 0.0})
    fitted = fit(tmp_path / "gve", gve=gve, train=train, validation=validation)
    assert fitted.sentence_classifier is None
    assert list(fitted.histories) == ["language_model", "explainer"]
    assert not (tmp_path / "gve" / "sentence_classifier").exists()
    with seeded(3, "interpnet"):
        plain = build(11)
    pairs = [
        CaptionPairs(fitted.class_embedding(part.readings, part.labels), part.captions) for part in (train, validation)
    ]
    rows = train_interpnet(
        plain,
        *pairs,
        SETTINGS,
        FitContext(folder=tmp_path / "plain", seed=3, hardware=Hardware(device="cpu"), progress=False),
    )
    assert rows == fitted.histories["explainer"]
    assert same(plain, fitted.interpnet)


def test_captions_that_tell_nothing_of_the_class_are_refused(tmp_path):
    with pytest.raises(TrainingError, match="the sentence classifier is right about .* train without reward"):
        fit(tmp_path, train=images(64, told=False), validation=images(20, told=False))


def test_a_class_without_captions_is_told_before_any_fit(tmp_path):
    train = images(64)
    captions = [own if label else [] for own, label in zip(train.captions, train.labels.tolist(), strict=True)]
    bare = CaptionedReadings(readings=train.readings, labels=train.labels, captions=captions)
    with pytest.raises(DataError, match=r"every class needs a training caption .* but 1 have none \(red\)"):
        fit(tmp_path, train=bare)
    assert not list(tmp_path.iterdir())
