import pytest

from whynet.workflows.gallery import NUM_CARDS, gallery


@pytest.mark.parametrize(("num_pictures", "expected"), [(0, 0), (5, 5), (24, 24), (1000, NUM_CARDS)])
def test_each_picture_once_and_the_same_ones_each_time(num_pictures, expected):
    chosen = gallery(num_pictures)
    assert len(chosen) == len(set(chosen)) == expected
    assert set(chosen) <= set(range(num_pictures))
    assert gallery(num_pictures) == chosen
