import math

import pytest

from whynet.base.errors import SettingError
from whynet.models.width import check_sizes, scaled


@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [(96, 1.0, 96), (4096, 1.0, 4096), (96, 0.25, 24), (64, 0.3, 16), (64, 0.33, 24), (64, 0.01, 8), (64, 2.0, 128)],
)
def test_sizes_are_multiples_of_eight(size, width, expected):
    assert scaled(size, width) == expected


@pytest.mark.parametrize(
    ("num_classes", "width", "dropout"),
    [
        (1, 1.0, 0.5),
        (2, 0.0, 0.5),
        (2, -1.0, 0.5),
        (2, math.inf, 0.5),
        (2, math.nan, 0.5),
        (2, 1.0, 1.0),
        (2, 1.0, -0.1),
    ],
)
def test_sizes_out_of_range(num_classes, width, dropout):
    with pytest.raises(SettingError, match=f"at least two classes, .* not {num_classes}, {width} and {dropout}"):
        check_sizes(num_classes, width, dropout)


def test_sizes_at_the_ends_of_their_ranges():
    check_sizes(2, 1e-3, 0.0)
