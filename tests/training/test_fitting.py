import pytest
import torch

from whynet.base.errors import TrainingError
from whynet.models.interpnet import InterpNET
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.interpnet import CaptionPairs, ExplainerTraining, collate, train_interpnet
from whynet.training.settings import ExplainerSettings

SETTINGS = ExplainerSettings(epochs=6, batch_size=16, learning_rate=2e-2, captions_per_epoch=2, patience=3)


def pairs(num_images=48):
    generator = torch.Generator().manual_seed(0)
    captions = [[[4 + (image + k) % 5] * (1 + k) + [3] for k in range(3)] for image in range(num_images)]
    return CaptionPairs(torch.randn(num_images, 6, generator=generator), captions)


def fresh():
    torch.manual_seed(1)
    return InterpNET(reading_size=6, vocabulary_size=9, embedding_size=4, hidden_size=8, projection_size=8, dropout=0.5)


def fit(folder, model=None, *, progress=False, **changes):
    settings = ExplainerSettings(**{**SETTINGS.__dict__, **changes})
    model = model or fresh()
    history = train_interpnet(
        model,
        pairs(),
        pairs(12),
        settings,
        FitContext(folder=folder, seed=3, hardware=Hardware(device="cpu"), progress=progress),
    )
    return history, model


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_same_seed_gives_the_same_numbers(tmp_path):
    first, one = fit(tmp_path / "a")
    torch.rand(7)  # what was drawn before does not matter
    second, other = fit(tmp_path / "b")
    assert first == second
    assert same_weights(one, other)
    assert first[-1]["train_loss"] < first[0]["train_loss"]


def test_where_no_bar_can_be_drawn_each_epoch_and_in_long_ones_each_half_minute_has_a_line(
    tmp_path, monkeypatch, capsys
):
    fit(tmp_path / "quick", progress=True, epochs=2)
    quick = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0].rpartition(" ")[2] for line in quick] == ["1/2", "2/2"]
    monkeypatch.setattr("whynet.base.progress._SILENCE_SECONDS", 0.0)
    fit(tmp_path / "slow", progress=True, epochs=2)
    slow = [line for line in capsys.readouterr().err.splitlines() if " epoch " not in line]
    assert [line.partition(": ")[2] for line in slow] == [f"{step} of 12" for step in range(1, 13)]


@pytest.mark.parametrize("killed_at", [4, 13, 17])
def test_a_killed_fit_ends_like_an_unbroken_one(tmp_path, monkeypatch, killed_at):
    unbroken, expected = fit(tmp_path / "unbroken")
    step, steps = ExplainerTraining.training_step, iter(range(1000))

    def dying(self, batch, index):
        if next(steps) == killed_at:
            raise SystemExit("killed in the middle of an epoch")
        return step(self, batch, index)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(ExplainerTraining, "training_step", dying)
        fit(tmp_path / "broken")
    count = []
    with monkeypatch.context() as patch:
        patch.setattr(ExplainerTraining, "training_step", lambda *given: count.append(1) or step(*given))
        resumed, model = fit(tmp_path / "broken")
    assert len(count) == 6 * (SETTINGS.epochs - killed_at // 6)  # 6 steps an epoch: no completed one is done again
    assert resumed == unbroken
    assert same_weights(model, expected)


def test_the_best_epoch_is_kept_and_a_bad_one_stops_the_fit(tmp_path):
    history, model = fit(tmp_path, learning_rate=2.0, epochs=30, patience=2)
    losses = [row["val_loss"] for row in history]
    best = losses.index(min(losses))
    assert len(history) == best + 3 < 30
    training = ExplainerTraining(model.eval(), 1.0)
    readings, targets = collate([pairs(12)[index] for index in range(36)])
    with torch.no_grad():
        assert float(training._loss((readings, targets))) == pytest.approx(losses[best], rel=1e-4)


def test_a_fit_that_has_stopped_early_is_not_trained_on(tmp_path, monkeypatch):
    history, model = fit(tmp_path, learning_rate=2.0, epochs=30, patience=2)
    monkeypatch.setattr(ExplainerTraining, "training_step", None)
    again, same = fit(tmp_path, learning_rate=2.0, epochs=30, patience=2)
    assert again == history
    assert same_weights(model, same)


def test_the_learning_rate_is_halved_after_an_epoch_without_improvement(tmp_path):
    history, _ = fit(tmp_path, learning_rate=1.0, epochs=8, patience=8)
    best, rate = float("inf"), 1.0
    for row in history:
        if row["val_loss"] >= best * (1 - 1e-4):  # torch's scheduler asks for a relative gain of 1e-4
            rate /= 2
        best = min(best, row["val_loss"])
        assert row["learning_rate"] == rate
    assert rate < 1


def test_nan_loss_is_told(tmp_path):
    model = fresh()
    model.decoder.output.bias.data[:] = torch.nan
    with pytest.raises(TrainingError, match="the loss became nan in epoch 0; lower the learning rate"):
        fit(tmp_path, model)


def test_a_damaged_checkpoint_is_told(tmp_path):
    fit(tmp_path, epochs=1)
    (tmp_path / "last.ckpt").write_bytes(b"half")
    with pytest.raises(TrainingError, match="cannot go on from .*last.ckpt"):
        fit(tmp_path)
