"""Settings that make no sense are refused in a sentence."""

import inspect
import math

import pytest

from whynet.base.errors import SettingError
from whynet.structures.graph_settings import GraphSettings, numbers_of


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nodes_per_filter": 0}, "at least 1 node a filter was expected, not 0"),
        ({"nodes_per_filter": (4, 0)}, r"not \(4, 0\)"),
        ({"nodes_per_filter": ()}, "at least 1 node a filter"),
        ({"parents": 0}, "at least 1 parent and 1 iteration were expected, not 0 and 20"),
        ({"iterations": 0}, "not 15 and 0"),
        ({"noise": 0.0}, "a share of noise between 0 and 1 was expected, not 0.0"),
        ({"noise": 1.0}, "not 1.0"),
        ({"noise": math.nan}, "not nan"),
        ({"seed": -1}, "a seed from 0"),
        ({"seed": 2**63}, "a seed from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    own = GraphSettings()
    for name, value in settings.items():
        object.__setattr__(own, name, value)
    with pytest.raises(SettingError, match=message):
        inspect.unwrap(GraphSettings.__post_init__)(own)


def test_one_number_is_for_all_layers_and_several_are_one_each():
    assert GraphSettings(nodes_per_filter=3).nodes_in(2) == (3, 3)
    assert GraphSettings(nodes_per_filter=(40, 20)).nodes_in(2) == (40, 20)
    with pytest.raises(SettingError, match=r"for each of 3 layers was expected, but 2 came, \(40, 20\)"):
        GraphSettings(nodes_per_filter=(40, 20)).nodes_in(3)


def test_without_a_number_there_is_one_node_in_the_top_layer_and_more_below():
    assert [GraphSettings().nodes_in(count) for count in (1, 2, 3, 5)] == [(1,), (4, 1), (8, 4, 1), (8, 8, 8, 4, 1)]


def test_numbers_are_read_as_they_are_written():
    assert numbers_of("4") == 4
    assert numbers_of("40, 20") == (40, 20)
    for text in ("", "4,", "four", "4.5"):
        with pytest.raises(SettingError, match="one whole number, or one a layer with commas"):
            numbers_of(text)
