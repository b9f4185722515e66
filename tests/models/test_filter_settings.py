"""Settings of filters that make no sense are refused in a sentence."""

import inspect
import math

import pytest

from whynet.base.errors import SettingError
from whynet.models.filter_settings import FilterSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0.5}, "a finite beta of at least 1, or 0 for no masks, was expected, not 0.5"),
        ({"beta": 0.0}, "give strength 0 and no learned beta"),
        ({"beta": 0.0, "strength": 0.0, "learned_beta": True}, "give strength 0 and no learned beta"),
        ({"beta": math.inf}, "not inf"),
        ({"beta": math.nan}, "not nan"),
        ({"strength": -1.0}, "a finite strength of at least 0 and a momentum from 0 to below 1 were expected"),
        ({"strength": math.nan}, "a finite strength"),
        ({"momentum": 1.0}, "and 1.0"),
        ({"norm": "l3"}, "norm 'l3' is unknown; choose one of l1, l2"),
        ({"gradient": "none"}, "gradient 'none' is unknown; choose one of released, equation4, exact"),
        ({"assignment": "any"}, "assignment 'any' is unknown; choose one of arg-max, balanced"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(settings, message):
    own = FilterSettings()
    for name, value in settings.items():
        object.__setattr__(own, name, value)
    with pytest.raises(SettingError, match=message):
        inspect.unwrap(FilterSettings.__post_init__)(own)  # the tests' own check of types comes first
