import pytest
import torch

from whynet.base.errors import SettingError
from whynet.models.interpnet import InterpNET


def interpnet(size):
    return InterpNET(reading_size=size, vocabulary_size=9, embedding_size=4, hidden_size=4, projection_size=4)


@pytest.fixture
def readings():
    torch.manual_seed(0)
    found = torch.tensor([5.0, 0.1, 3.0, 1.0, 200.0, 1.0]) * torch.randn(50, 6) + torch.arange(6)
    found[:, 3] = 7.0  # an entry that never changes
    return found


def root_mean_square(entries):
    return float(entries.square().sum(1).mean().sqrt())


def test_standardised_entries_have_one_deviation_and_the_whole_has_length_one(readings):
    model = interpnet(6)
    model.standardise(readings)
    scaled = model.scaled(readings)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(6), atol=1e-6, rtol=0)
    assert scaled[:, [0, 1, 2, 4, 5]].std(0, correction=0).tolist() == pytest.approx([5**-0.5] * 5, rel=1e-5)
    assert scaled[:, 3].abs().max() == 0
    assert root_mean_square(scaled) == pytest.approx(1, rel=1e-5)


def test_balanced_parts_have_one_length_however_many_entries_they_have(readings):
    model = interpnet(6)
    model.standardise(readings, [1, 4, 1])
    parts = model.scaled(readings).split([1, 4, 1], dim=1)
    assert [root_mean_square(part) for part in parts] == pytest.approx([3**-0.5] * 3, rel=1e-5)
    assert parts[1][:, [0, 1, 3]].std(0, correction=0).tolist() == pytest.approx([1 / 3] * 3, rel=1e-5)
    one, other = interpnet(6), interpnet(6)
    one.standardise(readings)
    other.standardise(readings, [6])
    assert torch.equal(one.reading_scale, other.reading_scale)


def test_a_part_that_never_changes_takes_nothing_from_the_others(readings):
    model = interpnet(6)
    model.standardise(readings, [3, 1, 2])
    first, still, last = model.scaled(readings).split([3, 1, 2], dim=1)
    assert still.abs().max() == 0
    assert [root_mean_square(first), root_mean_square(last)] == pytest.approx([2**-0.5] * 2, rel=1e-5)


def test_sizes_that_do_not_add_up_are_refused(readings):
    with pytest.raises(SettingError, match="parts of 6 entries in all were expected, not of 5"):
        interpnet(6).standardise(readings, [2, 3])
