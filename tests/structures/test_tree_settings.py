"""Settings of trees that make no sense are refused in a sentence."""

import inspect
import math

import pytest

from whynet.base.errors import SettingError
from whynet.structures.tree_settings import TreeSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sparsity": -0.1}, "a finite sparsity and beta of at least 0 and candidates of at least 0"),
        ({"sparsity": math.nan}, "not nan"),
        ({"beta": math.inf}, "inf and 8"),
        ({"candidates": -1}, "and -1"),
        ({"growth": "wild"}, "growth 'wild' is unknown; choose one of direction, likelihood"),
        ({"pooling": "max"}, "pooling 'max' is unknown; choose one of active, mean"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    own = TreeSettings()
    for name, value in settings.items():
        object.__setattr__(own, name, value)
    with pytest.raises(SettingError, match=message):
        inspect.unwrap(TreeSettings.__post_init__)(own)  # the tests' own check of types comes first
